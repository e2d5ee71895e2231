import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { backUp, backups, erpfts, library } from '../support/backups.js';
import { smallDisk } from '../support/disks.js';
import { TestServer, until } from '../support/server.js';

/** Differences between the stores. */
async function found(server: TestServer): Promise<number> {
  const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>('mutation { runMaintenance(task: VERIFY_DATA) { id } }');
  const { status, error, result } = await server.jobDone(runMaintenance.id);
  if (status !== 'SUCCEEDED') throw new Error(`verifying ${status}: ${error}\n${server.log.slice(-3000)}`);
  return (result as { found: number }).found;
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
});

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
});

test('a disk that fills during a restore leaves the state as it was, or the restored one', async ({ skip }) => {
  const disk = await smallDisk(64);
  if (!disk) return skip();
  await mkdir(join(disk.path, 'data'));
  const elsewhere = await mkdtemp(join(tmpdir(), 'erpfts-backups-'));
  const server = await TestServer.start({ BACKUP_DIR: elsewhere, DISK_MIN_FREE_BYTES: '0' }, join(disk.path, 'data'));
  await server.take('ferry.txt', 'The ferry leaves the northern pier at half past six.');
  await server.idle();
  const saved = await library(server);
  const { id } = (await backUp(server, 'FULL')) as { id: string };
  await server.take('bridge.txt', 'The bridge was rebuilt in 1931.');
  await server.idle();
  const present = await library(server);
  for (const waitMs of [0, 1000]) {
    const filler = join(disk.path, 'filler');
    await mkdir(filler);
    const { restoreBackup } = await server.ask<{ restoreBackup: { id: string } }>(
      'mutation($id: ID!, $confirm: String!) { restoreBackup(id: $id, confirm: $confirm) { id } }',
      { id, confirm: id },
    );
    await delay(waitMs);
    for (const kilobytes of [512, 64, 4]) {
      for (let i = 0; i < 200; i++) await writeFile(join(filler, `${kilobytes}-${i}`), Buffer.alloc(kilobytes * 1024)).catch(() => undefined);
    }
    // Whatever becomes of it meanwhile: with space again, and begun again, one of the two is there.
    await server.jobDone(restoreBackup.id, 3000).catch(() => undefined);
    await rm(filler, { recursive: true });
    await server.kill();
    await server.boot();
    await until(
      () =>
        server.idle(60_000, ['BACKUP']).then(
          () => true,
          () => null,
        ),
      90_000,
      'the restore to end',
    );
    const now = await library(server);
    expect(now).toEqual(now.titles.length === saved.titles.length ? saved : present);
    expect(await found(server)).toBe(0);
    if (now.titles.length === saved.titles.length) {
      await server.take('bridge.txt', 'The bridge was rebuilt in 1931.');
      await server.idle();
    }
    await rm(join(server.dataDir, 'set-aside'), { recursive: true, force: true });
  }
  await server.stop();
  disk.free();
});
