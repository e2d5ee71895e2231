import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { migrations } from '../../migrations/index.js';
import { AlertEntity } from '../../server/alerts/alert.entity.js';
import { AlertsService, type AlertTopics } from '../../server/alerts/alerts.service.js';
import { PendingNotificationEntity } from '../../server/alerts/notification.entity.js';
import { Notifier } from '../../server/alerts/notifier.js';
import { Outbox } from '../../server/alerts/outbox.js';
import { findingsOf } from '../../server/alerts/task-findings.js';
import { type Level } from '../../server/alerts/thresholds.js';
import { loadSettings } from '../../server/config/index.js';
import { systemClock } from '../../server/platform/clock.js';
import { Database } from '../../server/platform/database/index.js';
import { createLogger } from '../../server/platform/logging/index.js';
import { PubSub } from '../../server/platform/pubsub/index.js';

const minute = 60_000;
const start = Date.parse('2026-07-01T00:00:00Z');
const log = createLogger('fatal');
let directory: string;
let database: Database;
let alerts: AlertsService;
const { settings } = loadSettings({});

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'erpfts-holding-'));
  database = await Database.open({
    settings: loadSettings({ DATA_DIR: directory }).settings,
    entities: [AlertEntity, PendingNotificationEntity],
    migrations,
    log,
  });
});
afterAll(async () => {
  await database?.close();
  await rm(directory, { recursive: true, force: true });
});
const service = () =>
  new AlertsService({
    database,
    pubsub: new PubSub<AlertTopics>(),
    notifier: new Notifier(settings, new Outbox(database), log),
    thresholds: [],
    holdMs: 0,
    retentionMs: 1e12,
    clock: systemClock,
    log,
  });
beforeEach(async () => {
  await database.write((tx) => tx.query('DELETE FROM alerts'));
  alerts = service();
});

/** Until it is kept. */
async function heard(...[of, ...finding]: [AlertsService, ...Parameters<AlertsService['observe']>]): Promise<void> {
  await of.observe(...finding);
  await of.settled();
}

/** What is open after each minute's finding; a level must last two minutes. */
async function after(levels: Level[], from = 0): Promise<(string | null)[]> {
  const open: (string | null)[] = [];
  for (const [i, level] of levels.entries()) {
    await heard(alerts, { rule: 'cpu', level, message: level, holdMs: 2 * minute }, new Date(start + (from + i) * minute));
    open.push(alerts.openAlerts()[0]?.severity ?? null);
  }
  return open;
}
const [n, w, c] = ['NORMAL', 'WARNING', 'CRITICAL'] as const;

test.each([
  ['one that lasts', [w, w, w], [null, null, 'WARNING']],
  ['one that is over too soon', [w, w, n, w, w], [null, null, null, null, null]],
  ['one that wavers between warning and critical', [w, c, w, c, w], [null, null, 'WARNING', 'WARNING', 'WARNING']],
  ['one that becomes critical', [w, w, w, c, c, c], [null, null, 'WARNING', 'WARNING', 'WARNING', 'CRITICAL']],
  ['one that becomes milder', [c, c, c, w, w, w], [null, null, 'CRITICAL', 'CRITICAL', 'CRITICAL', 'WARNING']],
  ['one that is over', [c, c, c, n, n, n], [null, null, 'CRITICAL', 'CRITICAL', 'CRITICAL', null]],
  ['one that dips', [w, w, w, n, w, n, n, n], [null, null, 'WARNING', 'WARNING', 'WARNING', 'WARNING', 'WARNING', null]],
] as [string, Level[], (string | null)[]][])('%s', async (_name, levels, open) => {
  expect(await after(levels)).toEqual(open);
});

test('an open alert is gone on with after a restart, and raised once', async () => {
  await after([w, w, w]);
  alerts = service();
  await alerts.open();
  expect(await after([w, w, w, c, c, c, n, n, n], 10)).toEqual([
    'WARNING',
    'WARNING',
    'WARNING',
    'WARNING',
    'WARNING',
    'CRITICAL',
    'CRITICAL',
    'CRITICAL',
    null,
  ]);
  expect(await database.read.count(AlertEntity)).toBe(1);
});

test('a verification that finds differences raises an alert, and one that finds none ends it', async () => {
  for (const finding of findingsOf({ task: 'VERIFY_DATA', error: null, result: { found: 3 } })) await heard(alerts, finding);
  expect(alerts.openAlerts().map(({ rule, value }) => [rule, value])).toEqual([['data', 3]]);
  for (const finding of findingsOf({ task: 'REPAIR_DATA', error: null, result: { found: 3, left: 0, dryRun: false } })) await heard(alerts, finding);
  expect(alerts.openAlerts()).toEqual([]);
  for (const finding of findingsOf({ task: 'VACUUM', error: 'no space', result: null })) await heard(alerts, finding);
  expect(alerts.openAlerts().map(({ rule }) => rule)).toEqual(['task:VACUUM']);
});
