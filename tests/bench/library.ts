import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import sqlite3 from 'sqlite3';
import { packageRoot } from '../../server/config/index.js';
import { type Passage, takePassages } from '../support/evaluation.js';
import { TestServer } from '../support/server.js';

const folder = process.env['BENCH_LIBRARIES'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'erpfts-bench');

/** What decides how passages are cut and stored: a library made by another state of this code is made again. */
const makers = ['server/ingestion/reading', 'server/platform/terms'];

/**
 * A server over a library that has these passages and no others, with the vectors of their pieces. Made once, which takes
 * minutes, and kept outside the repository: in BENCH_LIBRARIES, by default the user's cache folder.
 */
export async function serverWith(name: string, passages: Passage[], env: Record<string, string>): Promise<TestServer> {
  const dataDir = join(folder, `${name}-${fingerprint(passages, env)}`);
  const whole = join(dataDir, 'whole');
  if (existsSync(whole)) return TestServer.start(env, dataDir);
  rmSync(dataDir, { recursive: true, force: true });
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const server = await TestServer.start(env, dataDir);
  try {
    await takePassages(server, passages);
    writeFileSync(whole, new Date().toISOString());
    return server;
  } catch (error) {
    await server.quit();
    throw error;
  }
}

function fingerprint(passages: Passage[], env: Record<string, string>): string {
  const hash = createHash('sha256').update(JSON.stringify(env));
  for (const { id, title, text } of passages) hash.update(`${id}\0${title}\0${text}\0`);
  for (const maker of makers) {
    const files = readdirSync(join(packageRoot, maker), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    for (const file of files.sort()) hash.update(readFileSync(join(packageRoot, maker, file)));
  }
  return hash.digest('hex').slice(0, 12);
}

export interface StoredPassage {
  id: string;
  text: string;
  vector: Float32Array;
}

/** The library's passages with their vectors, as its database has them. */
export async function storedPassages(dataDir: string): Promise<StoredPassage[]> {
  const database = new sqlite3.Database(join(dataDir, 'erpfts.sqlite'), sqlite3.OPEN_READONLY);
  const rows = await new Promise<{ id: number; text: string; vector: Buffer }[]>((resolve, reject) =>
    database.all<{ id: number; text: string; vector: Buffer }>(
      'SELECT c.id, c.text, v.vector FROM chunks c JOIN chunk_vectors v ON v.chunk_id = c.id WHERE c.indexed_at IS NOT NULL ORDER BY c.id',
      (error, found) => (error ? reject(error) : resolve(found)),
    ),
  );
  database.close();
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
