import { randomInt } from 'node:crypto';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BackupFolder } from '../../server/backup/backup-folder.js';
import { fromRecord, toRecord } from '../../server/backup/manifest.js';
import { check } from '../../server/backup/restoring/check.js';
import { backUp, backups, erpfts, library } from '../support/backups.js';
import { pdf } from '../support/files.js';
import { TestServer } from '../support/server.js';

const passphrase = 'correct horse battery';
let server: TestServer;
let id: string;
let folder: string;
beforeAll(async () => {
  server = await TestServer.start({ BACKUP_PASSPHRASE: passphrase });
  await server.take('ferry.txt', 'The ferry leaves the northern pier at half past six.');
  await server.take('tea.pdf', await pdf(['Sencha is brewed with water of seventy degrees.']));
  await server.idle();
  ({ id } = (await backUp(server, 'FULL')) as { id: string });
  folder = join(server.dataDir, 'backups');
});
afterAll(() => server.stop());

const checked = async (settings = { BACKUP_PASSPHRASE: passphrase, BACKUP_KEY_FILE: '' }) =>
  (await check(id, { folder: new BackupFolder(folder), settings, signal: new AbortController().signal, report: () => undefined })).problems;

async function filesOf(): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && !entry.parentPath.endsWith('keys')).map((entry) => join(entry.parentPath, entry.name));
}

test('an encrypted backup is proven, and no word of a document can be read in it', async () => {
  expect((await backups(server))[0]).toMatchObject({ encrypted: true, state: 'GOOD', proof: { ok: true } });
  for (const path of await filesOf()) {
    const content = await readFile(path);
    // Titles are words of documents, too: the questions of the proof are made of them.
    for (const word of ['northern pier', 'ferry', 'When is it?']) expect([path, word, content.includes(word)]).toEqual([path, word, false]);
    if (!path.endsWith('.json')) expect(content.subarray(0, 22).toString()).toMatch(/^age-encryption\.org\/v1/);
  }
  const config = await readFile(join(folder, id, 'manifest.json'), 'utf8');
  expect(config).not.toContain(passphrase);
});

test('one flipped byte anywhere is found, at 200 random positions', async () => {
  expect(await checked()).toEqual([]);
  const files = await filesOf();
  expect(files.length).toBeGreaterThan(7);
  for (let i = 0; i < 200; i++) {
    // Each file in its turn: the small ones as often as the large.
    const path = files[i % files.length]!;
    const whole = await readFile(path);
    const at = randomInt(whole.length);
    const flipped = Buffer.from(whole);
    flipped[at] = flipped[at]! ^ (1 << randomInt(8));
    await writeFile(path, flipped);
    // A manifest that names another key cannot be opened: that is found as well.
    const problems = await checked().catch((error: unknown) => [String(error)]);
    expect(problems, `${path}, byte ${at}`).not.toEqual([]);
    await writeFile(path, whole);
  }
  expect(await checked()).toEqual([]);
});

test('a bad backup is marked, raises an alert, and is never restored', async () => {
  const { id: bad } = (await backUp(server, 'DATABASE')) as { id: string };
  const path = join(folder, bad, 'database.sqlite.gz.age');
  const content = await readFile(path);
  content[content.length >> 1]! ^= 1;
  await writeFile(path, content);
  const { verifyBackup } = await server.ask<{ verifyBackup: { id: string } }>('mutation($id: ID!) { verifyBackup(id: $id) { id } }', { id: bad });
  expect(await server.jobDone(verifyBackup.id)).toMatchObject({
    status: 'FAILED',
    error: expect.stringContaining('database.sqlite.gz.age is not what was written') as string,
  });
  expect((await backups(server)).find((one) => one.id === bad)).toMatchObject({ state: 'BAD' });
  const { alerts } = await server.ask<{ alerts: { edges: { node: { rule: string; severity: string } }[] } }>(
    '{ alerts(filter: { states: [ACTIVE] }) { edges { node { rule severity } } } }',
  );
  expect(alerts.edges.map(({ node }) => node)).toContainEqual({ rule: 'backup:DATABASE', severity: 'CRITICAL' });
  const refused = await server.send('mutation($id: ID!, $confirm: String!) { restoreBackup(id: $id, confirm: $confirm) { id } }', { id: bad, confirm: bad });
  expect(refused.errors[0]).toMatchObject({ extensions: { code: 'CONFLICT' } });
  await server.ask('mutation($id: ID!) { deleteBackup(id: $id) }', { id: bad });
});

test('a wrong passphrase says so, and leaves everything as it is', async () => {
  await expect(checked({ BACKUP_PASSPHRASE: 'another passphrase', BACKUP_KEY_FILE: '' })).rejects.toThrow(
    `BACKUP_PASSPHRASE is not the passphrase of the backup ${id}`,
  );
  await expect(checked({ BACKUP_PASSPHRASE: '', BACKUP_KEY_FILE: '' })).rejects.toThrow('No passphrase is set');
  const before = await library(server);
  await server.quit();
  const wrong = await erpfts(server.dataDir, ['restore', id, '--yes'], { BACKUP_PASSPHRASE: 'another passphrase' });
  expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining('is not the passphrase') as string });
  const right = await erpfts(server.dataDir, ['restore', 'latest', '--yes'], { BACKUP_PASSPHRASE: passphrase });
  expect(right).toMatchObject({ code: 0, out: expect.stringContaining(`${id} is restored`) as string });
  await server.boot();
  expect(await library(server)).toEqual(before);
});

test('a backup of a newer version is refused with words', async () => {
  const path = join(folder, id, 'manifest.json');
  const text = await readFile(path, 'utf8');
  const manifest = fromRecord<{ schema: string[]; version: string }>(text)!;
  await writeFile(path, toRecord({ ...manifest, version: '9.9.9', schema: [...manifest.schema, 'Later9990000000000'] }));
  const { restorePreview } = await server.ask<{ restorePreview: { obstacle: string } }>('query($id: ID!) { restorePreview(id: $id) { obstacle } }', { id });
  expect(restorePreview.obstacle).toMatch(/comes from version 9\.9\.9, which is newer/);
  await writeFile(path, text);
});

test('a disk that would fill is seen before', async () => {
  await server.quit();
  const small = await server.restarted({ DISK_MIN_FREE_BYTES: String(2 ** 50) });
  const { createBackup } = await small.ask<{ createBackup: { id: string } }>('mutation { createBackup(kind: DATABASE) { id } }');
  expect(await small.jobDone(createBackup.id)).toMatchObject({ status: 'FAILED', error: expect.stringMatching(/A backup may need \d+ MB/) as string });
  expect((await readdir(folder)).filter((name) => name.endsWith('.partial'))).toEqual([]);
  await small.quit();
  await server.boot();
  expect((await stat(folder)).mode & 0o077).toBe(0);
  await rm(join(server.dataDir, 'set-aside'), { recursive: true, force: true });
});
