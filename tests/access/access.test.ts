import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.stop());

test('nobody may search, upload or see details, on loopback too', async () => {
  expect((await server.send('{ search(query: "x") { totalCount } }', {}, {})).errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
  expect((await server.send('{ viewer { name } }', {}, {})).data).toEqual({ viewer: null });
  expect((await server.send('{ settings { name } }', {}, { authorization: 'Bearer wrong' })).errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
  expect((await fetch(`${server.url}/health/detailed`)).status).toBe(401);
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
  const form = new FormData();
  form.set('operations', '{}');
  expect((await fetch(`${server.url}/graphql`, { method: 'POST', body: form, headers: { 'apollo-require-preflight': '1' } })).status).toBe(401);
});

test('the printed link signs in once', async () => {
  const first = await fetch(server.signInLink ?? '');
  const cookie = first.headers.get('set-cookie') ?? '';
  expect(cookie).toMatch(/HttpOnly; SameSite=Strict/);
  const { data } = await server.send<{ viewer: { role: string } }>('{ viewer { role } }', {}, { cookie: cookie.split(';')[0]! });
  expect(data?.viewer.role).toBe('ADMINISTRATOR');
  expect((await fetch(server.signInLink ?? '')).status).toBe(401);
});

test('who is signed out is nobody on a connection opened before', async () => {
  const { createSignInLink } = await server.ask<{ createSignInLink: string }>('mutation { createSignInLink }');
  const signedIn = await fetch(createSignInLink, { redirect: 'manual' });
  const cookie = signedIn.headers.getSetCookie()[0]!.split(';')[0]!;
  class WithCookie extends WebSocket {
    constructor(address: string, protocols: string[]) {
      super(address, protocols, { headers: { cookie } });
    }
  }
  const client = createClient({ url: `${server.url.replace('http', 'ws')}/graphql`, webSocketImpl: WithCookie, lazy: false, retryAttempts: 0 });
  const ask = async (query: string) => {
    for await (const answer of client.iterate({ query })) return answer;
    throw new Error('there was no answer');
  };
  try {
    expect(await ask('{ viewer { role } }')).toMatchObject({ data: { viewer: { role: 'ADMINISTRATOR' } } });
    await server.send('mutation { signOut }', {}, { cookie });
    expect(await ask('{ settings { name } }')).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
  } finally {
    await client.dispose();
  }
});

test('an operation of too many words is refused on a WebSocket as by HTTP', async () => {
  const long = `{ ${Array.from({ length: 6000 }, (_, i) => `a${i}: __typename`).join(' ')} }`;
  expect((await server.send(long)).errors[0]?.message).toMatch(/tokens/);
  const refused = server.subscribe(long);
  await expect(refused.next(() => true, 3000)).rejects.toThrow(/tokens|subscription failed/);
  expect(refused.events).toEqual([]);
  refused.stop();
});

test('foreign origins and host names are refused on requests and upgrades', async () => {
  expect((await fetch(`${server.url}/health`, { headers: { origin: 'https://evil.example' } })).status).toBe(403);
  const refused = await new Promise<string>((resolve) => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
      headers: { origin: 'https://evil.example', authorization: server.authorization },
    });
    socket.on('error', (error) => resolve(error.message));
    socket.on('open', () => resolve('open'));
  });
  expect(refused).toContain('403');
});

test('settings are shown with their secrets masked', async () => {
  const { settings } = await server.ask<{ settings: { name: string; value: string }[] }>('{ settings { name value } }');
  expect(settings.find(({ name }) => name === 'CHUNK_MAX_TOKENS')?.value).toBe('400');
  expect(JSON.stringify(settings)).not.toContain(server.key);
});

test('detailed health has the manual’s shape', async () => {
  const answer = (await (await fetch(`${server.url}/health/detailed`, { headers: { authorization: server.authorization } })).json()) as {
    status: string;
    components: Record<string, { status: string }>;
    performance: object;
  };
  expect(answer.status).toBe('healthy');
  expect(Object.keys(answer.components).sort()).toEqual(['cache', 'database', 'embedding_model', 'vector_db']);
  expect(Object.keys(answer.performance)).toEqual(['response_time_ms', 'memory_usage_mb', 'cpu_usage_percent']);
});

test('unknown addresses answer in JSON', async () => {
  const response = await fetch(`${server.url}/performance/system-health`);
  expect(response.status).toBe(404);
  expect(((await response.json()) as { error: { remedy: string } }).error.remedy).toContain('health');
});

test('jobs, which tell who asked and what they found, are not for readers', async () => {
  const { createSignInLink } = await server.ask<{ createSignInLink: string }>('mutation { createSignInLink(role: READER) }');
  const cookie = (await fetch(createSignInLink, { redirect: 'manual' })).headers.getSetCookie()[0]!.split(';')[0]!;
  for (const query of ['{ jobs { edges { node { result owner } } } }', '{ job(id: "a") { result } }'])
    expect((await server.send(query, {}, { cookie })).errors[0]?.extensions.code).toBe('FORBIDDEN');
});

test('where the time of a search went is told to operators, not to readers', async () => {
  const { createSignInLink } = await server.ask<{ createSignInLink: string }>('mutation { createSignInLink(role: READER) }');
  const cookie = (await fetch(createSignInLink, { redirect: 'manual' })).headers.getSetCookie()[0]!.split(';')[0]!;
  await server.take('time.txt', 'Time is told to operators.');
  const query = '{ search(query: "time") { tookMs profile { step ms } } }';
  // Interpreted and compiled, worked out and from the cache.
  for (let i = 0; i < 4; i++) {
    expect((await server.send(query, {}, { cookie })).data).toEqual({ search: { tookMs: expect.any(Number) as number, profile: null } });
    const { search } = await server.ask<{ search: { profile: { step: string }[] } }>(query);
    expect(search.profile.map(({ step }) => step)).toContain('CACHE');
  }
});
