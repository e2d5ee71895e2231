import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { measure } from '../../server/golden/measures.js';
import { TestServer, until } from '../support/server.js';
import { chroma, rows } from '../support/stores.js';

let server: TestServer;
const topics = [
  'boiler',
  'turbine',
  'conveyor',
  'crane',
  'compressor',
  'furnace',
  'pipeline',
  'reservoir',
  'generator',
  'transformer',
  'warehouse',
  'laboratory',
  'canteen',
  'archive',
  'garage',
  'workshop',
  'gatehouse',
  'antenna',
  'elevator',
  'windmill',
];
const ids = new Map<string, string>();

beforeAll(async () => {
  server = await TestServer.start({ GOLDEN_SCHEDULE: 'off', HEALTH_INTERVAL_MS: '500' });
  const results = await server.upload(
    topics.map((topic) => ({
      name: `${topic}.txt`,
      content: `The ${topic} is inspected by the crew of hall ${topic.length} and its report is signed by the foreman.`,
    })),
  );
  results.forEach(({ document }, index) => ids.set(topics[index]!, document!.id));
  await server.idle();
});
afterAll(() => server.stop());

interface Run {
  ndcg: number;
  recall: number;
  mrr: number;
  vectorNdcg: number;
  queries: number;
  alert: string | null;
}

async function score(): Promise<Run> {
  const { scoreGoldenQueries } = await server.ask<{ scoreGoldenQueries: { id: string } }>('mutation { scoreGoldenQueries { id } }');
  expect((await server.jobDone(scoreGoldenQueries.id)).status).toBe('SUCCEEDED');
  const { goldenRuns } = await server.ask<{ goldenRuns: Run[] }>('{ goldenRuns(first: 1) { ndcg recall mrr vectorNdcg queries alert } }');
  return goldenRuns[0]!;
}

test('measures are those of the textbook', () => {
  expect(measure(['a', 'b', 'c'], ['a'])).toEqual({ ndcg: 1, recall: 1, mrr: 1, firstRank: 1 });
  expect(measure(['x', 'b', 'c'], ['b', 'y'])).toMatchObject({ recall: 0.5, mrr: 0.5, firstRank: 2 });
  expect(measure(['x', 'b'], ['b']).ndcg).toBeCloseTo(1 / Math.log2(3));
  expect(measure([], ['b'])).toEqual({ ndcg: 0, recall: 0, mrr: 0, firstRank: null });
});

test('questions come from CSV, from JSON lines and one by one; what cannot be taken is named', async () => {
  const importing =
    'mutation($format: GoldenFormat!, $content: String!) { importGoldenQueries(format: $format, content: $content) { added unchanged problems } }';
  const csv = `query,expected\n${topics
    .slice(0, 10)
    .map((topic) => `"Who inspects the ${topic}, and where?",${topic}.txt`)
    .join('\n')}\nlost,missing.pdf\n`;
  const fromCsv = await server.ask<{ importGoldenQueries: { added: number; problems: string[] } }>(importing, { format: 'CSV', content: csv });
  expect(fromCsv.importGoldenQueries.added).toBe(10);
  expect(fromCsv.importGoldenQueries.problems).toEqual([expect.stringMatching(/Line 12.*missing\.pdf/)]);
  const lines = topics
    .slice(10, 19)
    .map((topic) => JSON.stringify({ query: `Who inspects the ${topic}?`, expected: [ids.get(topic)] }))
    .join('\n');
  expect((await server.ask<{ importGoldenQueries: { added: number } }>(importing, { format: 'JSONL', content: lines })).importGoldenQueries.added).toBe(9);
  await server.ask('mutation($query: String!, $ids: [ID!]!) { addGoldenQuery(query: $query, documentIds: $ids) { id } }', {
    query: 'Who looks at the windmill?',
    ids: [ids.get('windmill')],
  });
  const { goldenQueries } = await server.ask<{ goldenQueries: { totalCount: number; edges: { node: { expected: { title: string }[] } }[] } }>(
    '{ goldenQueries(first: 100) { totalCount edges { node { expected { title } } } } }',
  );
  expect(goldenQueries.totalCount).toBe(20);
  expect(goldenQueries.edges[0]!.node.expected).toEqual([{ title: 'windmill' }]);
  // Again, as spreadsheets save it: a mark of byte order, other line ends, empty lines; one document more.
  const again = await server.ask<{ importGoldenQueries: { added: number; unchanged: number; problems: string[] } }>(importing, {
    format: 'JSONL',
    content: `\ufeff${lines.replaceAll('\n', '\r\n\r\n')}\r\n`,
  });
  expect(again.importGoldenQueries).toEqual({ added: 0, unchanged: 9, problems: [] });
  const quoted = `\ufeffquery,expected\r\n\r\n"Who inspects the ""${topics[3]}"", and where?",${topics[3]}\r\n`;
  expect((await server.ask<{ importGoldenQueries: object }>(importing, { format: 'CSV', content: quoted })).importGoldenQueries).toMatchObject({ added: 1 });
  const { goldenQueries: newest } = await server.ask<{ goldenQueries: { edges: { node: { id: string; query: string } }[] } }>(
    '{ goldenQueries(first: 1) { edges { node { id query } } } }',
  );
  expect(newest.edges[0]!.node.query).toBe(`Who inspects the "${topics[3]}", and where?`);
  await server.ask('mutation($ids: [ID!]!) { deleteGoldenQueries(ids: $ids) }', { ids: [newest.edges[0]!.node.id] });
  // What cannot be read of a file is named, and the rest is taken.
  const odd = await server.ask<{ importGoldenQueries: { added: number; unchanged: number; problems: string[] } }>(importing, {
    format: 'CSV',
    content: `query,expected\nWho is short of a field?\n"Who inspects the ${topics[3]}, and where?",${topics[3]}.txt\n`,
  });
  expect(odd.importGoldenQueries).toEqual({ added: 0, unchanged: 1, problems: [expect.stringMatching(/Line 2: no expected document/)] });
  const oddLines = await server.ask<{ importGoldenQueries: { problems: string[] } }>(importing, {
    format: 'JSONL',
    content: `nonsense\n{"query": 5}\n${lines}`,
  });
  expect(oddLines.importGoldenQueries).toMatchObject({ added: 0, problems: ['Line 1 is not JSON.', expect.stringMatching(/^Line 2 has no query/)] });
  for (const [format, content] of [
    ['CSV', 'question;answer'],
    ['JSONL', '{"query": 5}'],
    ['JSONL', 'nonsense'],
  ]) {
    expect((await server.send(importing, { format, content })).errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
  }
});

test('the live index is scored, and a tenth of its vectors exchanged raises an alert', async () => {
  const before = await score();
  expect(before).toMatchObject({ queries: 20, alert: null });
  expect(before.ndcg).toBeGreaterThan(0.9);
  expect(before.vectorNdcg).toBeGreaterThan(0.8);

  const client = chroma(server);
  const { name } = (await client.listCollections())[0]!;
  const collection = await client.getCollection({ name });
  const kept = await collection.get({ include: ['embeddings', 'metadatas'] });
  const damaged = kept.ids.slice(0, topics.length / 10);
  const embeddings = damaged.map((id) => kept.embeddings![kept.ids.indexOf(id)]!);
  await collection.update({ ids: damaged, embeddings: [...embeddings].reverse() });

  const after = await score();
  expect(after.vectorNdcg).toBeLessThan(before.vectorNdcg);
  expect(after.alert).toContain('vector index');
  const { goldenRuns } = await server.ask<{ goldenRuns: { alert: string }[] }>('{ goldenRuns(first: 1) { alert(language: JA) } }');
  expect(goldenRuns[0]!.alert).toMatch(/ベクトル索引だけの nDCG@10 が [\d.]+ から [\d.]+ に下がりました/);
  const health = await until(
    async () => {
      const { health: now } = await server.ask<{ health: { status: string; components: { name: string; status: string; message: string }[] } }>(
        '{ health { status components { name status message } } }',
      );
      return now.components.find((part) => part.name === 'search_quality')?.status === 'DEGRADED' ? now : null;
    },
    10_000,
    'health to tell of the fall',
  );
  expect(health.status).toBe('DEGRADED');

  // Until an operator says that it is as it should be, and then until it is better again.
  expect((await score()).alert).toContain('vector index');
  const { acceptGoldenScores } = await server.ask<{ acceptGoldenScores: { alert: string | null } }>('mutation { acceptGoldenScores { alert } }');
  expect(acceptGoldenScores.alert).toBeNull();
  expect((await score()).alert).toBeNull();

  await collection.update({ ids: damaged, embeddings });
  expect((await score()).alert).toBeNull();
});

test('a question that is not answered yet, or one whose document is gone, is no fall', async () => {
  const usual = await score();
  expect(usual).toMatchObject({ queries: 20, alert: null });
  const add = (query: string, documentIds: string[]) =>
    server.ask<{ addGoldenQuery: { id: string } }>('mutation($query: String!, $ids: [ID!]!) { addGoldenQuery(query: $query, documentIds: $ids) { id } }', {
      query,
      ids: documentIds,
    });
  for (let i = 0; i < 4; i++) await add(`How many zebras graze on meadow ${i}?`, [ids.get('windmill')!]);
  const harder = await score();
  expect(harder.queries).toBe(24);
  expect(harder.ndcg).toBeLessThan(usual.ndcg - 0.03);
  expect(harder.alert).toBeNull();

  const gone = await server.take('gone.txt', 'The lighthouse is inspected by the harbour master.');
  await add('Who inspects the lighthouse?', [gone.id]);
  await add('Who inspects the boiler, and where?', [gone.id]);
  const { queries } = await score();
  await server.ask('mutation($ids: [ID!]!) { deleteDocuments(ids: $ids) { id } }', { ids: [gone.id] });
  await server.idle();
  expect(await score()).toMatchObject({ queries: queries - 1, alert: null });
  const { goldenQueries } = await server.ask<{ goldenQueries: { edges: { node: { query: string; lastRank: number | null } }[] } }>(
    '{ goldenQueries(first: 100) { edges { node { query lastRank } } } }',
  );
  expect(goldenQueries.edges.find(({ node }) => node.query === 'Who inspects the lighthouse?')!.node.lastRank).toBeNull();
});

test('why a document is not found is told step by step', async () => {
  const explain = async (documentId: string, query: string, filter: Record<string, unknown> | null = null, mode = 'HYBRID') =>
    (
      await server.ask<{
        explainDocument: {
          lostAt: string | null;
          repair: string | null;
          rank: number | null;
          steps: { step: string; passed: boolean; message: string; words: string[] }[];
        };
      }>(
        'query($documentId: ID!, $query: String!, $filter: SearchFilter, $mode: SearchMode) { explainDocument(documentId: $documentId, query: $query, filter: $filter, mode: $mode) { lostAt repair rank steps { step passed message words } } }',
        { documentId, query, filter, mode },
      )
    ).explainDocument;
  const crane = ids.get('crane')!;
  expect(await explain(crane, 'crane')).toMatchObject({ lostAt: null, rank: 1, repair: null });
  expect(await explain(crane, 'crane', { languages: ['ja'] })).toMatchObject({ lostAt: 'FILTERS', repair: 'DROP_FILTERS' });
  const without = await explain(crane, 'boiler -crane');
  expect(without).toMatchObject({ lostAt: 'CONSTRAINTS', rank: null, repair: null });
  expect(without.steps.find(({ step }) => step === 'CONSTRAINTS')?.words).toEqual(['crane']);
  expect(await explain(crane, 'crane "no such phrase"')).toMatchObject({ lostAt: 'CONSTRAINTS', rank: null });
  expect((await explain(crane, 'crane')).steps.map(({ step }) => step)).not.toContain('CONSTRAINTS');
  expect(await explain('no-such-id', 'crane')).toMatchObject({ lostAt: 'RECORD' });
  const failed = await server.take('broken.pdf', '%PDF-1.7\nnothing\n');
  expect(await explain(failed.id, 'crane')).toMatchObject({ lostAt: 'STATE', repair: 'REPROCESS' });
  // As the search does that the reader came from.
  expect(await explain(crane, 'crane', null, 'KEYWORD')).toMatchObject({ lostAt: null, rank: 1 });

  const client = chroma(server);
  const { name } = (await client.listCollections())[0]!;
  const collection = await client.getCollection({ name });
  const [chunk] = (await collection.get({ where: { documentId: crane }, include: [] })).ids;
  const other = (await collection.get({ where: { documentId: ids.get('boiler')! }, include: ['embeddings'] })).embeddings[0]!;
  await collection.update({ ids: [chunk!], embeddings: [other] });
  expect((await explain(crane, 'crane')).steps.find(({ step }) => step === 'VECTOR_INDEX')).toMatchObject({
    passed: false,
    message: expect.stringContaining('another vector') as string,
  });
  await collection.delete({ where: { documentId: crane } });
  expect(await explain(crane, 'crane')).toMatchObject({ lostAt: 'VECTOR_INDEX', repair: 'REPROCESS' });
  await server.ask('mutation($ids: [ID!]!) { reprocessDocuments(ids: $ids) { id } }', { ids: [crane] });
  await server.idle();
  expect(await explain(crane, 'crane')).toMatchObject({ lostAt: null, rank: 1 });

  // Without its original it is found all the same, until something else is lost.
  const originals = server.dataDir;
  const [document] = await rows<{ sha256: string }>(server, `SELECT sha256 FROM documents WHERE id = '${crane}'`);
  const file = readdirSync(originals, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith(document!.sha256))!;
  rmSync(join(originals, file));
  expect(await explain(crane, 'crane')).toMatchObject({ lostAt: 'ORIGINAL', repair: 'UPLOAD_AGAIN', rank: 1 });
  await collection.delete({ where: { documentId: crane } });
  expect(await explain(crane, 'crane')).toMatchObject({ lostAt: 'VECTOR_INDEX', repair: 'UPLOAD_AGAIN' });
});
