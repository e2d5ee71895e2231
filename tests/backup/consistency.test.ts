import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { backUp, backups, erpfts } from '../support/backups.js';
import { notice } from '../support/environment.js';
import { TestServer, until } from '../support/server.js';

/** Differences between the stores. */
async function found(server: TestServer): Promise<number> {
  const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>('mutation { runMaintenance(task: VERIFY_DATA) { id } }');
  return ((await server.jobDone(runMaintenance.id)).result as { found: number }).found;
}

test('a backup written while 20 writers write holds whole documents only', async () => {
  const server = await TestServer.start();
  await server.upload(Array.from({ length: 15 }, (_, i) => ({ name: `before-${i}.txt`, content: `Before ${i}: the harbour has ${i + 3} cranes.` })));
  await server.idle();
  let writing = true;
  let written = 0;
  const writers = Array.from({ length: 20 }, async (_, writer) => {
    for (let i = 0; writing; i++) {
      const [result] = await server.upload([{ name: `${writer}-${i}.txt`, content: `Writer ${writer} tells for the ${i}th time of ${writer * i} gulls.` }]);
      const id = result?.document?.id;
      if (i % 3 === 2 && id) await server.ask('mutation($ids: [ID!]!) { deleteDocuments(ids: $ids) { id } }', { ids: [id] });
      written += 1;
    }
  });
  const first = await backUp(server, 'DATABASE');
  const second = await backUp(server, 'DATABASE');
  writing = false;
  await Promise.all(writers);
  expect(written).toBeGreaterThan(20);
  expect([first['missing'], second['missing']]).toEqual([[], []]);
  expect((await backups(server)).map(({ state }) => state)).toEqual(['GOOD', 'GOOD']);
  const { id, documents } = second as { id: string; documents: number };
  const bare = await mkdtemp(join(tmpdir(), 'erpfts-bare-'));
  expect(await erpfts(bare, ['restore', id, '--yes'], { BACKUP_DIR: join(server.dataDir, 'backups') })).toMatchObject({ code: 0 });
  const restored = await TestServer.start({}, bare);
  // What was on its way then goes on now.
  await restored.idle();
  // What earlier readings left is cleared away behind everybody.
  await until(async () => ((await found(restored)) === 0 ? true : null), 60_000, 'the stores to agree');
  const { documents: ready } = await restored.ask<{ documents: { totalCount: number } }>('{ documents(filter: { statuses: [READY] }) { totalCount } }');
  expect(ready.totalCount).toBe(documents);
  await restored.stop();
  await server.stop();
}, 240_000);

/** A disk of its own of so many megabytes; null where this machine lets us have none. */
async function smallDisk(megabytes: number): Promise<{ path: string; free: () => void; readOnly: () => void } | null> {
  const path = await mkdtemp(join(tmpdir(), 'erpfts-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    notice('No disk can be mounted here: backups to a full and to a read-only disk are not tested.');
    return null;
  }
  return {
    path,
    free: () => execFileSync('umount', ['-l', path]),
    readOnly: () => execFileSync('mount', ['-o', 'remount,ro', path]),
  };
}

test('a disk that fills in the middle, or cannot be written, costs the backup and nothing else', async ({ skip }) => {
  const disk = await smallDisk(24);
  if (!disk) return skip();
  const server = await TestServer.start({ BACKUP_DIR: join(disk.path, 'backups'), DISK_MIN_FREE_BYTES: '0' });
  await server.take('ferry.txt', 'The ferry leaves the northern pier at half past six.');
  await server.idle();
  const good = await backUp(server, 'DATABASE');
  // Somebody else takes what is left as soon as it has begun.
  const filler = join(disk.path, 'filler');
  await mkdir(filler);
  const { createBackup } = await server.ask<{ createBackup: { id: string } }>('mutation { createBackup(kind: DATABASE) { id } }');
  for (let i = 0; i < 200; i++) {
    await writeFile(join(filler, String(i)), Buffer.alloc(512 * 1024)).catch(() => undefined);
    await writeFile(join(filler, `small-${i}`), Buffer.alloc(4096)).catch(() => undefined);
  }
  const failed = await server.jobDone(createBackup.id);
  expect(failed.status).toBe('FAILED');
  expect(failed.error).toMatch(/ENOSPC|disk is full|A backup may need/);
  expect((await backups(server)).map(({ id, state }) => [id, state])).toEqual([[good['id'], 'GOOD']]);
  await rm(filler, { recursive: true });
  const again = await backUp(server, 'DATABASE');
  expect((await readdir(join(disk.path, 'backups'))).filter((name) => name.endsWith('.partial'))).toEqual([]);
  disk.readOnly();
  await expect(backUp(server, 'DATABASE')).rejects.toThrow(/The folder of backups cannot be written: EROFS/);
  expect((await backups(server)).map(({ id }) => id)).toEqual([again['id'], good['id']]);
  const { health } = await server.ask<{ health: { components: { name: string; status: string }[] } }>('{ health { components { name status } } }');
  expect(health.components.find(({ name }) => name === 'database')).toMatchObject({ status: 'HEALTHY' });
  await server.stop();
  disk.free();
}, 120_000);
