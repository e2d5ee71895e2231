import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
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
