import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import sqlite3 from 'sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../support/server.js';

interface State {
  name: string;
  enabled: boolean;
  nextRunAt: string | null;
  lastJob: { id: string; status: string; result: { trigger: string; due: string; steps: { step: string; error: string | null }[] } | null } | null;
}

let server: TestServer;
// Each new year: nothing is due while this runs.
const never = '0 0 1 1 *';
const quiet = { SCHEDULE_DAILY: never, SCHEDULE_WEEKLY: never, SCHEDULE_MONTHLY: never, GOLDEN_SCHEDULE: 'off', TIME_ZONE: 'Asia/Tokyo' };
let newest: Server;
beforeAll(async () => {
  newest = createServer((_request, response) => response.end(JSON.stringify({ version: '99.1.0' }))).listen(0, '127.0.0.1');
  await once(newest, 'listening');
  server = await TestServer.start({ ...quiet, UPDATE_CHECK_URL: `http://127.0.0.1:${(newest.address() as AddressInfo).port}/newest.json` });
});
afterAll(async () => {
  await server.stop();
  newest.close();
});

const schedules = async () => (await server.ask<{ schedules: State[] }>('{ schedules { name enabled nextRunAt lastJob { id status result } } }')).schedules;
const one = async (name: string) => (await schedules()).find((state) => state.name === name)!;
const runs = async () => (await server.ask<{ jobs: { totalCount: number } }>('{ jobs(filter: { kinds: ["SCHEDULE"] }) { totalCount } }')).jobs.totalCount;

function execute(sql: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const database = new sqlite3.Database(join(server.dataDir, 'erpfts.sqlite'));
    database.exec(sql, (error) => {
      database.close();
      if (error) reject(error);
      else resolve();
    });
  });
}

test('schedules follow their time zone, and one that is off is never due', async () => {
  const states = await schedules();
  expect(states.map(({ name, enabled }) => [name, enabled])).toEqual([
    ['DAILY', true],
    ['WEEKLY', true],
    ['MONTHLY', true],
    ['GOLDEN_QUERIES', true],
    ['BACKUP_DATABASE', true],
    ['BACKUP_VECTORS', true],
    ['BACKUP_CONFIG', true],
    ['BACKUP_FULL', true],
    ['BACKUP_PROOF', true],
  ]);
  expect(states[0]!.nextRunAt).toMatch(/-12-31T15:00:00\.000Z$/);
  expect(states[3]!.nextRunAt).toBeNull();
});

test('each bundle runs on demand, step by step, and leaves its reports', async () => {
  await server.take('dredge.txt', 'The dredger works at night.');
  const diskValue = async () =>
    (await server.ask<{ thresholds: { rule: string; value: number | null }[] }>('{ thresholds { rule value } }')).thresholds.find(({ rule }) => rule === 'disk')
      ?.value;
  await expect.poll(diskValue, { timeout: 30_000 }).toEqual(expect.any(Number));
  for (const name of ['DAILY', 'WEEKLY', 'MONTHLY']) {
    const { runSchedule } = await server.ask<{ runSchedule: { id: string } }>('mutation($name: String!) { runSchedule(name: $name) { id } }', { name });
    expect(await server.jobDone(runSchedule.id)).toMatchObject({ status: 'SUCCEEDED' });
  }
  const steps = Object.fromEntries(
    (await schedules()).map(({ name, lastJob }) => [name, lastJob?.result?.steps.map(({ step, error }) => (error ? `${step}!` : step))]),
  );
  expect(steps).toEqual({
    DAILY: ['ROTATE_LOGS', 'CLEAN_TEMP', 'ANALYZE', 'FORGET_OLD_RECORDS', 'CACHE_STATISTICS'],
    WEEKLY: ['VACUUM', 'OPTIMIZE_INDEX', 'OPTIMIZE_FULLTEXT', 'VERIFY_DATA', 'REPORT_PERFORMANCE', 'DISK_CHECK'],
    MONTHLY: ['REPORT_LOG_ANALYSIS', 'REPORT_UPDATE_CHECK', 'REPORT_CAPACITY'],
    ...Object.fromEntries(
      ['GOLDEN_QUERIES', 'BACKUP_DATABASE', 'BACKUP_VECTORS', 'BACKUP_CONFIG', 'BACKUP_FULL', 'BACKUP_PROOF'].map((name) => [name, undefined]),
    ),
  });
  const { reports } = await server.ask<{ reports: { edges: { node: { id: string; kind: string; from: string } }[] } }>(
    '{ reports { edges { node { id kind from } } } }',
  );
  expect(reports.edges.map(({ node }) => node.kind).sort()).toEqual(['CAPACITY', 'LOG_ANALYSIS', 'PERFORMANCE', 'UPDATE_CHECK']);
  // This server has logged for minutes: a report on its log does not speak of a month.
  const logs = reports.edges.find(({ node }) => node.kind === 'LOG_ANALYSIS')!.node;
  expect(Date.now() - Date.parse(logs.from)).toBeLessThan(3_600_000);
  const capacity = reports.edges.find(({ node }) => node.kind === 'CAPACITY')!.node;
  const get = (query: string, key = server.authorization) => fetch(`${server.url}/reports/${capacity.id}${query}`, { headers: { authorization: key } });
  const page = await (await get('')).text();
  expect(page).toMatch(/<h1>ERPFTS: capacity<\/h1>[\s\S]*originals<\/th><td>\d+/);
  expect(await (await get('?format=json')).json()).toMatchObject({
    kind: 'CAPACITY',
    content: { sections: [{ title: 'What the data takes, bytes' }, { title: 'Disk' }] },
  });
  expect((await get('', 'Bearer nobody')).status).toBe(401);
  const japanese = await (await get('?language=ja')).text();
  expect(japanese).toMatch(/<html lang="ja">[\s\S]*<h1>ERPFTS: 容量計画レポート<\/h1>[\s\S]*原本<\/th><td>\d+/);
  expect(japanese).not.toMatch(/>(Disk|Free|originals)/);
  const updates = reports.edges.find(({ node }) => node.kind === 'UPDATE_CHECK')!.node;
  const answer = await fetch(`${server.url}/reports/${updates.id}?language=ja`, { headers: { authorization: server.authorization } });
  expect(await answer.text()).toMatch(/最新の版<\/th><td>99\.1\.0<[\s\S]*状態<\/th><td>新しい版があります</);
  const disk = (await one('WEEKLY')).lastJob!.result!.steps.find(({ step }) => step === 'DISK_CHECK')!;
  expect(disk).toMatchObject({ result: { level: expect.stringMatching(/^(NORMAL|WARNING|CRITICAL)$/) as string, usedShare: expect.any(Number) as number } });
  const performance = reports.edges.find(({ node }) => node.kind === 'PERFORMANCE')!.node;
  const usage = await (await fetch(`${server.url}/reports/${performance.id}?language=ja`, { headers: { authorization: server.authorization } })).text();
  // Nothing of ours stays in English.
  for (const [, name] of usage.matchAll(/<(?:h2|th scope="row")>([^<]*)</g)) expect(name).not.toMatch(/[a-z]{4}/i);
});

test('what was missed while the server was down is caught up by one run, and no more', async () => {
  const before = await runs();
  await server.quit();
  await execute(`UPDATE schedules SET last_run_at = '2019-06-01T00:00:00.000Z' WHERE name = 'DAILY'`);
  await server.boot();
  await server.idle(30_000, ['SCHEDULE']);
  expect(await runs()).toBe(before + 1);
  const { lastJob } = await one('DAILY');
  expect(lastJob).toMatchObject({ status: 'SUCCEEDED', result: { trigger: 'schedule', due: expect.stringMatching(/-12-31T15:00:00\.000Z$/) as string } });
  await server.kill();
  await server.boot();
  await server.idle(30_000, ['SCHEDULE']);
  expect(await runs()).toBe(before + 1);
});

test('a run that was cut off goes on after its last finished step', async () => {
  const { runSchedule } = await server.ask<{ runSchedule: { id: string } }>('mutation { runSchedule(name: "DAILY") { id } }');
  await server.jobDone(runSchedule.id);
  await server.quit();
  const done = JSON.stringify([{ step: 'ROTATE_LOGS', tookMs: 4711, result: null, error: null }]);
  const payload = `{"schedule":"DAILY","due":"2026-01-01T00:00:00.000Z","trigger":"operator","done":${done}}`;
  await execute(`UPDATE jobs SET status = 'RUNNING', result = NULL, payload = '${payload}' WHERE id = '${runSchedule.id}'`);
  await server.boot();
  const { result } = (await server.jobDone(runSchedule.id)) as unknown as { result: { steps: { step: string; tookMs: number }[] } };
  expect(result.steps.map(({ step }) => step)).toEqual(['ROTATE_LOGS', 'CLEAN_TEMP', 'ANALYZE', 'FORGET_OLD_RECORDS', 'CACHE_STATISTICS']);
  expect(result.steps[0]!.tookMs).toBe(4711);
});

test('what failed in a run is tried again, and what succeeded is not', async () => {
  const { runSchedule } = await server.ask<{ runSchedule: { id: string } }>('mutation { runSchedule(name: "DAILY") { id } }');
  await server.jobDone(runSchedule.id);
  const done = JSON.stringify([
    { step: 'ROTATE_LOGS', tookMs: 4711, result: null, error: null },
    { step: 'ANALYZE', tookMs: 1, result: null, error: 'disk I/O error' },
  ]);
  await server.quit();
  await execute(
    `UPDATE jobs SET status = 'FAILED', payload = '{"schedule":"DAILY","due":"2026-01-01T00:00:00.000Z","trigger":"operator","done":${done}}' WHERE id = '${runSchedule.id}'`,
  );
  await server.boot();
  await server.ask('mutation($id: ID!) { retryJob(id: $id) { id } }', { id: runSchedule.id });
  const { status, result } = (await server.jobDone(runSchedule.id)) as unknown as { status: string; result: { steps: { step: string; tookMs: number }[] } };
  expect([status, result.steps.map(({ step }) => step)]).toEqual([
    'SUCCEEDED',
    ['ROTATE_LOGS', 'CLEAN_TEMP', 'ANALYZE', 'FORGET_OLD_RECORDS', 'CACHE_STATISTICS'],
  ]);
  expect(result.steps[0]!.tookMs).toBe(4711);
});

test('a schedule that is turned off is not due, and an unknown one is told', async () => {
  const { enableSchedule } = await server.ask<{ enableSchedule: State }>(
    'mutation { enableSchedule(name: "WEEKLY", enabled: false) { name enabled nextRunAt } }',
  );
  expect(enableSchedule).toEqual({ name: 'WEEKLY', enabled: false, nextRunAt: null });
  const { errors } = await server.send('mutation { runSchedule(name: "HOURLY") { id } }');
  expect(errors[0]?.extensions).toMatchObject({ code: 'NOT_FOUND', remedy: expect.stringContaining('DAILY') as string });
});
