import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  // Of which a quarter is no whole number of bytes.
  server = await TestServer.start({ CACHE_MEMORY_BYTES: '10000001' });
  await server.take('dam.txt', 'The dam is inspected from a boat every second summer.');
});
afterAll(() => server.stop());

const search = async (query: string) =>
  (await server.ask<{ search: { cached: boolean } }>('query($query: String!) { search(query: $query) { cached } }', { query })).search.cached;
async function counts(): Promise<Record<string, { hits: number; misses: number }>> {
  const { metrics } = await server.ask<{ metrics: { cache: { backend: string; kinds: { kind: string; hits: number; misses: number }[] } } }>(
    '{ metrics { cache { backend kinds { kind hits misses } } } }',
  );
  expect(metrics.cache.backend).toBe('memory');
  return Object.fromEntries(metrics.cache.kinds.map(({ kind, hits, misses }) => [kind, { hits, misses }]));
}

test('a hundred equal questions at once are computed once', async () => {
  const before = await counts();
  await Promise.all(Array.from({ length: 100 }, () => search('Who inspects the dam?')));
  const after = await counts();
  expect(after['EMBEDDING']!.misses - before['EMBEDDING']!.misses).toBe(1);
});

test('hits are counted by kind, and kinds are cleared apart', async () => {
  expect(await search('How is the dam reached?')).toBe(false);
  expect(await search('How is the dam reached?')).toBe(true);
  await server.ask('mutation { clearCache(kinds: [SEARCH]) }');
  const before = await counts();
  expect(await search('How is the dam reached?')).toBe(false);
  const after = await counts();
  expect(after['EMBEDDING']!.hits - before['EMBEDDING']!.hits).toBe(1);
  await server.ask('{ libraryFacets { documents } }');
  await server.ask('{ libraryFacets { documents } }');
  expect((await counts())['METADATA']!.hits).toBeGreaterThan(0);
  await server.ask('mutation { clearCache }');
  expect(await search('How is the dam reached?')).toBe(false);
  expect((await counts())['EMBEDDING']!.misses).toBeGreaterThan(after['EMBEDDING']!.misses);
});

test('reading a document does not make old answers stale; a changed library does', async () => {
  await search('boat');
  expect(await search('boat')).toBe(true);
  await server.take('boat.txt', 'The boat is kept in the shed behind the gatehouse.');
  expect(await search('boat')).toBe(false);
});

const foundQuery = 'query Found($query: String!) { search(query: $query) { totalCount cached hits { score snippet document { title tags } } } }';
/** As programs ask: everything of an answer but its times. @returns the body as it came, and what it says */
async function repeated(query: string, operation = foundQuery) {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: server.authorization },
    body: JSON.stringify({ query: operation, variables: { query } }),
  });
  const text = await response.text();
  const { data } = JSON.parse(text) as { data: { search: { totalCount: number; cached: boolean; hits: { document: { title: string; tags: string[] } }[] } } };
  return { text, headers: Object.fromEntries(response.headers), ...data.search };
}
const searched = async () => (await server.ask<{ metrics: { search: { total: number } } }>('{ metrics { search { total } } }')).metrics.search.total;

test('an answer that is sent again is the one that execution gives, counts as a search, and dies with the page it was made from', async () => {
  const sail = await server.take('sail.txt', 'The sail was mended twice in the harbour.');
  const question = 'Who mended the sail?';
  const first = await repeated(question);
  const executed = await repeated(question);
  expect([first.cached, executed.cached]).toEqual([false, true]);
  const [before, countsBefore] = [await searched(), await counts()];
  const again = await Promise.all(Array.from({ length: 5 }, () => repeated(question)));
  for (const { text, headers } of again) {
    expect(text).toBe(executed.text);
    expect({ ...headers, 'x-request-id': '', date: '' }).toEqual({ ...executed.headers, 'x-request-id': '', date: '' });
  }
  expect(new Set([...again, executed].map(({ headers }) => headers['x-request-id'])).size).toBe(6);
  expect((await searched()) - before).toBe(5);
  expect((await counts())['SEARCH']!.hits - countsBefore['SEARCH']!.hits).toBe(5);
  // What is kept follows the document, the library, and the cache.
  await server.ask('mutation($id: ID!) { updateDocument(id: $id, input: { title: "Canvas" }) { id } }', { id: sail.id });
  expect((await repeated(question)).hits[0]?.document.title).toBe('Canvas');
  await server.ask('mutation($id: ID!) { updateDocument(id: $id, input: { title: "Sails", tags: ["harbour"] }) { id } }', { id: sail.id });
  const changed = await repeated(question);
  expect(changed).toMatchObject({ cached: false, hits: [{ document: { title: 'Sails', tags: ['harbour'] } }, ...(changed.hits.slice(1) as object[])] });
  await repeated(question);
  expect((await repeated(question)).hits[0]?.document.title).toBe('Sails');
  await server.ask('mutation { clearCache(kinds: [SEARCH]) }');
  expect((await repeated(question)).cached).toBe(false);
  await repeated(question);
  await repeated(question);
  await server.ask('mutation($ids: [ID!]!) { deleteDocuments(ids: $ids) { id } }', { ids: [sail.id] });
  expect((await repeated(question)).hits.map(({ document }) => document.title)).not.toContain('Sails');
});

test('what is another each time is worked out each time', async () => {
  const took = async () => {
    const { search } = await server.ask<{ search: { cached: boolean; tookMs: number } }>('{ search(query: "dam") { cached tookMs } }');
    return search.tookMs;
  };
  await took();
  const times = [await took(), await took(), await took(), await took()];
  expect(new Set(times).size).toBe(4);
  const beside = async () => {
    const { metrics } = await server.ask<{ metrics: { search: { total: number } } }>('{ search(query: "dam") { cached } metrics { search { total } } }');
    return metrics.search.total;
  };
  await beside();
  const [first, second, third] = [await beside(), await beside(), await beside()];
  expect([second - first, third - second]).toEqual([1, 1]);
});

test('a kept answer is only for those who may search', async () => {
  for (let i = 0; i < 3; i++) await repeated('boat');
  const { errors } = await server.send(foundQuery, { query: 'boat' }, {});
  expect(errors[0]).toMatchObject({ extensions: { code: 'UNAUTHENTICATED' } });
  await server.ask('mutation { setMaintenanceMode(enabled: true, reason: "cleaning") { enabled } }');
  const { createSignInLink } = await server.ask<{ createSignInLink: string }>('mutation { createSignInLink(role: READER) }');
  const signedIn = await fetch(createSignInLink, { redirect: 'manual' });
  const cookie = signedIn.headers.get('set-cookie')!.split(';')[0]!;
  const refused = await server.send(foundQuery, { query: 'boat' }, { cookie });
  expect(refused.errors[0]).toMatchObject({ extensions: { code: 'MAINTENANCE' } });
  await server.ask('mutation { setMaintenanceMode(enabled: false) { enabled } }');
  expect((await server.send(foundQuery, { query: 'boat' }, { cookie })).errors).toEqual([]);
});
