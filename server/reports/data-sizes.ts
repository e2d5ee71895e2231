import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Database } from '../platform/database/index.js';

/** These are there whether or not anything lies in them; others only where there are some. */
const usual = ['chroma', 'originals', 'logs', 'models', 'tmp'];

/** What the data takes, bytes: every folder of the data directory, and that of backups wherever it is. */
export async function sizesOf(dataDir: string, backups: string, database: Database): Promise<Record<string, number>> {
  const entries = await readdir(dataDir, { withFileTypes: true }).catch(() => []);
  const others = entries.flatMap((entry) => (entry.isDirectory() && !usual.includes(entry.name) && entry.name !== 'backups' ? [entry.name] : [])).sort();
  const folders = [...usual, ...others].map((name) => [name, join(dataDir, name)] as const);
  const sizes = await Promise.all([...folders, ['backups', backups] as const].map(async ([name, folder]) => [name, await folderBytes(folder)] as const));
  return { database: await database.sizeBytes(), ...Object.fromEntries(sizes) };
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries) if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name)).catch(() => null))?.size ?? 0;
  return bytes;
}
