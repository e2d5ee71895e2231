import { afterAll, beforeAll, expect, test } from 'vitest';
import sqlite3 from 'sqlite3';
import { join } from 'node:path';
import { TestServer } from '../support/server.js';

interface Job {
  id: string;
  status: string;
  stuck: boolean;
  owner: string;
}

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ JOB_STUCK_MINUTES: '0.02', METRICS_INTERVAL_SECONDS: '1', PARSER_WORKERS: '1', HEALTH_INTERVAL_MS: '500' });
  await server.take('first.txt', 'The first page is read.');
});
afterAll(() => server.stop());

const job = async (id: string) => (await server.ask<{ job: Job }>('query($id: ID!) { job(id: $id) { id status stuck owner } }', { id })).job;

test('a job whose reader hangs is found by its silence, and begun again it ends well', async () => {
  const reader = async () =>
    (await server.ask<{ metrics: { processes: { name: string; pid: number }[] } }>('{ metrics { processes { name pid } } }')).metrics.processes.find(
      ({ name }) => name === 'reader',
    );
  await expect.poll(reader, { timeout: 10_000 }).toBeDefined();
  process.kill((await reader())!.pid, 'SIGSTOP');
  const [upload] = await server.upload([{ name: 'second.txt', content: 'The second page waits for its reader.' }]);
  const id = upload!.job!.id;
  await expect.poll(() => job(id), { timeout: 20_000 }).toEqual({ id, status: 'RUNNING', stuck: true, owner: 'admin.key' });
  await expect
    .poll(
      async () =>
        (await server.ask<{ health: { components: { name: string; status: string }[] } }>('{ health { components { name status } } }')).health.components,
      {
        timeout: 10_000,
      },
    )
    .toContainEqual({ name: 'jobs', status: 'DEGRADED' });
  await server.ask('mutation($id: ID!) { recoverJob(id: $id) { id } }', { id });
  expect(await server.jobDone(id)).toMatchObject({ status: 'SUCCEEDED' });
  expect(await server.settled(upload!.document!.id)).toMatchObject({ status: 'READY', chunkCount: 1 });
  expect(await job(id)).toMatchObject({ stuck: false });
  const told = await server.ask<{ job: { log: { step: string; at: string }[]; ja: { message: string | null }[] } }>(
    'query($id: ID!) { job(id: $id) { log { step at } ja: log(language: JA) { message } } }',
    { id },
  );
  const steps = told.job.log.map(({ step }) => step);
  expect([steps[0], steps.at(-1)]).toEqual(['BEGUN', 'SUCCEEDED']);
  expect(steps).toEqual(expect.arrayContaining(['EXTRACTING', 'RESUMED', 'EMBEDDING']));
  expect(told.job.log.map(({ at }) => at)).toEqual([...told.job.log.map(({ at }) => at)].sort());
  expect((await server.send('mutation($id: ID!) { recoverJob(id: $id) { id } }', { id })).errors[0]?.extensions.code).toBe('CONFLICT');
});

test('a job that nobody runs, because its end could not be written, is begun again', async () => {
  const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>('mutation { runMaintenance(task: ANALYZE) { id } }');
  const { id } = runMaintenance;
  expect(await server.jobDone(id)).toMatchObject({ status: 'SUCCEEDED' });
  await new Promise<void>((resolve, reject) => {
    const database = new sqlite3.Database(join(server.dataDir, 'erpfts.sqlite'));
    database.run("UPDATE jobs SET status = 'RUNNING', result = NULL, finished_at = NULL WHERE id = ?", [id], (error) =>
      database.close(() => (error ? reject(error) : resolve())),
    );
  });
  await server.ask('mutation($id: ID!) { recoverJob(id: $id) { id } }', { id });
  expect(await server.jobDone(id)).toMatchObject({ status: 'SUCCEEDED', error: null });
});
