import { createRequire } from 'node:module';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../support/server.js';

interface Family {
  name: string;
  help: string;
  type: string;
  metrics: { value?: string; labels?: Record<string, string>; buckets?: Record<string, string> }[];
}
const parse = createRequire(import.meta.url)('parse-prometheus-text-format') as (text: string) => Family[];

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ METRICS_INTERVAL_SECONDS: '1' });
  await server.take('reef.txt', 'The reef is marked by two poles.');
  await server.ask('query Poles { search(query: "What marks the reef?") { totalCount } }');
});
afterAll(() => server.stop());

const scrape = async () => parse(await (await fetch(`${server.url}/metrics`, { headers: { authorization: server.authorization } })).text());

test('every name follows the rules of Prometheus: our prefix, base units, totals of counters', { timeout: 30_000 }, async () => {
  await expect.poll(async () => (await scrape()).map(({ name }) => name), { timeout: 10_000 }).toContain('erpfts_process_memory_bytes');
  const families = await scrape();
  // https://prometheus.io/docs/practices/naming/
  const offBase = /(_|^)(ms|millis|milliseconds|minutes|hours|kb|mb|gb|kilobytes|megabytes|percent|pct)(_|$)/i;
  for (const { name, help, type } of families) {
    expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
    expect(name).not.toMatch(offBase);
    expect([name, help.length > 3]).toEqual([name, true]);
    if (name.startsWith('erpfts_')) {
      expect([name, type === 'COUNTER' ? name.endsWith('_total') : !name.endsWith('_total')]).toEqual([name, true]);
      if (type === 'HISTOGRAM') expect(name).toMatch(/_seconds$/);
    } else expect(name).toMatch(/^(process|nodejs)_/);
  }
});

test('only faults of ours count as failures', { timeout: 30_000 }, async () => {
  await server.send('mutation Mistake { retryJob(id: "none") { id } }');
  await server.send('query Mistake { documents(first: -1) { totalCount } }');
  const { metrics } = await server.ask<{ metrics: { requests: { failedShare: number; p95Ms: number } } }>('{ metrics { requests { failedShare p95Ms } } }');
  expect(metrics.requests).toMatchObject({ failedShare: 0, p95Ms: expect.any(Number) as number });
});

test('names that clients invent do not grow it without bound', { timeout: 60_000 }, async () => {
  for (let i = 0; i < 150; i += 1) await server.ask(`query Invented${i} { viewer { name } }`);
  const text = await (await fetch(`${server.url}/metrics`, { headers: { authorization: server.authorization } })).text();
  const names = [...text.matchAll(/^erpfts_graphql_duration_seconds_count\{operation="([^"]*)"\}/gm)].map((match) => match[1]);
  expect(names.length).toBeLessThanOrEqual(101);
  expect(names).toContain('Poles');
  expect(names).toContain('other');
});
