import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { isCi } from '../support/environment.js';
import { redisDatabase, RedisWay } from '../support/redis.js';
import { TestServer } from '../support/server.js';
import { count, row, rows } from '../support/stores.js';

const found = await redisDatabase(12);
afterAll(() => found?.redis.disconnect());

const files = (prefix: string, many: number) =>
  Array.from({ length: many }, (_, i) => ({ name: `${prefix}-${i}.txt`, content: `Report ${i} of the ${prefix} watch: nothing was seen.` }));

/** How the server says its jobs are. */
async function jobsHealth(server: TestServer): Promise<{ status: string; message: string | null }> {
  const { health } = await server.ask<{ health: { components: { name: string; status: string; message: string | null }[] } }>(
    '{ health { components { name status message } } }',
  );
  return health.components.find(({ name }) => name === 'jobs')!;
}

describe.skipIf(!found && !isCi)('turns of jobs by BullMQ in Redis', () => {
  test('jobs run once each, are cancelled and begun anew, and a kill loses none', async () => {
    const { redis, url } = found!;
    const server = await TestServer.start({ REDIS_URL: url.href });
    try {
      await server.upload(files('first', 30));
      await expect.poll(() => redis.keys('erpfts:jobs:*:INGEST:*'), { timeout: 20_000 }).not.toEqual([]);
      await delay(300);
      await server.kill();
      await server.boot();
      await server.idle();
      expect(await rows(server, "SELECT status, count(*) n FROM jobs WHERE kind = 'INGEST' GROUP BY status")).toEqual([{ status: 'SUCCEEDED', n: 30 }]);
      expect(await row(server, 'SELECT count(*) documents, count(DISTINCT title) titles FROM documents')).toEqual({ documents: 30, titles: 30 });
      expect(await count(server, 'chunk_vectors')).toBe(await count(server, 'chunks'));

      // A queued job that is cancelled has no turn; begun anew, it has one.
      const uploaded = await server.upload(files('second', 20));
      const last = uploaded.at(-1)!.job!.id;
      const { cancelJob } = await server.ask<{ cancelJob: { status: string } }>('mutation($id: ID!) { cancelJob(id: $id) { status } }', { id: last });
      expect(cancelJob.status).toBe('CANCELLED');
      await server.idle();
      expect(await row(server, `SELECT status FROM jobs WHERE id = '${last}'`)).toEqual({ status: 'CANCELLED' });
      await server.ask('mutation($id: ID!) { retryJob(id: $id) { id } }', { id: last });
      await server.idle();
      expect(await row(server, `SELECT status FROM jobs WHERE id = '${last}'`)).toEqual({ status: 'SUCCEEDED' });
      expect(await count(server, 'documents')).toBe(50);
      // Nothing is left behind of turns that were had.
      const kept = (await redis.keys('erpfts:jobs:*:INGEST:*')).map((key) => key.split(':').at(-1)!);
      expect(kept.length).toBeGreaterThan(0);
      expect(kept.filter((name) => ['wait', 'active', 'failed', 'completed', 'prioritized'].includes(name))).toEqual([]);
    } finally {
      await server.stop();
    }
  });

  test('while Redis is away jobs wait and health says so; they go on by themselves, though it has forgotten all', async () => {
    const { redis, url } = found!;
    const way = new RedisWay(url);
    await way.open();
    const server = await TestServer.start({ REDIS_URL: way.url, HEALTH_INTERVAL_MS: '1000' });
    try {
      await server.take('before.txt', 'The watch began at noon.');
      expect(await jobsHealth(server)).toMatchObject({ status: 'HEALTHY' });
      way.cut();
      await expect
        .poll(() => jobsHealth(server), { timeout: 20_000 })
        .toMatchObject({
          status: 'DEGRADED',
          message: expect.stringContaining('Redis of the job queue does not answer') as string,
        });
      const [waits] = await server.upload([{ name: 'meanwhile.txt', content: 'The watch went on without its bell.' }]);
      await delay(1500);
      expect(await row(server, `SELECT status FROM jobs WHERE id = '${waits!.job!.id}'`)).toEqual({ status: 'QUEUED' });
      // Searches need no turn.
      const { search } = await server.ask<{ search: { totalCount: number } }>('{ search(query: "noon") { totalCount } }');
      expect(search.totalCount).toBe(1);
      await redis.flushdb();
      await way.open();
      expect(await server.jobDone(waits!.job!.id)).toMatchObject({ status: 'SUCCEEDED' });
      await expect.poll(() => jobsHealth(server), { timeout: 20_000 }).toMatchObject({ status: 'HEALTHY' });
    } finally {
      await server.stop();
      way.cut();
    }
  });

  test('a start while no Redis answers serves, and a stop does not wait for it', async () => {
    const server = await TestServer.start({ REDIS_URL: 'redis://127.0.0.1:1' });
    const startedAt = Date.now();
    await server.quit();
    expect(Date.now() - startedAt).toBeLessThan(20_000);
    await server.stop();
  });
});
