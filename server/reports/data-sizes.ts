import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Database } from '../platform/database/index.js';

/** What the data takes, bytes. */
export async function sizesOf(dataDir: string, database: Database): Promise<Record<string, number>> {
  const folders = ['chroma', 'originals', 'logs', 'models', 'tmp'];
  const sizes = await Promise.all(folders.map((name) => folderBytes(join(dataDir, name))));
  return { database: await database.sizeBytes(), ...Object.fromEntries(folders.map((name, i) => [name, sizes[i]!])) };
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries) if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name)).catch(() => null))?.size ?? 0;
  return bytes;
}
