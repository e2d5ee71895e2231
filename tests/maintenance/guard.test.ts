import { afterAll, expect, test } from 'vitest';
import { TestServer } from '../support/server.js';

const servers: TestServer[] = [];
afterAll(() => Promise.all(servers.map((server) => server.stop())));

interface Health {
  health: { components: { name: string; status: string; message: string | null }[]; summary: string };
}
const ingestion = async (server: TestServer) =>
  (await server.ask<Health>('{ health { components { name status message } summary } }')).health.components.find(({ name }) => name === 'ingestion');

test('ingestion pauses before memory runs out, says so, and goes on where there is room again', { timeout: 120_000 }, async () => {
  const watching = { METRICS_INTERVAL_SECONDS: '1', HEALTH_INTERVAL_MS: '500', LOG_LEVEL: 'warn' };
  const server = await TestServer.start({ ...watching, MEMORY_BUDGET_MB: '50' });
  servers.push(server);
  await expect
    .poll(() => ingestion(server), { timeout: 20_000 })
    .toMatchObject({ status: 'DEGRADED', message: expect.stringContaining('MEMORY_BUDGET_MB') as string });
  expect(server.log).toContain('high_memory');
  const [upload] = await server.upload([{ name: 'cargo.txt', content: 'The cargo waits on the pier.' }]);
  await new Promise((done) => setTimeout(done, 3000));
  const { document } = await server.ask<{ document: { status: string } }>('query($id: ID!) { document(id: $id) { status } }', { id: upload!.document!.id });
  expect(document.status).toBe('QUEUED');
  await expect
    .poll(
      async () =>
        (await server.ask<{ alerts: { edges: { node: { rule: string } }[] } }>('{ alerts { edges { node { rule } } } }')).alerts.edges.map(
          ({ node }) => node.rule,
        ),
      { timeout: 30_000 },
    )
    .toContain('health:ingestion');
  await server.quit();
  const roomy = await server.restarted({ MEMORY_BUDGET_MB: '0' });
  servers.push(roomy);
  expect(await roomy.settled(upload!.document!.id)).toMatchObject({ status: 'READY' });
  expect(await ingestion(roomy)).toMatchObject({ status: 'HEALTHY' });
});
