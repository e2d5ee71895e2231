import { Readable } from 'node:stream';
import { request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.stop());

/** Sends a body as it comes, or as a proxy passes it on, which takes the way through Express. */
async function post(body: string, headers: Record<string, string> = {}) {
  const answer = await request(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: server.authorization, ...headers },
    body,
  });
  const { date: _date, 'keep-alive': _keepAlive, ...others } = answer.headers;
  return { status: answer.statusCode, headers: others, body: await answer.body.text() };
}

test.each([
  ['an operation', JSON.stringify({ query: '{ viewer { name } }' })],
  [
    'text beyond ASCII',
    JSON.stringify({ query: 'query($q: String!) { search(query: $q) { totalCount hits { snippet } } }', variables: { q: '年次有給休暇' } }),
  ],
  ['an unknown field', JSON.stringify({ query: '{ nothing }' })],
  ['half of an object', '{"query": "{ viewer'],
  ['a list', '[]'],
  ['nothing', 'null'],
  ['an empty body', ''],
  ['a text', '"query"'],
  ['an object without an operation', '{}'],
])('%s is answered alike straight and by a proxy', async (_what, body) => {
  const [straight, proxied] = [await post(body), await post(body, { 'x-forwarded-proto': 'http' })];
  expect(straight.status).toBe(proxied.status);
  expect(straight.status).toBeLessThan(500);
  expect(Object.keys(straight.headers).sort()).toEqual(Object.keys(proxied.headers).sort());
  const codes = ({ body: text }: { body: string }) =>
    (JSON.parse(text) as { errors?: { extensions: { code: string } }[] }).errors?.map(({ extensions }) => extensions.code);
  expect(codes(straight)).toEqual(codes(proxied));
  expect(straight.headers['x-content-type-options']).toBe('nosniff');
});

test('bodies that are too large, compressed or sent piece by piece are read or refused as they should be', async () => {
  const large = await post(JSON.stringify({ query: '{ viewer { name } }', variables: { pad: 'x'.repeat(1024 * 1024) } }));
  expect([large.status, large.body]).toEqual([413, expect.stringContaining('PAYLOAD_TOO_LARGE')]);
  const pieces = await request(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: server.authorization },
    body: Readable.from(['{"query": "{ viewer ', '{ name } }"}']),
  });
  expect(await pieces.body.json()).toEqual({ data: { viewer: { name: 'admin.key' } } });
});

test('pages of other sites and names that are not ours are refused', async () => {
  const body = JSON.stringify({ query: '{ viewer { name } }' });
  expect((await post(body, { origin: 'https://elsewhere.example' })).status).toBe(403);
  expect((await post(body, { host: 'rebound.example' })).status).toBe(403);
});

test('an operation that comes again, and is compiled, answers and fails as it did at first', async () => {
  const asked: [string, Record<string, unknown>][] = [
    ['query($first: Int) { documents(first: $first) { totalCount edges { node { id title createdAt } } } }', { first: 2 }],
    ['query($first: Int) { documents(first: $first) { totalCount } }', { first: 'two' }],
    ['query($id: ID!) { document(id: $id) { title } similarDocuments(id: $id) { id } }', { id: 'nothing' }],
    ['{ search(query: " ") { totalCount } }', {}],
    ['query A { viewer { name } } query B { health { status } }', {}],
    ['query($mode: SearchMode) { search(query: "pump", mode: $mode) { mode } }', { mode: 'NONE' }],
    ['{ __schema { queryType { name } } }', {}],
    ['{ alias: viewer { name ...F } } fragment F on Viewer { role @skip(if: true) }', {}],
  ];
  for (const [query, variables] of asked) {
    const first = await server.send(query, variables);
    for (let i = 0; i < 3; i++) expect(await server.send(query, variables), query).toEqual(first);
  }
});

test('an answer has the same headers interpreted, compiled and sent again from what is kept', async () => {
  await server.take('headers.txt', 'Every answer has the same headers.');
  // The time it took is another each time: such an answer is not kept, and the operation is compiled.
  for (const fields of ['tookMs totalCount', 'cached totalCount']) {
    const body = JSON.stringify({ query: `{ search(query: "headers of every answer") { ${fields} } }` });
    const first = await post(body);
    expect(first.headers['x-content-type-options']).toBe('nosniff');
    for (let i = 0; i < 4; i++) {
      const again = await post(body);
      expect(Object.keys(again.headers).sort()).toEqual(Object.keys(first.headers).sort());
      if (i > 0 && fields.startsWith('cached')) expect(JSON.parse(again.body)).toEqual({ data: { search: { cached: true, totalCount: 1 } } });
    }
  }
});
