import { randomUUID } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migrations } from '../../migrations/index.js';
import { loadSettings, packageRoot } from '../../server/config/index.js';
import { AppStateEntity, Database } from '../../server/platform/database/index.js';
import { createLogger } from '../../server/platform/logging/index.js';
import { cleanEnvironment } from '../support/environment.js';
import { administer, databaseUrl, hasPostgres } from '../support/postgres.js';
import { TestServer } from '../support/server.js';

/** A database of this suite's own. */
const name = `erpfts_test_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
const freshUrl = databaseUrl(name);

const databases = [
  { dialect: 'SQLite', env: {} as Record<string, string>, available: true },
  { dialect: 'PostgreSQL', env: { DATABASE_URL: freshUrl }, available: hasPostgres },
];

afterAll(async () => {
  if (hasPostgres) await administer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
});

describe.each(databases)('$dialect', ({ dialect, env, available }) => {
  test.skipIf(!available)('migrates up and down by the command line', { timeout: 300_000 }, async () => {
    if (dialect === 'PostgreSQL') await administer(`CREATE DATABASE ${name}`);
    const dataDir = mkdtempSync(join(tmpdir(), 'erpfts-migrate-'));
    const migrate = (command: string) =>
      JSON.parse(
        execFileSync(process.execPath, [join(packageRoot, 'dist/server/cli.js'), '--json', 'migrate', command], {
          cwd: dataDir,
          env: { ...cleanEnvironment(), ...env, DATA_DIR: dataDir },
        }).toString(),
      ) as { applied: boolean | string[] }[];
    expect(migrate('status').every((state) => state.applied === false)).toBe(true);
    migrate('up');
    const all = migrate('status');
    expect(all.every((state) => state.applied === true)).toBe(true);
    // Each takes back what it made: what is left behind would make the way up fail.
    expect(migrate('down').filter((state) => state.applied)).toHaveLength(all.length - 1);
    const { settings } = loadSettings({ ...env, DATA_DIR: dataDir });
    const database = await Database.open({ settings, entities: [AppStateEntity], migrations, log: createLogger('error') }, { migrate: false });
    for (let left = all.length - 2; left >= 0; left--) {
      await database.migrateDown();
      expect((await database.migrationStates()).filter((state) => state.applied)).toHaveLength(left);
    }
    await database.close();
    migrate('up');
    expect(migrate('status')).toEqual(all);
  });

  describe.skipIf(!available)('a server on it', () => {
    let server: TestServer;
    beforeAll(async () => {
      server = await TestServer.start({
        ...env,
        METRICS_INTERVAL_SECONDS: '1',
        ALERT_HOLD_SECONDS: '1',
        ALERT_MEMORY_WARNING: '0.0001',
        ALERT_MEMORY_CRITICAL: '1',
      });
    });
    afterAll(() => server.stop());

    test('50 writers at once lose nothing and mix nothing', { timeout: 300_000 }, async () => {
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, writer) =>
          server.upload(
            [
              {
                name: `writer-${writer}.txt`,
                content: `Letter of writer number ${writer}\n\nOnly writer ${writer} knows the word secret${writer}x and nobody else does.\n`,
              },
            ],
            { tags: [`writer-${writer}`] },
          ),
        ),
      );
      await server.idle();
      const ids = results.map(([result]) => result!.document!.id);
      expect(new Set(ids).size).toBe(50);
      for (const [writer, id] of ids.entries()) {
        const { document } = await server.ask<{ document: { status: string; tags: string[]; text: string } }>(
          'query($id: ID!) { document(id: $id) { status tags text error { code message } } }',
          { id },
        );
        expect(document).toMatchObject({ error: null, status: 'READY', tags: [`writer-${writer}`] });
        expect(document.text).toContain(`secret${writer}x`);
      }
      const { search } = await server.ask<{ search: { hits: { document: { id: string } }[] } }>(
        '{ search(query: "secret37x", mode: KEYWORD) { hits { document { id } } } }',
      );
      expect(search.hits[0]?.document.id).toBe(ids[37]);
    });

    test('bytes that come again while their document is deleted are kept', async () => {
      const file = { name: 'ebb.txt', content: 'What the ebb takes, the flood brings back.' };
      for (let round = 0; round < 12; round++) {
        const [first] = await server.upload([file]);
        const id = first!.document?.id ?? first!.duplicateOf!.id;
        // The deletion drops the original in its own time: the bytes come again at some moment of it.
        const { deleteDocuments } = await server.ask<{ deleteDocuments: { id: string } }>('mutation($id: ID!) { deleteDocuments(ids: [$id]) { id } }', { id });
        await delay(round * 4);
        await server.upload([file]);
        await server.jobDone(deleteDocuments.id);
        await server.idle();
        const { documents } = await server.ask<{ documents: { edges: { node: { id: string } }[] } }>(
          '{ documents(filter: { text: "ebb.txt" }) { edges { node { id } } } }',
        );
        expect(documents.edges).toHaveLength(1);
        const original = await fetch(`${server.url}/originals/${documents.edges[0]!.node.id}`, { headers: { authorization: server.authorization } });
        expect([original.status, await original.text()]).toEqual([200, file.content]);
      }
    });

    test('every maintenance task does its work', async () => {
      await server.take('kept.txt', 'The lighthouse keeper writes the log every evening.');
      const tasks = async () => {
        const { maintenanceTasks } = await server.ask<{ maintenanceTasks: { task: string; lastJob: { id: string } | null }[] }>(
          '{ maintenanceTasks { task lastJob { id } } }',
        );
        return maintenanceTasks;
      };
      for (const { task, lastJob } of await tasks()) {
        expect(lastJob).toBeNull();
        const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>(
          'mutation($task: MaintenanceTask!) { runMaintenance(task: $task) { id } }',
          { task },
        );
        expect(await server.jobDone(runMaintenance.id)).toMatchObject({ status: 'SUCCEEDED' });
        expect((await tasks()).find((state) => state.task === task)?.lastJob?.id).toBe(runMaintenance.id);
      }
      const { search } = await server.ask<{ search: { totalCount: number } }>('{ search(query: "lighthouse", mode: KEYWORD) { totalCount } }');
      expect(search.totalCount).toBe(1);
    });

    test('what operators look back on is kept and told alike', async () => {
      const alert = async () => {
        const { alerts } = await server.ask<{ alerts: { edges: { node: { id: string; rule: string; state: string } }[] } }>(
          '{ alerts(first: 50, filter: { rules: ["memory"] }) { edges { node { id rule state } } } }',
        );
        return alerts.edges[0]?.node ?? null;
      };
      await expect.poll(alert, { timeout: 20_000 }).toMatchObject({ state: 'ACTIVE' });
      await server.ask('mutation($id: ID!) { acknowledgeAlert(id: $id) { id } }', { id: (await alert())!.id });
      for (const name of ['DAILY', 'WEEKLY', 'MONTHLY']) {
        const { runSchedule } = await server.ask<{ runSchedule: { id: string } }>('mutation($name: String!) { runSchedule(name: $name) { id } }', { name });
        expect(await server.jobDone(runSchedule.id)).toMatchObject({ status: 'SUCCEEDED', error: null });
      }
      const { reports, metricsSummary, metricsHistory, metricsHistorySize, settings } = await server.ask<{
        reports: { totalCount: number };
        metricsSummary: { hostMemoryShare: number; databaseBytes: number };
        metricsHistory: object[];
        metricsHistorySize: { samples: number };
        settings: { about: string; unit: string | null }[];
      }>(
        '{ reports { totalCount } metricsSummary(range: {}) { hostMemoryShare databaseBytes } metricsHistory(range: {}) { at } metricsHistorySize { samples } settings(language: JA) { about unit } }',
      );
      expect(reports.totalCount).toBeGreaterThanOrEqual(3);
      expect(metricsSummary.hostMemoryShare).toBeGreaterThan(0);
      expect(metricsSummary.databaseBytes).toBeGreaterThan(10_000);
      expect(metricsHistory.length).toBeGreaterThan(0);
      expect(metricsHistorySize.samples).toBeGreaterThan(1);
      for (const { about } of settings) expect(about).toMatch(/[\u3040-\u30ff\u4e00-\u9fff]/);
      await server.ask('mutation { setMaintenanceMode(enabled: true, reason: "moving house") { enabled } }');
      await server.quit();
      const again = await server.restarted({ SESSION_DAYS: '3' });
      const { maintenanceMode, settingChanges } = await again.ask<{
        maintenanceMode: { enabled: boolean; reason: string };
        settingChanges: { name: string; before: string; after: string }[];
      }>('{ maintenanceMode { enabled reason } settingChanges { name before after } }');
      expect(maintenanceMode).toEqual({ enabled: true, reason: 'moving house' });
      expect(settingChanges).toContainEqual({ name: 'SESSION_DAYS', before: '30', after: '3' });
      await again.quit();
    });
  });
});
