import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import sqlite3 from 'sqlite3';
import { packageRoot } from '../../server/config/index.js';
import { asFile, type Passage } from '../support/evaluation.js';
import { TestServer, type UploadFile } from '../support/server.js';

const folder = process.env['BENCH_LIBRARIES'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'erpfts-bench');

const filesPerRequest = 100;

/** What decides how passages are cut and stored: a library made by another state of this code is made again. */
const makers = ['server/ingestion/reading', 'server/platform/terms'];

/**
 * A server over a library that has these passages and no others, with the vectors of their pieces. Made once, which takes
 * minutes, and kept outside the repository: in BENCH_LIBRARIES, by default the user's cache folder.
 */
export function serverWith(name: string, passages: Passage[], env: Record<string, string>): Promise<TestServer> {
  return serverWithFiles(name, passages.map(asFile), env);
}

export async function serverWithFiles(name: string, files: UploadFile[], env: Record<string, string>): Promise<TestServer> {
  const dataDir = join(folder, `${name}-${fingerprint(files, env)}`);
  const whole = join(dataDir, 'whole');
  if (existsSync(whole)) return TestServer.start(env, dataDir);
  rmSync(dataDir, { recursive: true, force: true });
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const server = await TestServer.start(env, dataDir);
  try {
    for (let at = 0; at < files.length; at += filesPerRequest) await server.upload(files.slice(at, at + filesPerRequest));
    await server.idle(7_200_000);
    writeFileSync(whole, new Date().toISOString());
  } finally {
    await server.quit();
  }
  // As one that was kept: a server that has just embedded all this has other memory in use.
  return TestServer.start(env, dataDir);
}

function fingerprint(files: UploadFile[], env: Record<string, string>): string {
  const hash = createHash('sha256').update(JSON.stringify(env));
  for (const { name, content } of files) hash.update(`${name}\0`).update(content).update('\0');
  for (const maker of makers) {
    const sources = readdirSync(join(packageRoot, maker), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    for (const file of sources.sort()) hash.update(readFileSync(join(packageRoot, maker, file)));
  }
  return hash.digest('hex').slice(0, 12);
}

/** Settings under which every search is a new one. */
export const uncached = { CACHE_SEARCH_TTL: '0', CACHE_EMBEDDING_TTL: '0' };

/** Which of the passages a library's documents hold; passages of the same bytes are one document. */
export async function passagesByDocument(dataDir: string, passages: Passage[]): Promise<Map<string, string[]>> {
  const rows = await query<{ id: string; file_name: string; aliases: string }>(dataDir, 'SELECT id, file_name, aliases FROM documents');
  const ids = new Map(passages.map((passage) => [asFile(passage).name, passage.id]));
  return new Map(rows.map((row) => [row.id, [row.file_name, ...(JSON.parse(row.aliases) as string[])].flatMap((name) => ids.get(name) ?? [])]));
}

async function query<T>(dataDir: string, sql: string): Promise<T[]> {
  const database = new sqlite3.Database(join(dataDir, 'erpfts.sqlite'), sqlite3.OPEN_READONLY);
  const rows = await new Promise<T[]>((resolve, reject) => database.all<T>(sql, (error, found) => (error ? reject(error) : resolve(found))));
  database.close();
  return rows;
}

export interface StoredPassage {
  id: string;
  text: string;
  vector: Float32Array;
}

/** The library's passages with their vectors, as its database has them. */
export async function storedPassages(dataDir: string): Promise<StoredPassage[]> {
  const rows = await query<{ id: number; text: string; vector: Buffer }>(
    dataDir,
    'SELECT c.id, c.text, v.vector FROM chunks c JOIN chunk_vectors v ON v.chunk_id = c.id WHERE c.indexed_at IS NOT NULL ORDER BY c.id',
  );
  return rows.map(({ id, text, vector }) => ({ id: String(id), text, vector: new Float32Array(new Uint8Array(vector).buffer) }));
}

/** @returns a file of JSON lines that rivals fill their stores from */
export async function exportPassages(dataDir: string): Promise<string> {
  const file = join(dataDir, 'passages.jsonl');
  const lines = (await storedPassages(dataDir)).map(({ id, text, vector }) =>
    JSON.stringify({ id, text, vector: Buffer.from(vector.buffer).toString('base64') }),
  );
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}
