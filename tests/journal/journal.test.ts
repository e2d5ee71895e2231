import { afterAll, beforeAll, expect, test } from 'vitest';
import { version } from '../../server/config/index.js';
import { erpfts } from '../support/backups.js';
import { TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.stop());

interface Event {
  at: string;
  kind: string;
  by: string;
  detail: string | null;
}
const events = async (since?: string) =>
  (await server.ask<{ systemEvents: Event[] }>('query($since: DateTime) { systemEvents(since: $since) { at kind by detail } }', { since })).systemEvents;
const kinds = async () => (await events()).map(({ kind }) => kind);

test('starts, stops, crashes, changes of settings and maintenance are told, with who did them', async () => {
  expect(await events()).toMatchObject([{ kind: 'STARTED', by: 'system', detail: version }]);
  await server.ask('mutation { setMaintenanceMode(enabled: true, reason: "New disks") { enabled } }');
  // Another reason is no other beginning.
  await server.ask('mutation { setMaintenanceMode(enabled: true, reason: "Newer disks") { enabled } }');
  await server.ask('mutation { setMaintenanceMode(enabled: false) { enabled } }');
  expect((await events()).slice(0, 2)).toMatchObject([
    { kind: 'MAINTENANCE_ENDED', by: 'admin.key', detail: null },
    { kind: 'MAINTENANCE_BEGAN', by: 'admin.key', detail: 'New disks' },
  ]);
  await server.ask('mutation { setLogLevel(level: ERROR) }');
  await expect.poll(kinds).toContain('SETTINGS_CHANGED');
  expect((await events())[0]).toMatchObject({ kind: 'SETTINGS_CHANGED', by: 'admin.key', detail: 'LOG_LEVEL' });

  await server.quit();
  server = await server.restarted({ CACHE_SEARCH_TTL: '60' });
  expect((await events()).slice(0, 3)).toMatchObject([
    { kind: 'SETTINGS_CHANGED', by: 'system', detail: 'CACHE_SEARCH_TTL' },
    { kind: 'STARTED', by: 'system' },
    { kind: 'STOPPED', by: 'system' },
  ]);

  await server.kill();
  server = await server.restarted({ CACHE_SEARCH_TTL: '60' });
  const [last, before] = await events();
  expect([last!.kind, before!.kind]).toEqual(['STARTED_AFTER_CRASH', 'SETTINGS_CHANGED']);
  expect(await events(last!.at)).toHaveLength(1);
});

test('the command line lists them', async () => {
  const { out } = await erpfts(server.dataDir, ['events', '--since', '1h']);
  expect(out).toMatch(/^\S+Z {2}started_after_crash +system {2}\d/m);
  expect(out).toMatch(/^\S+Z {2}maintenance_began +admin\.key {2}New disks$/m);
});
