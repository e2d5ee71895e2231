import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import sqlite3 from 'sqlite3';
import { AppError } from '../errors.js';

function tryLock(path: string): Promise<sqlite3.Database | null> {
  return new Promise((resolve, reject) => {
    const handle = new sqlite3.Database(path, (openError) => {
      if (openError) return reject(openError);
      handle.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE', (error: (Error & { code?: string }) | null) => {
        if (!error) return resolve(handle);
        handle.close();
        if (error.code === 'SQLITE_BUSY') resolve(null);
        else reject(error);
      });
    });
  });
}

/**
 * Takes the data directory for this process by a lock of the operating system, which dies with the process.
 * @throws AppError CONFLICT when another process still holds it after `waitMs`
 */
export async function lockDataDirectory(dataDir: string, waitMs = 15_000, name = 'lock'): Promise<() => Promise<void>> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const path = join(dataDir, `${name}.sqlite`);
  const ownerFile = join(dataDir, `${name}.owner`);
  const deadline = Date.now() + waitMs;
  for (;;) {
    const handle = await tryLock(path);
    if (handle) {
      writeFileSync(ownerFile, `process ${process.pid}, since ${new Date().toISOString()}\n`);
      return () => new Promise((resolve) => handle.close(() => resolve()));
    }
    if (Date.now() >= deadline) {
      let owner = 'another process';
      try {
        owner = readFileSync(ownerFile, 'utf8').trim();
      } catch {
        // The owner has not written its name yet; the message is as good without.
      }
      throw new AppError('CONFLICT', `${dataDir} is in use by ${owner}.`, 'Stop it first, or set DATA_DIR to another folder.');
    }
    await delay(200);
  }
}
