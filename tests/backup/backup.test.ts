import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backUp, type BackupLine, backups, erpfts, library, restore } from '../support/backups.js';
import { pdf } from '../support/files.js';
import { TestServer } from '../support/server.js';

let server: TestServer;
let full: BackupLine;
let saved: Awaited<ReturnType<typeof library>>;

beforeAll(async () => {
  // Often enough to see what lives for a few seconds.
  server = await TestServer.start({ METRICS_INTERVAL_SECONDS: '1' });
  await server.take('ferry.txt', 'The ferry leaves the northern pier at half past six.', { tags: ['travel'] });
  await server.take('tea.pdf', await pdf(['Sencha is brewed with water of seventy degrees.', 'Hojicha bears boiling water.']));
  await server.take('onsen.txt', '別府の温泉は源泉数が日本一である。');
  await server.idle();
});
afterAll(() => server.stop());

test('a full backup is checked, restored beside by a server of its own, and listed as proven', async () => {
  saved = await library(server);
  const result = await backUp(server, 'FULL');
  expect(result).toMatchObject({ kind: 'FULL', documents: 3, newOriginals: 3, missing: [] });
  [full] = (await backups(server)) as [BackupLine];
  expect(full).toMatchObject({ id: result['id'], kind: 'FULL', state: 'GOOD', documents: 3, encrypted: false, problems: [] });
  expect(full.proof).toMatchObject({ ok: true, queries: 3, agreement: 1, problems: [] });
  expect(full.proof!.peakMemoryBytes).toBeLessThan(700 * 1024 ** 2);
  // The scratch installation is gone.
  expect(await readdir(server.dataDir)).not.toContain('proof');
});

test('the proof has a process of its own, and that a ChromaDB of its own: both are told of', async () => {
  const processes = async () =>
    (await server.ask<{ metrics: { processes: { name: string }[] } }>('{ metrics { processes { name } } }')).metrics.processes.map(({ name }) => name);
  // A proof of a few documents is over in a moment, and a sample may fall beside it: one after the other, until it is seen.
  let proving = true;
  const proofs = (async () => {
    while (proving) {
      const { verifyBackup } = await server.ask<{ verifyBackup: { id: string } }>('mutation($id: ID!) { verifyBackup(id: $id, prove: true) { id } }', {
        id: full.id,
      });
      expect(await server.jobDone(verifyBackup.id)).toMatchObject({ status: 'SUCCEEDED' });
    }
  })();
  const seen = expect.arrayContaining(['server', 'chromadb', 'backup', expect.stringMatching(/^backup: /) as string]) as string[];
  await expect
    .poll(processes, { timeout: 60_000, interval: 200 })
    .toEqual(seen)
    .finally(() => (proving = false));
  await proofs;
});

test('originals are shared: the next backup writes only new ones', async () => {
  await server.take('bridge.txt', 'The bridge was rebuilt in 1931.');
  await server.idle();
  const result = await backUp(server, 'DATABASE');
  expect(result).toMatchObject({ documents: 4, newOriginals: 1 });
  const objects = await readdir(join(server.dataDir, 'backups', 'objects'), { recursive: true, withFileTypes: true });
  expect(objects.filter((entry) => entry.isFile())).toHaveLength(4);
});

test('a restore brings the saved state back, sets the present one aside, and tells so', async () => {
  const { documents } = await server.ask<{ documents: { edges: { node: { id: string; title: string } }[] } }>('{ documents { edges { node { id title } } } }');
  const tea = documents.edges.find(({ node }) => node.title === 'tea')!.node.id;
  await server.ask('mutation($ids: [ID!]!) { deleteDocuments(ids: $ids) { id } }', { ids: [tea] });
  await server.idle();
  const { restorePreview } = await server.ask<{ restorePreview: object }>(
    'query($id: ID!) { restorePreview(id: $id) { documentsNow documentsLost documentsBack lostTitles obstacle } }',
    { id: full.id },
  );
  expect(restorePreview).toEqual({ documentsNow: 3, documentsLost: 1, documentsBack: 1, lostTitles: ['bridge'], obstacle: null });
  const seen = new Set<string>();
  let isOver = false;
  const watching = (async () => {
    for (; !isOver; await delay(5)) {
      const answer = await fetch(`${server.url}/health`).catch(() => null);
      if (answer) seen.add(`${answer.status} ${((await answer.json()) as { status: string }).status}`);
    }
  })();
  const job = await restore(server, full.id);
  isOver = true;
  await watching;
  expect(job).toMatchObject({ status: 'SUCCEEDED', error: null });
  expect([...seen]).toContain('503 restoring');
  await server.idle();
  expect(saved.titles).toEqual(['ferry', 'onsen', 'tea']);
  expect(await library(server)).toEqual(saved);
  const [aside] = await readdir(join(server.dataDir, 'set-aside'));
  expect(await readdir(join(server.dataDir, 'set-aside', aside!))).toEqual(expect.arrayContaining(['chroma', 'erpfts.sqlite', 'originals']));
  // What was verified before is whole now.
  const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>('mutation { runMaintenance(task: VERIFY_DATA) { id } }');
  expect((await server.jobDone(runMaintenance.id)).result).toMatchObject({ found: 0 });
});

test('a port that another takes for a moment while the server starts anew is waited for', async () => {
  const port = Number(new URL(server.url).port);
  const taken = (async () => {
    for (;;) {
      const squatter = createServer((socket) => socket.destroy());
      const isOurs = await new Promise<boolean>((resolve) => squatter.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)));
      if (isOurs) {
        await delay(3000);
        await new Promise((resolve) => squatter.close(resolve));
        return;
      }
      await delay(10);
    }
  })();
  expect(await restore(server, full.id)).toMatchObject({ status: 'SUCCEEDED' });
  await taken;
  expect(await library(server)).toEqual(saved);
});

test('a restore is confirmed by the id, and refused for what holds no database', async () => {
  const wrong = await server.send('mutation($id: ID!) { restoreBackup(id: $id, confirm: "yes") { id } }', { id: full.id });
  expect(wrong.errors[0]).toMatchObject({ message: expect.stringContaining('"yes" is not the id') as string, extensions: { code: 'BAD_USER_INPUT' } });
  const { id } = await backUp(server, 'CONFIG');
  const config = await server.send('mutation($id: ID!, $confirm: String!) { restoreBackup(id: $id, confirm: $confirm) { id } }', { id, confirm: id });
  expect(config.errors[0]).toMatchObject({ extensions: { code: 'CONFLICT' } });
  const none = await server.send('mutation { verifyBackup(id: "../etc") { id } }');
  expect(none.errors[0]).toMatchObject({ extensions: { code: 'NOT_FOUND' } });
});

test('an archive goes to a bare machine and serves there', async () => {
  const response = await fetch(`${server.url}/backups/${full.id}/archive`, { headers: { authorization: server.authorization } });
  const archive = join(server.dataDir, 'moved.tar');
  await writeFile(archive, Buffer.from(await response.arrayBuffer()));
  const bare = await mkdtemp(join(tmpdir(), 'erpfts-bare-'));
  try {
    const { out, code } = await erpfts(bare, ['restore', archive, '--yes']);
    expect([code, out]).toEqual([0, expect.stringContaining('is restored') as string]);
    const other = await TestServer.start({}, bare);
    try {
      expect(await library(other)).toEqual(saved);
    } finally {
      await other.quit();
    }
  } finally {
    await rm(bare, { recursive: true, force: true });
  }
});
