import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
  await server.take('tides.txt', 'The harbour office publishes the tide tables each January.');
});
afterAll(() => server.stop());

const isCached = async () => (await server.ask<{ search: { cached: boolean } }>('{ search(query: "tide tables") { cached } }')).search.cached;

test.each(['RESET_VECTOR_STORE', 'OPTIMIZE_INDEX', 'REBUILD_FULLTEXT'])('answers that were kept while %s ran are not given afterwards', async (task) => {
  await isCached();
  expect(await isCached()).toBe(true);
  const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>('mutation($task: MaintenanceTask!) { runMaintenance(task: $task) { id } }', {
    task,
  });
  expect((await server.jobDone(runMaintenance.id)).status).toBe('SUCCEEDED');
  expect(await isCached()).toBe(false);
});
