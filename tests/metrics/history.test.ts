import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrations } from '../../migrations/index.js';
import { loadSettings } from '../../server/config/index.js';
import { MetricsHistory } from '../../server/metrics/history.js';
import { MetricSampleEntity } from '../../server/metrics/metric-sample.entity.js';
import { MetricsService } from '../../server/metrics/metrics.service.js';
import { type SampleValues, seriesNames } from '../../server/metrics/series.js';
import { Database } from '../../server/platform/database/index.js';
import { createLogger } from '../../server/platform/logging/index.js';
import { TestServer } from '../support/server.js';

let directory: string;
let database: Database;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'erpfts-history-'));
  const { settings } = loadSettings({ DATA_DIR: directory });
  database = await Database.open({ settings, entities: [MetricSampleEntity], migrations, log: createLogger('error') });
});
afterAll(async () => {
  await database?.close();
  await rm(directory, { recursive: true, force: true });
});

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const values = (some: Partial<SampleValues>): SampleValues => Object.fromEntries(seriesNames.map((name) => [name, some[name] ?? null])) as SampleValues;

test('samples become minutes and hours, the worst of some and the mean of others, and the oldest go', async () => {
  const history = new MetricsHistory(database, { rawSeconds: 30, retentionDays: 2 });
  const start = Date.parse('2026-03-01T00:00:00Z');
  // Three hours, then a gap of a day, then an hour: as after a machine was off.
  for (let at = start; at < start + 3 * hour; at += 30 * second)
    await history.add(new Date(at), values({ hostCpuShare: 0.5, searchP95Ms: at === start + hour ? 900 : 10 }));
  const hours = await history.read(new Date(start), new Date(start + 3 * hour), 3600);
  expect(hours.map(({ at, hostCpuShare, searchP95Ms, openSockets }) => [at.toISOString(), hostCpuShare, searchP95Ms, openSockets])).toEqual([
    ['2026-03-01T00:00:00.000Z', 0.5, 10, null],
    ['2026-03-01T01:00:00.000Z', 0.5, 900, null],
    ['2026-03-01T02:00:00.000Z', 0.5, 10, null],
  ]);
  const later = start + day + 4 * hour;
  for (let at = later; at < later + hour; at += 30 * second) await history.add(new Date(at), values({ hostCpuShare: 1 }));
  const rows = (await database.read.query(
    'SELECT resolution, count(*) AS n, min(at) AS oldest FROM metric_samples GROUP BY resolution ORDER BY resolution',
  )) as {
    resolution: number;
    n: number;
    oldest: number;
  }[];
  // Of the samples only the last day is left; the minutes and hours of before are all there.
  expect(rows).toEqual([
    { resolution: 30, n: 120, oldest: later / 1000 },
    { resolution: 60, n: 239, oldest: start / 1000 },
    { resolution: 3600, n: 3, oldest: start / 1000 },
  ]);
  const both = await history.read(new Date(start), new Date(later + hour), 3600);
  expect(both.map(({ hostCpuShare }) => hostCpuShare)).toEqual([0.5, 0.5, 0.5, 1]);
  // Two days on, the first hours are beyond what is kept.
  await history.add(new Date(start + 2 * day + 2 * hour), values({}));
  expect((await history.read(new Date(start), new Date(later), 3600)).map(({ at }) => at.toISOString())).toEqual(['2026-03-01T02:00:00.000Z']);
});

test('an hour tells for which share of it there are samples', async () => {
  const history = new MetricsHistory(database, { rawSeconds: 30, retentionDays: 2 });
  const start = Date.parse('2026-06-01T00:00:00Z');
  for (let at = start + 10 * minute; at < start + 25 * minute; at += 30 * second)
    await history.add(new Date(at), values({ searchesPerSecond: 2, sampledShare: 1 }));
  for (let at = start + hour; at < start + 2 * hour; at += 30 * second) await history.add(new Date(at), values({ searchesPerSecond: 1, sampledShare: 1 }));
  const to = new Date(start + 2 * hour);
  const share = async () => (await history.read(new Date(start), to, 3600)).map(({ sampledShare }) => sampledShare);
  // The newest minute is still to be rolled up.
  expect(await share()).toEqual([expect.closeTo(0.25, 5), expect.closeTo(59 / 60, 5)]);
  // The same by hours that were made of minutes as by minutes and samples.
  await history.add(new Date(start + 3 * hour), values({}));
  expect(await share()).toEqual([expect.closeTo(0.25, 5), expect.closeTo(1, 5)]);
});

test('a day of samples every five seconds takes no more than 20 MB', async () => {
  await database.write((tx) => tx.query('DELETE FROM metric_samples'));
  const sample = JSON.stringify(seriesNames.map((_, i) => Number((Math.PI * 10 ** (i % 9)).toPrecision(6))));
  const at = Date.parse('2026-04-01T00:00:00Z') / 1000;
  const before = await database.sizeBytes();
  for (let part = 0; part < 24; part += 1) {
    const rows = Array.from({ length: 720 }, (_, i) => `(5, ${at + part * 3600 + i * 5}, '${sample}')`);
    await database.write((tx) => tx.query(`INSERT INTO metric_samples (resolution, at, "values") VALUES ${rows.join(', ')}`));
  }
  const history = new MetricsHistory(database, { rawSeconds: 5, retentionDays: 30 });
  expect((await history.size()).samples).toBe(17_280);
  expect((await database.sizeBytes()) - before).toBeLessThan(20 * 1024 ** 2);
  expect(await history.read(new Date(at * 1000), new Date((at + 86_399) * 1000), null)).toHaveLength(300);
});

test('the running server keeps samples of the machine, its processes and its work, and answers for any range', async () => {
  const server = await TestServer.start({ METRICS_INTERVAL_SECONDS: '1' });
  try {
    await server.take('tide.txt', 'High tide is at six.');
    await server.ask('query Tide { search(query: "When is high tide?") { totalCount } }');
    const now = () =>
      server.ask<{ metricsHistory: Record<string, number | null>[]; metrics: { processes: { name: string; memoryBytes: number }[] } }>(
        '{ metricsHistory(range: { from: "2026-01-01T00:00:00Z" }, step: 86400) { hostCpuShare hostMemoryShare diskUsedShare cpuShare allMemoryBytes requestP95Ms searchP95Ms documents webSockets gcShare } metrics { processes { name memoryBytes } } }',
      );
    await expect
      .poll(async () => (await now()).metricsHistory.at(-1), { timeout: 10_000 })
      .toMatchObject({ documents: 1, webSockets: 0, searchP95Ms: expect.any(Number) as number });
    const { metricsHistory, metrics } = await now();
    const point = metricsHistory.at(-1)!;
    for (const share of ['hostCpuShare', 'hostMemoryShare', 'diskUsedShare']) expect([point[share]! >= 0, point[share]! <= 1]).toEqual([true, true]);
    expect(point['allMemoryBytes']).toBeGreaterThan(100e6);
    expect(point['searchP95Ms']).toBeGreaterThan(0);
    expect([...new Set(metrics.processes.map(({ name }) => name))].sort()).toEqual(['chromadb', 'reader', 'server']);
    for (const [range, step] of [
      ['{ from: "2026-02-01T00:00:00Z", to: "2026-01-01T00:00:00Z" }', 60],
      ['{ from: "2026-01-01T00:00:00Z", to: "2026-02-01T00:00:00Z" }', 1],
      ['{}', 0],
    ])
      expect((await server.send(`{ metricsHistory(range: ${range}, step: ${step}) { at } }`)).errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
  } finally {
    await server.stop();
  }
});

test('requests are told of while the database does not answer', async () => {
  let isAway = false;
  const count = <T>(value: T): Promise<T> => (isAway ? Promise.reject(new Error('the database is away')) : Promise.resolve(value));
  const requests = { perSecond: 3, p50Ms: 1, p95Ms: 2, failedShare: 1 };
  const metrics = new MetricsService(
    {
      library: () => count({ documents: 7, chunks: 9 }),
      queue: () => count({ queued: 0, running: 0 }),
      embedding: () => 0,
      search: () => ({}) as never,
      requests: () => requests as never,
      responses: () => ({}) as never,
      cache: () => ({}) as never,
      system: () => ({}) as never,
    },
    false,
  );
  expect((await metrics.current()).library).toEqual({ documents: 7, chunks: 9 });
  isAway = true;
  await new Promise((resolve) => setTimeout(resolve, 2100));
  for (let i = 0; i < 2; i++) expect(await metrics.current()).toMatchObject({ requests, library: { documents: 7, chunks: 9 } });
});
