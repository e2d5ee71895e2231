import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ CHUNK_MAX_TOKENS: '32', CHUNK_OVERLAP: '0' });
  await server.take('wreck.txt', 'The red buoy marks the old wreck.', { tags: ['kept'] });
  const sections = Array.from(
    { length: 600 },
    (_, i) => `## Mark ${i}\n\nThe red buoy of mark ${i} lies ${i * 3} cables from the pier and is painted each spring.\n`,
  );
  await server.take('marks.md', `# Marks\n\n${sections.join('\n')}`);
});
afterAll(() => server.stop());

const search = async (query: string, mode: string) =>
  (
    await server.ask<{ search: { notices: string[]; hits: { document: { title: string } }[] } }>(
      'query($query: String!, $mode: SearchMode) { search(query: $query, mode: $mode) { notices hits { document { title } } } }',
      { query, mode },
    )
  ).search;

test.each(['HYBRID', 'KEYWORD'])('a phrase is found behind filters however many others have it (%s)', async (mode) => {
  const { hits, notices } = await search('"red buoy" tag:kept', mode);
  expect(hits.map(({ document }) => document.title)).toEqual(['wreck']);
  expect(notices).toEqual([]);
});

test('where not all could be looked at, the answer says so', async () => {
  expect((await search('"red buoy"', 'KEYWORD')).notices).toEqual([expect.stringMatching(/^TOO_COMMON: /)]);
  expect((await search('"old wreck"', 'KEYWORD')).notices).toEqual([]);
});
