import { afterAll, beforeAll, expect, test } from 'vitest';
import { pdf } from '../support/files.js';
import { TestServer } from '../support/server.js';
import { chromaProcess, holdings } from '../support/stores.js';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ INGEST_CONCURRENCY: '1' });
});
afterAll(() => server.stop());

let serial = 0;
/** Long enough to be caught in any stage, and never the same twice. */
function longDocument(): Promise<Uint8Array<ArrayBuffer>> {
  serial += 1;
  return pdf(
    Array.from(
      { length: 90 },
      (_, page) => `Log ${serial}, day ${page}. ${`The furnace of line ${serial} ran at ${900 + page} degrees while the crew changed filters. `.repeat(12)}`,
    ),
  );
}

test.each(['QUEUED', 'EXTRACTING', 'CHUNKING', 'EMBEDDING'])('cancelled while %s, nothing is left; retried, it is found', async (stage) => {
  const events = server.subscribe<{ ingestionProgress: { documentId: string; stage: string } }>('subscription { ingestionProgress { documentId stage } }');
  await events.opened;
  const before = await holdings(server);
  // Whoever is to be caught waiting needs somebody in front.
  const blocker = stage === 'QUEUED' ? (await server.upload([{ name: 'blocker.pdf', content: await longDocument() }]))[0] : null;
  const [result] = await server.upload([{ name: `log-${stage}.pdf`, content: await longDocument() }]);
  const id = result!.document!.id;
  if (stage !== 'QUEUED') await events.next(({ ingestionProgress }) => ingestionProgress.documentId === id && ingestionProgress.stage === stage);
  const cancel = (job: string) => server.ask<{ cancelJob: { status: string } }>('mutation($id: ID!) { cancelJob(id: $id) { status } }', { id: job });
  expect((await cancel(result!.job!.id)).cancelJob.status).toBe('CANCELLED');
  if (blocker) await cancel(blocker.job!.id);
  events.stop();
  expect(await server.settled(id)).toMatchObject({ status: 'FAILED', chunkCount: 0, error: { code: 'CANCELLED' } });
  const made = blocker ? 2 : 1;
  // What the cancelled job had written is cleared away.
  const expected = { ...before, documents: before['documents']! + made, originals: before['originals']! + made };
  await expect.poll(() => holdings(server), { timeout: 60_000, interval: 200 }).toEqual(expected);
  const { retryJob } = await server.ask<{ retryJob: { status: string } }>('mutation($id: ID!) { retryJob(id: $id) { status } }', { id: result!.job!.id });
  expect(retryJob.status).not.toBe('CANCELLED');
  expect((await server.jobDone(result!.job!.id, 200_000)).status).toBe('SUCCEEDED');
  const ready = await server.settled(id);
  expect(ready).toMatchObject({ status: 'READY', error: null });
  expect(ready.chunkCount).toBeGreaterThan(10);
});

test('cancelled while the vectors travel, nothing is left; retried, it is found', async () => {
  const before = await holdings(server);
  const events = server.subscribe<{ ingestionProgress: { documentId: string; stage: string } }>('subscription { ingestionProgress { documentId stage } }');
  await events.opened;
  const { pid } = chromaProcess(server);
  process.kill(pid, 'SIGSTOP');
  const [result] = await server.upload([{ name: 'travelling.txt', content: 'The travelling crane is oiled before every launch.' }]);
  const id = result!.document!.id;
  await events.next(({ ingestionProgress }) => ingestionProgress.documentId === id && ingestionProgress.stage === 'INDEXING');
  events.stop();
  const { cancelJob } = await server.ask<{ cancelJob: { status: string } }>('mutation($id: ID!) { cancelJob(id: $id) { status } }', { id: result!.job!.id });
  expect(cancelJob.status).toBe('CANCELLED');
  try {
    process.kill(pid, 'SIGCONT');
  } catch {
    // On a slow machine supervision has already replaced the child that did not answer.
  }
  expect(await server.settled(id)).toMatchObject({ status: 'FAILED', chunkCount: 0, error: { code: 'CANCELLED' } });
  const expected = { ...before, documents: before['documents']! + 1, originals: before['originals']! + 1 };
  await expect.poll(() => holdings(server), { timeout: 60_000, interval: 200 }).toEqual(expected);
  expect(await server.settled(id)).toMatchObject({ status: 'FAILED' });
  await server.ask('mutation($id: ID!) { retryJob(id: $id) { status } }', { id: result!.job!.id });
  expect((await server.jobDone(result!.job!.id)).status).toBe('SUCCEEDED');
  expect(await server.settled(id)).toMatchObject({ status: 'READY', chunkCount: 1 });
});

test('a finished job is answered as it is, and cannot be retried', async () => {
  const [result] = await server.upload([{ name: 'short.txt', content: 'A short note about the annual fire drill.' }]);
  await server.jobDone(result!.job!.id);
  const { cancelJob } = await server.ask<{ cancelJob: { status: string } }>('mutation($id: ID!) { cancelJob(id: $id) { status } }', { id: result!.job!.id });
  expect(cancelJob.status).toBe('SUCCEEDED');
  const { errors } = await server.send('mutation($id: ID!) { retryJob(id: $id) { id } }', { id: result!.job!.id });
  expect(errors[0]?.extensions.code).toBe('CONFLICT');
});
