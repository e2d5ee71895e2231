import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backUp, backups, erpfts } from '../support/backups.js';
import { TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
  await server.take('ferry.txt', 'The ferry leaves the northern pier at half past six.');
  await server.take('bridge.txt', 'The bridge was rebuilt in 1931.');
  await server.idle();
});
afterAll(() => server.stop());

const objects = async () => {
  const entries = await readdir(join(server.dataDir, 'backups', 'objects'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
};
const verified = async (id: string) => {
  const { verifyBackup } = await server.ask<{ verifyBackup: { id: string } }>('mutation($id: ID!) { verifyBackup(id: $id) { id } }', { id });
  return server.jobDone(verifyBackup.id);
};
const states = async () => Object.fromEntries((await backups(server)).map(({ id, state, problems }) => [id, { state, problems }]));

test('an original that is lost is lost for every backup that needs it, until a later one has written it anew', async () => {
  const [first, second] = [(await backUp(server, 'DATABASE'))['id'] as string, (await backUp(server, 'DATABASE'))['id'] as string];
  const [path] = await objects();
  const whole = await readFile(path!);
  await writeFile(path!, Buffer.concat([whole.subarray(0, 40), Buffer.from('rot'), whole.subarray(43)]));
  expect(await verified(first)).toMatchObject({ status: 'FAILED', error: expect.stringContaining('is not what was written') as string });
  // The other was never looked at, and yet is not called good.
  expect(await states()).toMatchObject({ [first]: { state: 'BAD' }, [second]: { state: 'BAD', problems: [expect.stringContaining(`as ${first} has shown`)] } });
  const listed = await erpfts(server.dataDir, ['backups']);
  expect([listed.code, listed.out]).toEqual([1, expect.stringMatching(/BAD[^]*BAD/)]);
  await backUp(server, 'DATABASE');
  expect(await states()).toMatchObject({ [second]: { state: 'GOOD', problems: [] } });
  expect(await verified(first)).toMatchObject({ status: 'SUCCEEDED' });
});

test('originals go with the last backup that needs them, and not before', async () => {
  await server.take('lamp.txt', 'The lamp is lit at dusk.');
  await server.idle();
  const third = (await backUp(server, 'DATABASE'))['id'] as string;
  const { documents } = await server.ask<{ documents: { edges: { node: { id: string; title: string } }[] } }>('{ documents { edges { node { id title } } } }');
  const lamp = documents.edges.find(({ node }) => node.title === 'lamp')!.node.id;
  await server.ask('mutation($id: ID!) { deleteDocuments(ids: [$id]) { id } }', { id: lamp });
  await server.idle();
  await backUp(server, 'DATABASE');
  const before = (await objects()).length;
  await server.ask('mutation($id: ID!) { deleteBackup(id: $id) }', { id: third });
  // The lamp's alone goes, when nothing else is written: the others need the rest.
  await expect.poll(async () => (await objects()).length, { timeout: 10_000 }).toBe(before - 1);
  for (const { id } of await backups(server)) expect(await verified(id)).toMatchObject({ status: 'SUCCEEDED' });
});

test('a manifest that is damaged is named by the list and by a look at it', async () => {
  const id = (await backUp(server, 'CONFIG'))['id'] as string;
  const manifest = join(server.dataDir, 'backups', id, 'manifest.json');
  await writeFile(manifest, (await readFile(manifest, 'utf8')).replace('"kind":"CONFIG"', '"kind":"CONFIH"'));
  expect(await verified(id)).toMatchObject({ status: 'FAILED', error: expect.stringContaining('manifest.json is damaged') as string });
  const listed = await erpfts(server.dataDir, ['backups']);
  expect([listed.code, listed.out]).toEqual([1, expect.stringContaining(`${id.padEnd(32)}  BAD`)]);
  await server.ask('mutation($id: ID!) { deleteBackup(id: $id) }', { id });
});

test('a complete backup that is taken while documents are read anew is proven', async () => {
  await server.upload(Array.from({ length: 10 }, (_, i) => ({ name: `sounding-${i}.txt`, content: `Sounding ${i}: the water is ${i * 3 + 2} fathoms deep.` })));
  await server.idle();
  const { documents } = await server.ask<{ documents: { edges: { node: { id: string } }[] } }>('{ documents(first: 100) { edges { node { id } } } }');
  const ids = documents.edges.map(({ node }) => node.id);
  let isDone = false;
  const changing = (async () => {
    for (let round = 0; !isDone; round++) {
      await server.send('mutation($ids: [ID!]!) { reprocessDocuments(ids: $ids) { id } }', { ids });
      await server.send('mutation($id: ID!, $title: String!) { updateDocument(id: $id, input: { title: $title }) { id } }', {
        id: ids[round % ids.length],
        title: `Renamed ${round}`,
      });
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
  })();
  try {
    await backUp(server, 'FULL');
  } finally {
    isDone = true;
    await changing;
  }
  const [newest] = await backups(server);
  expect(newest).toMatchObject({ kind: 'FULL', state: 'GOOD', proof: { ok: true } });
});

test('a restore is looked at before, also where no server runs, and leaves nothing of an archive behind', async () => {
  const [{ id } = { id: '' }] = await backups(server);
  const archive = join(server.dataDir, 'copy.tar');
  const response = await fetch(`${server.url}/backups/${id}/archive`, { headers: { authorization: server.authorization } });
  await writeFile(archive, Buffer.from(await response.arrayBuffer()));
  await server.ask('mutation($id: ID!) { deleteBackup(id: $id) }', { id });
  await server.idle();
  await server.quit();
  const seen = await erpfts(server.dataDir, ['--json', 'restore', archive, '--dry-run']);
  expect([seen.code, seen.err]).toEqual([0, expect.anything()]);
  expect(JSON.parse(seen.out)).toMatchObject({ restorePreview: { obstacle: null, documentsLost: 0 } });
  expect(await readdir(join(server.dataDir, 'backups'))).not.toContain(id);
});
