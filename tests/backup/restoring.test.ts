import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity } from 'age-encryption';
import sqlite3 from 'sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backUp, backups, erpfts, library } from '../support/backups.js';
import { TestServer } from '../support/server.js';

let server: TestServer;
let bare: string;
beforeAll(async () => {
  server = await TestServer.start();
  bare = await mkdtemp(join(tmpdir(), 'erpfts-bare-'));
  await server.take('ferry.txt', 'The ferry leaves the northern pier at half past six.');
  await server.take('onsen.txt', '別府の温泉は源泉数が日本一である。');
  await server.idle();
});
afterAll(async () => {
  await server.stop();
  await rm(bare, { recursive: true, force: true });
});

function rowsOf<T>(dataDir: string, sql: string): Promise<T[]> {
  return new Promise((resolve, reject) => {
    const database = new sqlite3.Database(join(dataDir, 'erpfts.sqlite'));
    database.all(sql, (error, rows) => {
      database.close();
      if (error) reject(error);
      else resolve(rows as T[]);
    });
  });
}

test('a database without vectors takes those of the newest backup that has some, and the rest is made again', async () => {
  await backUp(server, 'VECTORS');
  await server.take('bridge.txt', 'The bridge was rebuilt in 1931.');
  await server.idle();
  const { id } = await backUp(server, 'DATABASE');
  const expected = await library(server);
  const restored = await erpfts(bare, ['restore', String(id), '--yes'], { BACKUP_DIR: join(server.dataDir, 'backups') });
  expect(restored).toMatchObject({ code: 0 });
  const vectors = 'SELECT d.title FROM chunk_vectors v JOIN chunks c ON c.id = v.chunk_id JOIN documents d ON d.id = c.document_id ORDER BY d.title';
  expect(await rowsOf(bare, vectors)).toEqual([{ title: 'ferry' }, { title: 'onsen' }]);
  const moved = await TestServer.start({}, bare);
  try {
    await moved.idle();
    expect(await library(moved)).toEqual(expected);
    expect(await rowsOf(bare, vectors)).toHaveLength(3);
  } finally {
    await moved.quit();
  }
});

test('a restored state that does not start gives way to the one before, which is logged from then on', async () => {
  const before = await library(server);
  await server.quit();
  const folder = join(server.dataDir, 'restore');
  await mkdir(join(folder, 'staged', 'originals'), { recursive: true });
  await writeFile(join(folder, 'staged', 'erpfts.sqlite'), 'This was a database once. '.repeat(500));
  const aside = '2026-01-01T00-00-00-000Z';
  await writeFile(join(folder, 'plan.json'), JSON.stringify({ backupId: 'broken', jobId: null, phase: 'prepared', aside, attempts: 0, rows: [] }));
  await server.boot();
  expect(await library(server)).toEqual(before);
  expect(readdirSync(folder)).toEqual(['outcome.json']);
  expect(JSON.parse(readFileSync(join(folder, 'outcome.json'), 'utf8'))).toMatchObject({ backupId: 'broken', ok: false });
  expect(existsSync(join(server.dataDir, 'set-aside', aside))).toBe(false);
  await server.ask('mutation { setLogLevel(level: INFO) }');
  await server.quit();
  const log = readdirSync(join(server.dataDir, 'logs')).map((name) => readFileSync(join(server.dataDir, 'logs', name), 'utf8'));
  expect(log.join('')).toContain('"msg":"the restored state could not be started; the one before is back"');
  expect(log.join('')).toContain('"msg":"stopping"');
  await server.boot();
});

test('a backup under a key file is opened by that key file alone', async () => {
  const [key, other] = [join(bare, 'backup.key'), join(bare, 'other.key')];
  for (const path of [key, other]) await writeFile(path, `# made for this test\n${await generateX25519Identity()}\n`);
  await server.quit();
  const sealing = await server.restarted({ BACKUP_KEY_FILE: key });
  const { id } = await backUp(sealing, 'FULL');
  expect((await backups(sealing)).find((one) => one.id === id)).toMatchObject({ encrypted: true, state: 'GOOD', proof: { ok: true } });
  expect(readFileSync(join(sealing.dataDir, 'backups', String(id), 'manifest.json'), 'utf8')).not.toContain('AGE-SECRET-KEY');
  await sealing.quit();
  const settings = { BACKUP_DIR: join(server.dataDir, 'backups') };
  for (const [wrong, words] of [
    [{ BACKUP_KEY_FILE: other }, 'is encrypted with another key file'],
    [{}, 'is encrypted with another key file'],
    [{ BACKUP_KEY_FILE: join(bare, 'missing.key') }, 'cannot be read'],
  ] as const)
    expect(await erpfts(bare, ['restore', String(id), '--yes'], { ...settings, ...wrong })).toMatchObject({
      code: expect.any(Number) as number,
      err: expect.stringContaining(words) as string,
    });
  expect(await erpfts(bare, ['restore', String(id), '--yes'], { ...settings, BACKUP_KEY_FILE: key })).toMatchObject({ code: 0 });
  expect(await rowsOf(bare, 'SELECT title FROM documents ORDER BY title')).toHaveLength(3);
});

test('a restore that was cut off is taken back before another one begins, also where that one fails', async () => {
  await server.quit();
  const aside = join(server.dataDir, 'set-aside', 'cut-off');
  await mkdir(aside, { recursive: true });
  for (const name of ['erpfts.sqlite', 'originals', 'chroma']) await rename(join(server.dataDir, name), join(aside, name));
  const plan = { backupId: 'half', jobId: null, phase: 'aside', aside: 'cut-off', attempts: 0, rows: [] };
  await mkdir(join(server.dataDir, 'restore', 'staged'), { recursive: true });
  await writeFile(join(server.dataDir, 'restore', 'plan.json'), JSON.stringify(plan));
  // It cannot be opened without its key: nothing is restored.
  const [{ id }] = (await readdir(join(server.dataDir, 'backups'))).filter((name) => name.includes('-full-')).map((name) => ({ id: name })) as [{ id: string }];
  expect((await erpfts(server.dataDir, ['restore', id, '--yes'])).code).toBe(1);
  expect(existsSync(join(server.dataDir, 'restore', 'plan.json'))).toBe(false);
  expect(await rowsOf(server.dataDir, 'SELECT title FROM documents ORDER BY title')).toHaveLength(3);
  await server.boot();
  expect((await library(server)).titles).toEqual(['bridge', 'ferry', 'onsen']);
});
