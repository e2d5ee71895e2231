import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import sqlite3 from 'sqlite3';
import { ChromaClient } from 'chromadb';
import { execFileSync } from 'node:child_process';
import { type TestServer } from './server.js';

/** Rows of the server's own SQLite file, read beside it. */
export function rows<T extends object>(server: TestServer, sql: string): Promise<T[]> {
  return new Promise((resolve, reject) => {
    const database = new sqlite3.Database(join(server.dataDir, 'erpfts.sqlite'), sqlite3.OPEN_READONLY);
    database.all<T>(sql, (error, found) => {
      database.close();
      if (error) reject(error);
      else resolve(found);
    });
  });
}

export const row = async <T extends object>(server: TestServer, sql: string) => (await rows<T>(server, sql))[0]!;

export const count = async (server: TestServer, from: string) => (await row<{ n: number }>(server, `SELECT count(*) n FROM ${from}`)).n;

export function filesIn(server: TestServer, folder: string): string[] {
  return readdirSync(join(server.dataDir, folder), { recursive: true })
    .map(String)
    .filter((name) => statSync(join(server.dataDir, folder, name)).isFile());
}

export interface ChildProcessLine {
  pid: number;
  args: string;
}

export function childrenOf(pid: number): ChildProcessLine[] {
  return execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(pid)])
    .toString()
    .trim()
    .split('\n')
    .map((line) => ({ pid: Number(line.trim().split(' ')[0]), args: line.trim() }));
}

export function chromaProcess(server: Pick<TestServer, 'pid'>): ChildProcessLine & { port: number } {
  const found = childrenOf(server.pid).find(({ args }) => args.includes('chroma-child'));
  if (!found) throw new Error('the server has no ChromaDB child');
  return { ...found, port: Number(found.args.split(' ').at(-1)) };
}

/** The server's own ChromaDB. */
export function chroma(server: Pick<TestServer, 'pid'>): ChromaClient {
  return new ChromaClient({ host: '127.0.0.1', port: chromaProcess(server).port, ssl: false });
}

/** What every store holds: rows and files of all documents together. */
export async function holdings(server: TestServer): Promise<Record<string, number>> {
  const tables = ['documents', 'document_texts', 'chunks', 'chunk_vectors', 'chunk_terms', 'chunk_fulltext'];
  const counts = await Promise.all(tables.map(async (table) => [table, await count(server, table)] as const));
  const client = chroma(server);
  let vectors = 0;
  for (const { name } of await client.listCollections()) vectors += await (await client.getCollection({ name })).count();
  return { ...Object.fromEntries(counts), vectors, originals: filesIn(server, 'originals').length, temporary: filesIn(server, 'tmp').length };
}
