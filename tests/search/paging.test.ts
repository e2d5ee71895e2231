import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../support/server.js';

const places = ['pier', 'lock', 'harbour', 'bridge', 'canal', 'ferry', 'dock', 'quay'];
const things = ['buoy', 'rope', 'anchor', 'lamp', 'crane'];
const count = 160;
let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ CHUNK_PIECE_TOKENS: '0' });
  const files = Array.from({ length: count }, (_, i) => ({
    name: `note ${i}.txt`,
    content: `Note ${i}: the ${things[i % things.length]} at the ${places[i % places.length]} was looked at, and ${i % 3 === 0 ? 'painted red' : 'left as it is'}.`,
  }));
  for (let at = 0; at < count; at += 80) await server.upload(files.slice(at, at + 80));
  // All of a few candidates are passages of one long document.
  const sections = Array.from({ length: 300 }, (_, i) => `## Siren ${i}\n\nThe siren number ${i} of the fire watch is tested on Monday.\n`);
  await server.take('sirens.md', `# Sirens\n\n${sections.join('\n')}`);
  await server.take('whistle.txt', 'The fire watch has a whistle, too, should the siren fail.');
  await server.idle();
});
afterAll(() => server.stop());

interface Page {
  totalCount: number;
  endCursor: string | null;
  hits: { document: { id: string; title: string } }[];
}
const pageOf = async (query: string, mode: string, first: number, after: string | null) =>
  (
    await server.ask<{ search: Page }>(
      'query($query: String!, $mode: SearchMode, $first: Int, $after: String) { search(query: $query, mode: $mode, first: $first, after: $after) { totalCount endCursor hits { document { id title } } } }',
      { query, mode, first, after },
    )
  ).search;

async function all(query: string, mode: string, first: number): Promise<string[]> {
  const ids: string[] = [];
  for (let after: string | null = null; ;) {
    const page: Page = await pageOf(query, mode, first, after);
    // The last one may be empty: that more candidates find nothing more is only known once they are looked at.
    if (page.endCursor !== null) expect(page.hits.length).toBeGreaterThan(0);
    ids.push(...page.hits.map(({ document }) => document.id));
    expect(page.totalCount).toBeGreaterThanOrEqual(ids.length);
    if (page.endCursor === null) return ids;
    after = page.endCursor;
  }
}

test.each(['HYBRID', 'SEMANTIC', 'KEYWORD'])('pages of any size are cut from one list, without a repeat or a gap (%s)', async (mode) => {
  const byTen = await all('which buoy was painted red', mode, 10);
  const byHundred = await all('which buoy was painted red', mode, 100);
  expect(new Set(byTen).size).toBe(byTen.length);
  expect(byHundred).toEqual(byTen);
  expect(byTen.length).toBeGreaterThan(mode === 'KEYWORD' ? 30 : 100);
});

test('a long document does not keep all others out', async () => {
  const { hits } = await pageOf('fire watch siren tested', 'SEMANTIC', 10, null);
  expect(hits.map(({ document }) => document.title)).toContain('whistle');
});

test.each(['HYBRID', 'SEMANTIC', 'KEYWORD'])('what is left when a long document is left out is found (%s)', async (mode) => {
  const { hits } = await pageOf('fire watch siren -Monday', mode, 10, null);
  expect(hits[0]?.document.title).toBe('whistle');
});
