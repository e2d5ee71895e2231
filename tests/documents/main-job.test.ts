import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import sqlite3 from 'sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer, until } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.stop());

const leave = '# 就業規則\n\n## 第21条 年次有給休暇\n\n会社は、雇い入れの日から6か月間継続勤務した従業員に、10日の有給休暇を与える。\n';
const reactor =
  'Cooling of the reactor\n\nThe pump circulates heavy water through the core. When it fails, two emergency pumps start by themselves within four seconds.\n';

interface Search {
  search: {
    totalCount: number;
    mode: string;
    cached: boolean;
    notices: string[];
    hits: {
      score: number;
      snippet: string;
      highlights: { start: number; end: number }[];
      headingPath: string[];
      document: { id: string; title: string };
      explanation: { semanticScore: number | null; lexicalScore: number | null; matchedTerms: string[] };
    }[];
  };
}
const searchQuery = `query($query: String!, $mode: SearchMode, $filter: SearchFilter, $first: Int) { search(query: $query, mode: $mode, filter: $filter, first: $first) {
  totalCount mode cached notices hits { score snippet headingPath highlights { start end } document { id title } explanation { semanticScore lexicalScore matchedTerms } } } }`;
const search = async (query: string, more: Record<string, unknown> = {}) => (await server.ask<Search>(searchQuery, { query, ...more })).search;

function count(sql: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const database = new sqlite3.Database(join(server.dataDir, 'erpfts.sqlite'), sqlite3.OPEN_READONLY);
    database.get(sql, (error, row: { n: number } | undefined) => {
      database.close();
      if (error) reject(error);
      else resolve(row?.n ?? 0);
    });
  });
}

const filesIn = (folder: string) =>
  readdirSync(join(server.dataDir, folder), { recursive: true }).filter((name) => statSync(join(server.dataDir, folder, String(name))).isFile());

test('a document is taken in, and a question in either language finds its passage', async () => {
  const events = server.subscribe<{ ingestionProgress: { documentId: string; stage: string; progress: number } }>(
    'subscription { ingestionProgress { documentId stage progress } }',
  );
  await events.opened;
  const taken = await server.take('rules.md', leave, { tags: ['人事'] });
  await server.take('reactor.txt', reactor);
  expect(taken).toMatchObject({ status: 'READY', title: '就業規則', chunkCount: 1 });
  await events.next(({ ingestionProgress }) => ingestionProgress.documentId === taken.id && ingestionProgress.stage === 'READY');
  events.stop();

  const japanese = await search('有給休暇は入社何か月後から?');
  expect(japanese.hits[0]?.document.id).toBe(taken.id);
  expect(japanese.hits[0]?.headingPath).toEqual(['就業規則', '第21条 年次有給休暇']);
  const { snippet, highlights } = japanese.hits[0]!;
  expect(highlights.map(({ start, end }) => snippet.slice(start, end)).join(' ')).toContain('有給休暇');
  const english = await search('How many days of paid leave do employees get?');
  expect(english.hits[0]?.document.id).toBe(taken.id);
  const scores = english.hits.map((hit) => hit.score);
  expect(scores).toEqual([...scores].sort((a, b) => b - a));
});

test('modes, filters and the cache do what they say', async () => {
  expect((await search('heavy water pump', { mode: 'KEYWORD' })).hits[0]?.explanation).toMatchObject({ semanticScore: null });
  expect((await search('heavy water pump', { mode: 'SEMANTIC' })).hits[0]?.explanation).toMatchObject({ lexicalScore: null });
  const tagged = await search('heavy water pump', { filter: { tags: ['人事'] } });
  expect(tagged.hits.map((hit) => hit.document.title)).toEqual(['就業規則']);
  expect((await search('heavy water pump', { filter: { tags: ['nothing'] } })).totalCount).toBe(0);
  await search('emergency pumps');
  expect((await search('emergency pumps')).cached).toBe(true);
});

test('chunks are slices of the text', async () => {
  const { documents } = await server.ask<{
    documents: { edges: { node: { text: string; chunks: { edges: { node: { text: string; charStart: number; charEnd: number; tokenCount: number } }[] } } }[] };
  }>('{ documents { edges { node { text chunks { edges { node { text charStart charEnd tokenCount } } } } } } }');
  for (const { node } of documents.edges)
    for (const { node: chunk } of node.chunks.edges) {
      expect(node.text.slice(chunk.charStart, chunk.charEnd)).toBe(chunk.text);
      // A token holds a character at the least, and a Latin word some of them.
      expect(chunk.tokenCount).toBeGreaterThan(chunk.text.length / 10);
      expect(chunk.tokenCount).toBeLessThanOrEqual(Math.min(chunk.text.length, 400));
    }
});

test('the same bytes again are the same document', async () => {
  const [again] = await server.upload([{ name: 'copy.md', content: leave }], { tags: ['copy'] });
  expect(again).toMatchObject({ document: null, error: null, duplicateOf: { tags: ['copy', '人事'], aliases: ['copy.md'] } });
});

test('refused files leave nothing, and failed ones keep their original alone', async () => {
  const before = { documents: await count('SELECT count(*) n FROM documents'), originals: filesIn('originals').length };
  const refused = await server.upload([
    { name: 'empty.txt', content: '' },
    { name: 'program.pdf', content: new Uint8Array([0x4d, 0x5a, 0x90, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0xff, 0xff, 0, 0]) },
  ]);
  expect(refused.map(({ error }) => error?.code)).toEqual(['EMPTY_FILE', 'UNSUPPORTED_FORMAT']);
  expect({ documents: await count('SELECT count(*) n FROM documents'), originals: filesIn('originals').length }).toEqual(before);

  const broken = await server.take('broken.pdf', '%PDF-1.7\nthis is not the rest of a PDF\n');
  expect(broken).toMatchObject({ status: 'FAILED', chunkCount: 0, error: { code: 'CORRUPT' } });
  expect(broken.error?.remedy).toBeTruthy();
  expect(await count(`SELECT count(*) n FROM chunks WHERE document_id = '${broken.id}'`)).toBe(0);
  expect(filesIn('originals').length).toBe(before.originals + 1);
  expect(filesIn('tmp')).toEqual([]);
});

test('private addresses are refused', async () => {
  const { addUrl } = await server.ask<{ addUrl: { id: string } }>('mutation { addUrl(url: "http://127.0.0.1:1/secret") { id } }');
  await server.jobDone(addUrl.id);
  const { documents } = await server.ask<{ documents: { edges: { node: { error: { code: string } | null } }[] } }>(
    '{ documents(filter: { sourceTypes: [WEB] }) { edges { node { error { code } } } } }',
  );
  expect(documents.edges[0]?.node.error?.code).toBe('FETCH_REFUSED');
});

test.each([
  ['an empty query', '{ search(query: "  ") { totalCount } }'],
  ['a negative first', '{ search(query: "x", first: -1) { totalCount } }'],
  ['a wrong cursor', '{ documents(after: "bogus") { totalCount } }'],
  ['an operation 60 levels deep', `{ __schema { types { ${'fields { type { '.repeat(29)} name ${'} } '.repeat(29)} } } }`],
])('%s is bad input', async (_name, query) => {
  const { errors } = await server.send(query);
  expect(errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
});

test('a query of 10,000 characters is answered', async () => {
  const { hits, notices } = await search('有給休暇 '.repeat(2000).slice(0, 10_000));
  expect(hits.length).toBeGreaterThan(0);
  expect(notices.join()).toContain('QUERY_SHORTENED');
});

test('search goes on by words while ChromaDB is down, and heals', async () => {
  const health = server.subscribe<{ healthChanged: { status: string } }>('subscription { healthChanged { status } }');
  await health.opened;
  const { execFileSync } = await import('node:child_process');
  const children = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(server.pid)]).toString();
  const chroma = children.split('\n').find((line) => line.includes('chroma-child'));
  process.kill(Number(chroma?.trim().split(' ')[0]), 'SIGKILL');
  const degraded = await until(
    async () => {
      const answer = await search(`heavy water ${Math.random()}`);
      return answer.mode === 'KEYWORD' ? answer : null;
    },
    10_000,
    'a degraded answer',
  );
  expect(degraded.notices.join()).toContain('VECTOR_INDEX_DOWN');
  expect(degraded.hits[0]?.document.title).toBe('Cooling of the reactor');
  await health.next(({ healthChanged }) => healthChanged.status === 'DEGRADED');
  await until(async () => ((await search(`heavy water ${Math.random()}`)).mode === 'HYBRID' ? true : null), 30_000, 'ChromaDB to heal');
});

test('deleting takes rows, full text, vectors and original away', async () => {
  const { documents } = await server.ask<{ documents: { edges: { node: { id: string } }[] } }>('{ documents(first: 100) { edges { node { id } } } }');
  const { deleteDocuments } = await server.ask<{ deleteDocuments: { id: string } }>('mutation($ids: [ID!]!) { deleteDocuments(ids: $ids) { id } }', {
    ids: documents.edges.map(({ node }) => node.id),
  });
  expect((await search('heavy water pump again')).totalCount).toBe(0);
  expect((await server.jobDone(deleteDocuments.id)).status).toBe('SUCCEEDED');
  for (const table of ['documents', 'chunks', 'chunk_vectors', 'chunk_terms', 'chunk_fulltext', 'document_texts', 'document_tags'])
    expect([table, await count(`SELECT count(*) n FROM ${table}`)]).toEqual([table, 0]);
  expect(filesIn('originals')).toEqual([]);
});

test('a stop is clean, and the next start finds everything', async () => {
  const taken = await server.take('reactor.txt', reactor);
  expect(await server.quit()).toBe(0);
  await server.boot();
  expect((await search('emergency pumps')).hits[0]?.document.id).toBe(taken.id);
});
