import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
  await server.take('lock.txt', 'The upper lock gate is greased in spring.');
});
afterAll(() => server.stop());

async function scrape(): Promise<Map<string, number>> {
  const response = await fetch(`${server.url}/metrics`, { headers: { authorization: server.authorization } });
  expect([response.status, response.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/plain')]);
  const lines = (await response.text()).split('\n').filter((line) => line && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

test('Prometheus reads searches, cache hits and the library, and only with a key', async () => {
  const ask = () => server.ask('{ search(query: "Which gate is greased?") { totalCount } }');
  const before = await scrape();
  await ask();
  await ask();
  const after = await scrape();
  const grown = (name: string) => after.get(name)! - (before.get(name) ?? 0);
  expect(grown('erpfts_cache_requests_total{kind="search",result="hit"}')).toBe(1);
  expect(grown('erpfts_cache_requests_total{kind="search",result="miss"}')).toBe(1);
  expect(grown('erpfts_search_duration_seconds_count{cached="true",mode="hybrid"}')).toBe(1);
  expect(grown('erpfts_search_duration_seconds_count{cached="false",mode="hybrid"}')).toBe(1);
  // Counts are kept for two seconds.
  await expect
    .poll(
      async () => {
        const now = await scrape();
        return [now.get('erpfts_documents'), now.get('erpfts_chunks')];
      },
      { timeout: 5000 },
    )
    .toEqual([1, 1]);
  expect(after.get('process_resident_memory_bytes')).toBeGreaterThan(1e7);
  expect((await fetch(`${server.url}/metrics`)).status).toBe(401);
});
