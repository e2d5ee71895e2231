import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import { backUp, restore } from '../support/backups.js';
import { isCi } from '../support/environment.js';
import { redisDatabase } from '../support/redis.js';
import { TestServer } from '../support/server.js';

const found = await redisDatabase(11);
afterAll(() => found?.redis.disconnect());

describe.skipIf(!found && !isCi)('the cache in Redis', () => {
  const question = (server: TestServer, query: string) =>
    server.ask<{ search: { cached: boolean; hits: { document: { title: string } }[] } }>(
      'query($query: String!) { search(query: $query) { cached hits { document { title } } } }',
      { query },
    );

  test('answers come from it, die with a change, and a Redis that is gone makes nothing fail', async () => {
    const { redis, url } = found!;
    const server = await TestServer.start({ CACHE_BACKEND: 'redis', CACHE_REDIS_URL: url.href, CACHE_SEARCH_TTL: '600' });
    try {
      await server.take('tides.txt', 'The harbour office publishes the tide tables each January.');
      expect((await question(server, 'tide tables')).search.cached).toBe(false);
      expect((await question(server, 'tide tables')).search.cached).toBe(true);
      const keys = await redis.keys('*');
      expect(keys.length).toBeGreaterThanOrEqual(2);
      for (const key of keys) expect(await redis.ttl(key)).toBeGreaterThan(0);
      await server.take('tides2.txt', 'Tide tables for the northern harbour are sold at the kiosk.');
      const changed = (await question(server, 'tide tables')).search;
      expect({ cached: changed.cached, hits: changed.hits.length }).toEqual({ cached: false, hits: 2 });
    } finally {
      await server.stop();
      await redis.flushdb();
    }
  });

  test('a Redis that accepts everything and answers nothing is left alone for a while, and comes back', async () => {
    const { redis, url } = found!;
    let silent = false;
    const proxy = createServer((client) => {
      const upstream = connect(Number(url.port || 6379), url.hostname);
      client.on('data', (data) => upstream.write(data));
      // Nothing is lost: what it says comes later.
      const kept: Buffer[] = [];
      upstream.on('data', (data) => kept.push(data));
      const passOn = setInterval(() => !silent && kept.length > 0 && client.write(Buffer.concat(kept.splice(0))), 5);
      client.on('close', () => clearInterval(passOn));
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const)
        one.on('error', () => undefined).on('close', () => other.destroy());
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const through = new URL(url);
    through.hostname = '127.0.0.1';
    through.port = String((proxy.address() as AddressInfo).port);
    const server = await TestServer.start({ CACHE_BACKEND: 'redis', CACHE_REDIS_URL: through.href, CACHE_SEARCH_TTL: '600' });
    try {
      await server.take('tides.txt', 'The harbour office publishes the tide tables each January.');
      await question(server, 'tide tables');
      expect((await question(server, 'tide tables')).search.cached).toBe(true);
      silent = true;
      // The first finds out.
      await question(server, 'tide tables');
      const { search } = await server.ask<{ search: { tookMs: number; profile: { step: string; ms: number }[] } }>(
        '{ search(query: "harbour office") { tookMs profile { step ms } } }',
      );
      expect(search.profile.find(({ step }) => step === 'CACHE')!.ms).toBeLessThan(250);
      silent = false;
      await expect.poll(async () => (await question(server, 'tide tables')).search.cached, { timeout: 30_000, interval: 500 }).toBe(true);
    } finally {
      await server.stop();
      proxy.close();
      await redis.flushdb();
    }
  });

  test('a Redis that goes away and comes back is used again, kinds are cleared on it one by one, and health says how it is', async () => {
    const { redis, url } = found!;
    const clients = new Set<Socket>();
    const open = (port: number) =>
      new Promise<Server>((resolve) => {
        const proxy = createServer((client) => {
          const upstream = connect(Number(url.port || 6379), url.hostname);
          client.pipe(upstream).pipe(client);
          clients.add(client);
          for (const socket of [client, upstream]) socket.on('error', () => undefined);
        }).listen(port, '127.0.0.1', () => resolve(proxy));
      });
    let proxy = await open(0);
    const { port } = proxy.address() as AddressInfo;
    const through = new URL(url);
    through.hostname = '127.0.0.1';
    through.port = String(port);
    const server = await TestServer.start({ CACHE_BACKEND: 'redis', CACHE_REDIS_URL: through.href, CACHE_SEARCH_TTL: '600', HEALTH_INTERVAL_MS: '500' });
    const cacheState = async () =>
      (await server.ask<{ health: { components: { name: string; status: string }[] } }>('{ health { components { name status } } }')).health.components.find(
        ({ name }) => name === 'cache',
      )?.status;
    const keys = async (kind: string) => (await redis.keys(`*:${kind}:*`)).length;
    try {
      await server.take('tides.txt', 'The harbour office publishes the tide tables each January.');
      await question(server, 'tide tables');
      expect((await question(server, 'tide tables')).search.cached).toBe(true);
      expect([(await keys('search')) > 0, (await keys('embedding')) > 0]).toEqual([true, true]);
      await server.ask('mutation { clearCache(kinds: [SEARCH]) }');
      expect([await keys('search'), (await keys('embedding')) > 0]).toEqual([0, true]);

      proxy.close();
      for (const client of clients) client.destroy();
      await expect.poll(cacheState, { timeout: 15_000, interval: 200 }).toBe('UNHEALTHY');
      expect((await question(server, 'tide tables')).search).toMatchObject({ cached: false, hits: [{}] });
      proxy = await open(port);
      await expect.poll(cacheState, { timeout: 15_000, interval: 200 }).toBe('HEALTHY');
      await question(server, 'tide tables');
      expect((await question(server, 'tide tables')).search.cached).toBe(true);
    } finally {
      await server.stop();
      proxy.close();
      await redis.flushdb();
    }
  });

  test('where no Redis answers, searches are answered, a backup is restored and health says so', async () => {
    const server = await TestServer.start({ CACHE_BACKEND: 'redis', CACHE_REDIS_URL: 'redis://127.0.0.1:1' });
    try {
      await server.take('tides.txt', 'The harbour office publishes the tide tables each January.');
      expect((await question(server, 'tide tables')).search.hits).toHaveLength(1);
      const { health } = await server.ask<{ health: { status: string; components: { name: string; status: string }[] } }>(
        '{ health { status components { name status } } }',
      );
      expect(health.status).toBe('DEGRADED');
      expect(health.components.find(({ name }) => name === 'cache')?.status).toBe('UNHEALTHY');
      // Clearing it is said to have failed; what only comes by on the way goes on.
      const { errors } = await server.send('mutation { clearCache(kinds: [SEARCH]) }');
      expect(errors[0]?.extensions).toMatchObject({ code: 'UNAVAILABLE', remedy: expect.stringContaining('Redis') as string });
      const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>('mutation { runMaintenance(task: REFRESH_STATISTICS) { id } }');
      expect((await server.jobDone(runMaintenance.id)).status).toBe('SUCCEEDED');
      const { id } = (await backUp(server, 'FULL')) as { id: string };
      await server.take('later.txt', 'The harbour office moved to the pier.');
      expect(await restore(server, id)).toMatchObject({ status: 'SUCCEEDED' });
      expect((await question(server, 'tide tables')).search.hits).toHaveLength(1);
      expect((await question(server, 'harbour office pier')).search.hits.map(({ document }) => document.title)).not.toContain('later');
    } finally {
      await server.stop();
    }
  });
});
