import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../support/server.js';

/** Of these, the first is interpreted, the second compiled, and what comes later no longer passes through Apollo Server. */
const times = 5;
const searchLimit = 30;

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ RATE_LIMITING: 'true', RATE_LIMIT_SEARCH: String(searchLimit) });
  await server.upload([{ name: 'tide.txt', content: 'Spring tides come with the full moon and the new moon.' }]);
  await server.idle();
}, 120_000);
afterAll(() => server.quit());

interface Sent {
  status: number;
  headers: Record<string, string>;
  body: string;
}

async function send(operation: object, more: Record<string, string> = {}): Promise<Sent> {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${server.key}`, ...more },
    body: JSON.stringify(operation),
  });
  const headers = Object.fromEntries([...response.headers].filter(([name]) => !['date', 'x-request-id'].includes(name)));
  return { status: response.status, headers, body: await response.text() };
}

async function repeated(operation: object, more: Record<string, string> = {}): Promise<Sent> {
  const answers: Sent[] = [];
  for (let i = 0; i < times; i++) answers.push(await send(operation, more));
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  return answers[0]!;
}

/** How many operations of a name have been measured. */
async function measured(name: string): Promise<number> {
  const response = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${server.key}` } });
  const line = new RegExp(`^erpfts_graphql_duration_seconds_count\\{operation="${name}"\\} (\\d+)$`, 'm').exec(await response.text());
  return Number(line?.[1] ?? 0);
}

test('a query that comes again is answered as at first, to the header, and measured each time', async () => {
  const query = 'query Titles($first: Int) { documents(first: $first) { totalCount edges { node { title status } } } }';
  const { status, headers, body } = await repeated({ query, variables: { first: 3 } });
  expect(status).toBe(200);
  expect(headers['content-type']).toBe('application/json; charset=utf-8');
  expect(JSON.parse(body)).toEqual({ data: { documents: { totalCount: 1, edges: [{ node: { title: expect.any(String) as string, status: 'READY' } }] } } });
  expect(await measured('Titles')).toBe(times);
  // Other variables, and none.
  expect(JSON.parse((await send({ query, variables: { first: 1 } })).body)).toEqual(JSON.parse(body));
  expect(JSON.parse((await send({ query })).body)).toEqual(JSON.parse(body));
  expect(await measured('Titles')).toBe(times + 2);
});

test('wrong variables are refused as at first', async () => {
  const query = 'query Page($first: Int) { documents(first: $first) { totalCount } }';
  const refused = await send({ query, variables: { first: 'three' } });
  expect(refused.body).toContain('"errors"');
  await repeated({ query, variables: { first: 1 } });
  expect(await send({ query, variables: { first: 'three' } })).toEqual(refused);
  expect((await send({ query, variables: [1] })).body).toContain('"errors"');
});

test('dates, enumerations and left out variables are read once', async () => {
  const query = `query Found($filter: SearchFilter, $mode: SearchMode, $first: Int = 2) {
    search(query: "spring tides", filter: $filter, mode: $mode, first: $first) { mode totalCount }
  }`;
  const filter = { from: '2020-01-01T00:00:00.000Z', sourceTypes: ['FILE'] };
  expect((await repeated({ query, variables: { filter, mode: 'KEYWORD' } })).body).toBe('{"data":{"search":{"mode":"KEYWORD","totalCount":1}}}\n');
  // Of these the server has other values than the contract.
  const settings = 'query Settings($language: Language) { settings(language: $language) { name unit } }';
  expect((await repeated({ query: settings, variables: { language: 'JA' } })).body).toContain('"unit":"分"');
});

test('defaults of variables and of their parts count each time', async () => {
  const ordered = 'query Ordered($o: DocumentOrder) { documents(orderBy: $o) { totalCount } }';
  expect((await repeated({ query: ordered, variables: { o: { field: 'TITLE' } } })).body).toBe('{"data":{"documents":{"totalCount":1}}}\n');
  const limited =
    'query Limited($n: Int! = 2, $mode: SearchMode! = KEYWORD) { documents(first: $n) { totalCount } search(query: "tides", mode: $mode) { mode } }';
  expect((await repeated({ query: limited })).body).toContain('"mode":"KEYWORD"');
  const since = 'query Events($s: DateTime = "2000-01-01T00:00:00.000Z") { systemEvents(since: $s) { kind } }';
  expect((await repeated({ query: since })).body).toContain('"kind":');
  // Of each object's prototype.
  expect((await repeated({ query: 'query Named($toString: String) { documents(after: $toString) { totalCount } }' })).body).toContain('"totalCount":1');
});

test('what is left out at one use of a fragment is there at another', async () => {
  const query = 'query Both($a: Boolean!) { x: documents { ...F @include(if: $a) } y: documents { ...F } } fragment F on DocumentConnection { totalCount }';
  expect((await repeated({ query, variables: { a: false } })).body).toBe('{"data":{"x":{},"y":{"totalCount":1}}}\n');
  expect((await repeated({ query, variables: { a: true } })).body).toBe('{"data":{"x":{"totalCount":1},"y":{"totalCount":1}}}\n');
});

test('a name that no operation has runs none', async () => {
  const query = 'mutation { runMaintenance(task: CLEAR_CACHE) { id } }';
  const jobs = async () => (await server.ask<{ jobs: { totalCount: number } }>('{ jobs { totalCount } }')).jobs.totalCount;
  const before = await jobs();
  expect((await repeated({ query, operationName: 'Nope' })).status).toBe(400);
  expect(await jobs()).toBe(before);
  const known = '{ documents { totalCount } }';
  await repeated({ query: known });
  expect((await send({ query: known, operationName: 'Nope' })).status).toBe(400);
  expect((await send({ query: known, operationName: '' })).status).toBe(400);
  await repeated({ query: 'query A {\n documents { totalCount }\n}' });
  expect((await send({ operationName: '\nquery A {', query: ' documents { totalCount }\n}' })).status).toBe(400);
});

test('a query that is asked for by its hash answers no other', async () => {
  const query = '{ documents(first: 1) { totalCount } }';
  const persistedQuery = { version: 1, sha256Hash: createHash('sha256').update(query).digest('hex') };
  expect((await send({ query, extensions: { persistedQuery } })).status).toBe(200);
  for (let i = 0; i < times; i++) expect((await send({ extensions: { persistedQuery } })).body).toContain('"totalCount":1');
  expect((await send({ query: '' })).body).toContain('"errors"');
  await repeated({ query });
  for (const extensions of [0, '', false]) expect((await send({ query, extensions })).status).toBe(400);
});

test('a short text that stands for a million fields is refused', async () => {
  const fields = (name: string, inner: string) => Array.from({ length: 100 }, (_, i) => `${name}${i}: ${inner}`).join(' ');
  const query = `query Wide { document(id: "x") { ...A } }
    fragment A on Document { ${fields('a', 'job { ...B }')} }
    fragment B on Job { ${fields('b', 'document { ...C }')} }
    fragment C on Document { ${fields('c', 'title')} }`;
  const { body, status } = await repeated({ query }, { authorization: '' });
  expect(status).toBe(400);
  expect(body).toContain('are accepted');
  // One that uses itself is told of as such.
  expect((await repeated({ query: '{ documents { ...R } } fragment R on DocumentConnection { totalCount ...R }' })).body).toContain('within itself');
});

test('the time of what failed counts, also where it came again', async () => {
  const { documents } = await server.ask<{ documents: { edges: { node: { id: string } }[] } }>('{ documents { edges { node { id } } } }');
  const explained = Array.from({ length: 20 }, (_, i) => `e${i}: explainDocument(documentId: "${documents.edges[0]!.node.id}", query: "tides ${i}") { rank }`);
  const query = `query Late { ${explained.join(' ')} search(query: " ") { totalCount } }`;
  await repeated({ query });
  const response = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${server.key}` } });
  const text = await response.text();
  const sum = Number(/^erpfts_graphql_duration_seconds_sum\{operation="Late"\} (\S+)$/m.exec(text)?.[1]);
  expect(await measured('Late')).toBe(times);
  // Of twenty looks into every store; to tell of one error takes far less.
  expect(sum / times).toBeGreaterThan(0.003);
});

test('errors are told of as at first, of a query that was executed once', async () => {
  const query = 'query Wrong { search(query: " ") { totalCount } }';
  const { body } = await repeated({ query });
  const { errors } = JSON.parse(body) as { errors: { path: string[]; locations: object[]; extensions: { code: string } }[] };
  expect(errors).toMatchObject([{ path: ['search'], locations: [{ line: 1, column: 15 }], extensions: { code: 'BAD_USER_INPUT' } }]);
  expect(await measured('Wrong')).toBe(times);
  // Each was counted once: as many are left of the limit as there should be.
  for (let left = searchLimit - 4 * times; left > 0; left--) expect((await send({ query })).body).toBe(body);
  expect((await send({ query })).body).toContain('RATE_LIMITED');
});

test('an operation of several is known by its name, and whoever asks for another type gets it', async () => {
  const query = 'query One { documents { totalCount } } query Two { documents { edges { node { status } } } }';
  expect((await repeated({ query, operationName: 'One' })).body).toBe('{"data":{"documents":{"totalCount":1}}}\n');
  expect((await repeated({ query, operationName: 'Two' })).body).toBe('{"data":{"documents":{"edges":[{"node":{"status":"READY"}}]}}}\n');
  expect((await send({ query, operationName: 'Three' })).body).toContain('"errors"');
  expect((await send({ query })).body).toContain('"errors"');
  const accept = 'application/graphql-response+json';
  expect((await repeated({ query, operationName: 'One' }, { accept })).headers['content-type']).toContain(accept);
});

test('nobody who is not signed in is answered because another was', async () => {
  const query = 'query Titles($first: Int) { documents(first: $first) { totalCount edges { node { title status } } } }';
  const before = await measured('Titles');
  expect((await send({ query }, { authorization: 'Bearer wrong' })).body).toContain('UNAUTHENTICATED');
  expect(await measured('Titles')).toBe(before);
});
