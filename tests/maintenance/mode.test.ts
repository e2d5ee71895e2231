import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { TestServer } from '../support/server.js';

let server: TestServer;
let cookie: string;
beforeAll(async () => {
  server = await TestServer.start();
  await server.take('ferry.txt', 'The ferry leaves at noon.');
  const { createSignInLink } = await server.ask<{ createSignInLink: string }>('mutation { createSignInLink(role: READER) }');
  const response = await fetch(createSignInLink);
  cookie = response.headers.get('set-cookie')!.split(';')[0]!;
});
afterAll(() => server.stop());

const asReader = <T>(query: string) => server.send<T>(query, {}, { cookie, origin: server.url });
const search = '{ search(query: "When does the ferry leave?") { totalCount } }';

test('a reader reads and does no more', async () => {
  expect((await asReader<{ viewer: { role: string } }>('{ viewer { role } }')).data).toEqual({ viewer: { role: 'READER' } });
  expect((await asReader(search)).data).toEqual({ search: { totalCount: 1 } });
  expect((await asReader('mutation { setMaintenanceMode(enabled: true) { enabled } }')).errors[0]?.extensions.code).toBe('FORBIDDEN');
});

test('in maintenance readers are told until when, operators go on, and a restart changes nothing', async () => {
  const live = server.subscribe<{ maintenanceModeChanged: { enabled: boolean } }>('subscription { maintenanceModeChanged { enabled reason } }');
  await live.next(({ maintenanceModeChanged }) => !maintenanceModeChanged.enabled);
  const past = await server.send('mutation { setMaintenanceMode(enabled: true, until: "2020-01-01T00:00:00Z") { enabled } }');
  expect(past.errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
  await server.ask('mutation { setMaintenanceMode(enabled: true, reason: "new disk", until: "2099-01-01T06:00:00Z") { enabled } }');
  await live.next(({ maintenanceModeChanged }) => maintenanceModeChanged.enabled);
  for (let round = 0; round < 2; round += 1) {
    const { errors } = await asReader(search);
    expect(errors[0]).toMatchObject({
      message: expect.stringContaining('new disk') as string,
      extensions: { code: 'MAINTENANCE', remedy: expect.stringContaining('2099-01-01T06:00') as string },
    });
    expect((await asReader('{ viewer { role } maintenanceMode { enabled reason until } }')).errors).toEqual([]);
    expect((await server.ask<{ search: { totalCount: number } }>(search)).search.totalCount).toBe(1);
    const { documents } = await server.ask<{ documents: { edges: { node: { originalUrl: string } }[] } }>('{ documents { edges { node { originalUrl } } } }');
    const original = await fetch(`${server.url}${documents.edges[0]!.node.originalUrl}`, { headers: { cookie } });
    expect([original.status, ((await original.json()) as { error: { code: string } }).error.code]).toEqual([503, 'MAINTENANCE']);
    if (round === 0) {
      await server.kill();
      await server.boot();
    }
  }
  await server.ask('mutation { setMaintenanceMode(enabled: false) { enabled } }');
  expect((await asReader(search)).data).toEqual({ search: { totalCount: 1 } });
});

test('who listens hears nothing while maintenance lasts, and goes on after it', async () => {
  const heard: string[] = [];
  const client = createClient({
    url: `${server.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: class extends WebSocket {
      constructor(address: string, protocols: string) {
        super(address, protocols, { headers: { cookie, origin: server.url } });
      }
    },
  });
  const stop = client.subscribe<{ ingestionProgress: { stage: string; documentId: string } }>(
    { query: 'subscription { ingestionProgress { stage documentId } }' },
    { next: ({ data }) => void heard.push(data!.ingestionProgress.documentId), error: () => undefined, complete: () => heard.push('complete') },
  );
  const before = await server.take('first.txt', 'The first boat comes in.');
  await expect.poll(() => heard).toContain(before.id);
  await server.ask('mutation { setMaintenanceMode(enabled: true) { enabled } }');
  const during = await server.take('second.txt', 'The second boat comes in.');
  await server.ask('mutation { setMaintenanceMode(enabled: false) { enabled } }');
  const after = await server.take('third.txt', 'The third boat comes in.');
  await expect.poll(() => heard).toContain(after.id);
  expect(heard).not.toContain(during.id);
  expect(heard).not.toContain('complete');
  stop();
  await client.dispose();
});
