import { createClient } from 'graphql-ws';
import { afterEach, expect, test } from 'vitest';
import WebSocket from 'ws';
import { TestServer } from '../support/server.js';

let server: TestServer;
afterEach(() => server.stop());

/** The cookie of a reader who has just signed in. */
async function reader(): Promise<string> {
  const { createSignInLink } = await server.ask<{ createSignInLink: string }>('mutation { createSignInLink(role: READER) }');
  const signedIn = await fetch(createSignInLink, { redirect: 'manual' });
  return signedIn.headers.getSetCookie()[0]!.split(';')[0]!;
}

test('requests of an address are limited, by HTTP and on a WebSocket alike', async () => {
  const limit = 12;
  server = await TestServer.start({ RATE_LIMITING: 'true', RATE_LIMIT_API: String(limit) });
  const cookie = await reader();
  const client = createClient({
    url: `${server.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: class extends WebSocket {
      constructor(address: string, protocols?: string[]) {
        super(address, protocols, { headers: { cookie } });
      }
    },
    retryAttempts: 0,
    lazy: false,
  });
  /** @returns the error where the operation was refused */
  const ask = (): Promise<unknown> =>
    new Promise((resolve) => {
      client.subscribe(
        { query: '{ viewer { role } }' },
        { next: () => undefined, error: (errors) => resolve((errors as unknown[])[0]), complete: () => resolve(null) },
      );
    });
  try {
    let answered = 0;
    let refused: unknown = null;
    while (!refused && answered <= limit) {
      refused = await ask();
      if (!refused) answered += 1;
    }
    // Opening the connection was a request too.
    expect(answered).toBeLessThan(limit);
    expect(answered).toBeGreaterThan(limit - 4);
    expect(refused).toMatchObject({ extensions: { code: 'RATE_LIMITED', remedy: expect.stringMatching(/^Try again in \d+ s\.$/) as string } });
    const asked = (headers: Record<string, string>) =>
      fetch(`${server.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ query: '{ viewer { role } }' }),
      });
    const response = await asked({ cookie });
    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'RATE_LIMITED' } }] });
    expect((await asked({})).status).toBe(429);
    expect((await asked({ authorization: 'Bearer guessed' })).status).toBe(429);
    // Who waits for a job, or watches, asks all the time.
    for (let i = 0; i < limit * 2; i++) expect((await asked({ authorization: server.authorization })).status).toBe(200);
  } finally {
    await client.dispose();
  }
});

test('each who has signed in has limits of his own', async () => {
  server = await TestServer.start({ RATE_LIMITING: 'true', RATE_LIMIT_SEARCH: '2' });
  await server.take('first.txt', 'The first pump of the hour.');
  const search = (cookie: string) => server.send('{ search(query: "pump") { totalCount } }', {}, { cookie });
  for (const cookie of [await reader(), await reader()]) {
    for (let i = 0; i < 2; i++) expect((await search(cookie)).errors).toEqual([]);
    expect((await search(cookie)).errors[0]).toMatchObject({ extensions: { code: 'RATE_LIMITED' } });
  }
});

test('searches and uploads of a user have limits of their own', async () => {
  server = await TestServer.start({ RATE_LIMITING: 'true', RATE_LIMIT_SEARCH: '4', RATE_LIMIT_UPLOAD: '1', METRICS_INTERVAL_SECONDS: '1' });
  await server.take('first.txt', 'The first pump of the hour.');
  const cookie = await reader();
  for (let i = 0; i < 5; i++) await server.send('{ viewer { role } }', {}, { cookie });
  // The last of them are answers that are sent again: they count like the others, and who is refused one is counted once.
  const search = () => server.send('{ search(query: "pump") { totalCount } }');
  for (let i = 0; i < 4; i++) expect(await search()).toMatchObject({ errors: [], data: { search: { totalCount: 1 } } });
  for (let i = 0; i < 2; i++)
    expect((await search()).errors[0]).toMatchObject({ message: expect.stringContaining('4 searches') as string, extensions: { code: 'RATE_LIMITED' } });
  const { rateLimits } = await server.ask<{ rateLimits: { kind: string; limit: number; used: number; remaining: number; resetsAt: string | null }[] }>(
    '{ rateLimits { kind limit used remaining resetsAt } }',
  );
  const state = Object.fromEntries(rateLimits.map((limit) => [limit.kind, limit]));
  expect(state['UPLOAD']).toMatchObject({ limit: 1, used: 1, remaining: 0, resetsAt: expect.any(String) as string });
  expect(state['SEARCH']).toMatchObject({ limit: 4, used: 6, remaining: 0 });
  // Those of operators are not counted.
  expect(state['API']).toMatchObject({ used: 5 });
  await expect(server.upload([{ name: 'second.txt', content: 'The second file of the hour.' }])).rejects.toThrow(/RATE_LIMITED|1 uploads/);
  expect((await server.send('{ viewer { role } }')).errors).toEqual([]);
  // Kept as history, and drawn live.
  const history = async () =>
    (
      await server.ask<{ metricsHistory: { limitUsedShare: number; refusalsPerSecond: number }[] }>(
        '{ metricsHistory(range: {}) { limitUsedShare refusalsPerSecond } }',
      )
    ).metricsHistory;
  await expect.poll(async () => Math.max(...(await history()).map((point) => point.refusalsPerSecond)), { timeout: 10_000 }).toBeGreaterThan(0);
  expect((await history()).at(-1)!.limitUsedShare).toBeGreaterThan(0);
});
