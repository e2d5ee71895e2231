import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BackupStatus, fromRecord, toRecord } from '../../server/backup/manifest.js';
import { backUp, backups } from '../support/backups.js';
import { TestServer, until } from '../support/server.js';

let server: TestServer;
let id: string;
beforeAll(async () => {
  server = await TestServer.start();
  await server.take('ferry.txt', 'The ferry leaves the northern pier at half past six.');
  await server.idle();
  id = String((await backUp(server, 'FULL'))['id']);
});
afterAll(() => server.stop());

const verify = async (of = server) => {
  const { verifyBackup } = await of.ask<{ verifyBackup: { id: string } }>('mutation($id: ID!) { verifyBackup(id: $id, prove: true) { id } }', { id });
  return verifyBackup.id;
};
const stateOf = async () => (await backups(server)).find((one) => one.id === id);
const backupsHealth = async (of: TestServer) =>
  (
    await of.ask<{ health: { components: { name: string; status: string; message: string | null }[] } }>('{ health { components { name status message } } }')
  ).health.components.find(({ name }) => name === 'backups');

test('one that could not be restored stays bad until a proof has gone through', async () => {
  const file = join(server.dataDir, 'backups', id, 'status.json');
  const status = fromRecord<BackupStatus>(await readFile(file, 'utf8'))!;
  const problems = ['documents: 1 were saved, 0 came back.'];
  await writeFile(file, toRecord({ ...status, state: 'BAD', problems, proof: { ...status.proof!, ok: false, problems } }));
  expect(await stateOf()).toMatchObject({ state: 'BAD', proof: { ok: false } });
  expect(await backupsHealth(server)).toMatchObject({ status: 'HEALTHY' });
  // Given up in the middle, it has shown nothing.
  const job = await verify();
  await until(
    async () => {
      const { job: now } = await server.ask<{ job: { stage: string | null; status: string } }>('query($id: ID!) { job(id: $id) { stage status } }', {
        id: job,
      });
      expect(now.status).not.toBe('SUCCEEDED');
      return now.stage !== null && now.stage !== 'CHECK' ? true : null;
    },
    60_000,
    'the proof to begin',
  );
  await server.ask('mutation($id: ID!) { cancelJob(id: $id) { id } }', { id: job });
  expect(await server.jobDone(job)).toMatchObject({ status: 'CANCELLED' });
  expect(await stateOf()).toMatchObject({ state: 'BAD', problems });
  expect(await server.jobDone(await verify(), 120_000)).toMatchObject({ status: 'SUCCEEDED', error: null });
  expect(await stateOf()).toMatchObject({ state: 'GOOD', problems: [], proof: { ok: true } });
});

test('a backup is proven with the model that it was made with, whatever is configured since', async () => {
  await server.quit();
  const other = await server.restarted({ EMBEDDING_MODEL: 'nobody/no-model', EMBEDDING_HUB_URL: 'http://127.0.0.1:9' });
  try {
    expect(await other.jobDone(await verify(other), 120_000)).toMatchObject({ status: 'SUCCEEDED', error: null });
  } finally {
    await other.quit();
  }
});

test('backups and proofs that are too old are told', async () => {
  const hasty = await server.restarted({ BACKUP_MAX_AGE_HOURS: '0.0001' });
  expect(await backupsHealth(hasty)).toMatchObject({ status: 'DEGRADED', message: expect.stringContaining('The last good backup is of') as string });
  await hasty.quit();
  const doubtful = await server.restarted({ BACKUP_MAX_AGE_HOURS: '0', BACKUP_PROOF_MAX_AGE_DAYS: '0.000001' });
  expect(await backupsHealth(doubtful)).toMatchObject({ status: 'DEGRADED', message: expect.stringContaining('The last restore was proven at') as string });
  await doubtful.quit();
  await server.boot();
});
