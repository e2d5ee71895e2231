import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import S3rver from 's3rver';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ObjectStorage } from '../../server/platform/object-storage/index.js';
import { backUp, backups, erpfts } from '../support/backups.js';
import { TestServer } from '../support/server.js';

let s3: S3rver;
let folder: string;
let server: TestServer;
let storage: Record<string, string>;
/** A wire to the storage that can be cut. */
let wire: Server;
let leftBytes = Infinity;
const sockets = new Set<Socket>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'erpfts-s3-'));
  s3 = new S3rver({ port: 0, address: '127.0.0.1', directory: folder, silent: true, configureBuckets: [{ name: 'kept', configs: [] }] });
  const { port } = await s3.run();
  wire = createServer((socket) => {
    const onward = connect(port, '127.0.0.1');
    for (const end of [socket, onward]) {
      sockets.add(end);
      end.on('error', () => undefined);
    }
    socket.on('data', (data) => {
      leftBytes -= data.length;
      if (leftBytes < 0) for (const end of [socket, onward]) end.destroy();
      else onward.write(data);
    });
    onward.pipe(socket);
    socket.on('close', () => onward.destroy());
  });
  await new Promise<void>((resolve) => wire.listen(0, '127.0.0.1', resolve));
  storage = {
    BACKUP_S3_URL: `http://127.0.0.1:${(wire.address() as AddressInfo).port}/kept/erpfts`,
    BACKUP_S3_ACCESS_KEY: 'S3RVER',
    BACKUP_S3_SECRET_KEY: 'S3RVER',
  };
  server = await TestServer.start(storage);
  await server.take('ferry.txt', 'The ferry leaves the northern pier at half past six.');
  await server.idle();
});
afterAll(async () => {
  await server.stop();
  for (const socket of sockets) socket.destroy();
  wire.close();
  await s3.close();
  await rm(folder, { recursive: true, force: true });
});

const copies = async () => (await readdir(join(folder, 'kept', 'erpfts')).catch(() => [])).filter((name) => name.endsWith('.tar._S3rver_object'));

test('a copy of each backup is put into the object storage, and goes with it', async () => {
  const { id } = (await backUp(server, 'DATABASE')) as { id: string };
  expect((await backups(server))[0]).toMatchObject({ id, state: 'GOOD', copiedAt: expect.any(String) as string });
  expect(await copies()).toEqual([`${id}.tar._S3rver_object`]);
  await server.ask('mutation($id: ID!) { deleteBackup(id: $id) }', { id });
  expect(await copies()).toEqual([]);
});

test('a connection lost in the middle leaves the backup good, no half copy, and an alert', async () => {
  leftBytes = 4000;
  await expect(backUp(server, 'DATABASE')).rejects.toThrow('no copy of it could be put away');
  leftBytes = Infinity;
  expect((await backups(server))[0]).toMatchObject({ state: 'GOOD', copiedAt: null });
  expect(await copies()).toEqual([]);
  const { alerts } = await server.ask<{ alerts: { edges: { node: { rule: string } }[] } }>(
    '{ alerts(filter: { states: [ACTIVE] }) { edges { node { rule } } } }',
  );
  expect(alerts.edges.map(({ node }) => node.rule)).toContain('backup_copy');
  // The next one takes what was missed along.
  await backUp(server, 'DATABASE');
  expect(await copies()).toHaveLength(2);
});

test('copies that no backup here belongs to go by the same rules', async () => {
  const bucket = new ObjectStorage({ BACKUP_S3_REGION: 'us-east-1', ...storage } as ConstructorParameters<typeof ObjectStorage>[0]);
  const yesterday = new Date(Date.now() - 86_400_000).toISOString().replace(/[-:]|\.\d+/g, '');
  for (const time of ['20240102T020000Z', '20240102T010000Z', yesterday])
    await bucket.put(`${time}-database-0123.tar`, Readable.from(['lost']), new AbortController().signal);
  await bucket.put('minutes.tar', Readable.from(['not ours']), new AbortController().signal);
  const before = await bucket.list();
  await backUp(server, 'DATABASE');
  const after = await bucket.list();
  // The newest of its day is kept, the one before is not.
  expect(before.filter((name) => !after.includes(name))).toEqual(['20240102T010000Z-database-0123.tar']);
  for (const name of after.filter((one) => one.includes('0123') || one === 'minutes.tar')) await bucket.remove(name);
  bucket.close();
});

test('a copy that was only looked into stays where it is', async () => {
  leftBytes = Infinity;
  const before = await copies();
  expect(before.length).toBeGreaterThan(0);
  const bare = await mkdtemp(join(tmpdir(), 'erpfts-look-'));
  const seen = await erpfts(bare, ['--json', 'restore', 'latest', '--dry-run'], storage);
  expect([seen.code, seen.out]).toEqual([0, expect.stringContaining('"obstacle": null')]);
  expect((await readdir(join(bare, 'backups'))).filter((name) => /^\d{8}T/.test(name))).toEqual([]);
  expect(await copies()).toEqual(before);
  await rm(bare, { recursive: true, force: true });
});

test('a machine that has nothing but the storage gets the newest copy back', async () => {
  const bare = await mkdtemp(join(tmpdir(), 'erpfts-bare-'));
  try {
    expect(await erpfts(bare, ['restore', 'latest', '--yes'], storage)).toMatchObject({ code: 0, out: expect.stringContaining('is restored') as string });
    expect((await readdir(bare)).sort()).toEqual(expect.arrayContaining(['backups', 'erpfts.sqlite', 'originals']));
  } finally {
    await rm(bare, { recursive: true, force: true });
  }
});
