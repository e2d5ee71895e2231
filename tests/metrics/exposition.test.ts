import { execFileSync, spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { join } from 'node:path';
import { packageRoot } from '../../server/config/index.js';
import { TestServer } from '../support/server.js';

interface Family {
  name: string;
  help: string;
  type: string;
  metrics: { value: string; labels: Record<string, string> }[];
}

/** Prometheus' own program, which parses and lints what it would scrape. */
const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
if (!hasPromtool) {
  if (process.env['CI'] === 'true') throw new Error('promtool is missing: it is part of Debian’s package prometheus.');
  console.warn('promtool is not installed: that Prometheus can read /metrics is not tested.');
}

/** Whether a text can be read, promtool judges: here it is only looked into. */
function familiesOf(text: string): Family[] {
  return [...text.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\w+)\n((?:[^#\n].*\n)*)/gm)].map(([, name = '', help = '', type = '', lines = '']) => ({
    name,
    help,
    type: type.toUpperCase(),
    metrics: [...lines.matchAll(/^\S+?(?:\{(.*)\})? (\S+)$/gm)].map(([, labels = '', value = '']) => ({
      value,
      labels: Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', of = '']) => [label, of])),
    })),
  }));
}

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ METRICS_INTERVAL_SECONDS: '1' });
  await server.take('reef.txt', 'The reef is marked by two poles.');
  await server.ask('query Poles { search(query: "What marks the reef?") { totalCount } }');
});
afterAll(() => server.stop());

const plain = async () => (await fetch(`${server.url}/metrics`, { headers: { authorization: server.authorization } })).text();
const scrape = async () => familiesOf(await plain());

test.skipIf(!hasPromtool)('Prometheus itself reads it, and finds nothing to object to', async () => {
  await expect.poll(async () => (await scrape()).map(({ name }) => name), { timeout: 10_000 }).toContain('erpfts_process_memory_bytes');
  expect(execFileSync('promtool', ['check', 'metrics'], { input: await plain(), encoding: 'utf8' })).toBe('');
  expect(execFileSync('promtool', ['check', 'rules', join(packageRoot, 'ops/monitoring/alerts.yml')], { encoding: 'utf8' })).toContain('SUCCESS');
});

test('every name follows the rules of Prometheus: our prefix, base units, totals of counters', async () => {
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

test('only faults of ours count as failures', async () => {
  await server.send('mutation Mistake { retryJob(id: "none") { id } }');
  await server.send('query Mistake { documents(first: -1) { totalCount } }');
  const { metrics } = await server.ask<{ metrics: { requests: { failedShare: number; p95Ms: number } } }>('{ metrics { requests { failedShare p95Ms } } }');
  expect(metrics.requests).toMatchObject({ failedShare: 0, p95Ms: expect.any(Number) as number });
});

test('names that clients invent do not grow it without bound', async () => {
  for (let i = 0; i < 150; i += 1) await server.ask(`query Invented${i} { viewer { name } }`);
  const text = await plain();
  const names = [...text.matchAll(/^erpfts_graphql_duration_seconds_count\{operation="([^"]*)"\}/gm)].map((match) => match[1]);
  expect(names.length).toBeLessThanOrEqual(101);
  expect(names).toContain('Poles');
  expect(names).toContain('other');
});

test('parts, answers over HTTP, steps of searches and what was taken in are told of', async () => {
  const named = async (name: string) => (await scrape()).find((family) => family.name === name)?.metrics ?? [];
  await expect.poll(async () => (await named('erpfts_component_up')).map(({ labels }) => labels?.['component']), { timeout: 15_000 }).toContain('vector_db');
  const latencies = await named('erpfts_component_latency_seconds');
  for (const part of ['database', 'vector_db', 'embedding_model']) {
    expect(Number(latencies.find(({ labels }) => labels?.['component'] === part)?.value)).toBeGreaterThan(0);
  }
  expect((await named('erpfts_chunks_ingested_total'))[0]?.value).toBe('1');
  await fetch(`${server.url}/nowhere`, { method: 'PROPFIND' });
  const text = await plain();
  for (const step of ['embed', 'vectors', 'words'])
    expect(text).toMatch(new RegExp(`^erpfts_search_step_duration_seconds_count\\{step="${step}"\\} [1-9]`, 'm'));
  for (const labels of [
    'route="graphql",method="POST",status="200"',
    'route="metrics",method="GET",status="200"',
    'route="console",method="other",status="404"',
  ]) {
    expect(text).toContain(`erpfts_http_request_duration_seconds_count{${labels}}`);
  }
  const { metrics, metricsHistory } = await server.ask<{
    metrics: { responses: { perSecond: number }; search: { embedP50Ms: number; modes: { mode: string; share: number }[] } };
    metricsHistory: { databaseLatencyMs: number | null; vectorStoreLatencyMs: number | null; responsesPerSecond: number | null }[];
  }>(
    '{ metrics { responses { perSecond } search { embedP50Ms modes { mode share } } } metricsHistory(range: {}) { databaseLatencyMs vectorStoreLatencyMs responsesPerSecond } }',
  );
  expect(metrics.responses.perSecond).toBeGreaterThan(0);
  expect(metrics.search.embedP50Ms).toBeGreaterThan(0);
  expect(metrics.search.modes.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
  expect(metrics.search.modes.map(({ mode }) => mode)).toContain('HYBRID');
  const newest = metricsHistory.filter(({ responsesPerSecond }) => responsesPerSecond !== null).at(-1);
  expect(newest).toMatchObject({ databaseLatencyMs: expect.any(Number) as number, vectorStoreLatencyMs: expect.any(Number) as number });
});
