import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { well } from '../support/backups.js';
import { administer, databaseUrl, hasPostgres } from '../support/postgres.js';
import { TestServer } from '../support/server.js';
import { chroma, count, row, rows } from '../support/stores.js';

/** Each of eight paragraphs is about as long as a passage of 64 tokens may be. */
const machine = (index: number) =>
  Array.from(
    { length: 8 },
    (_, part) =>
      `Part ${part} of machine ${index} is made of steel number ${index * 8 + part}. It was delivered by the railway, and was examined by two engineers before it was assembled in hall ${index % 5}. ` +
      (index === 7 && part === 5 ? '遠心分離機は毎週月曜日に清掃する。' : `It is oiled every ${part + 2} days.`),
  ).join('\n\n');
const manuals = Array.from({ length: 30 }, (_, index) => ({ name: `machine-${index}.txt`, content: machine(index) }));
const notes = Array.from({ length: 10 }, (_, index) => ({ name: `note-${index}.txt`, content: `Visitor ${index} was led through the halls in May.` }));
const question = 'いつ遠心分離機を掃除しますか';

const short = { CHUNK_MAX_TOKENS: '64', CHUNK_PIECE_TOKENS: '0', CACHE_SEARCH_TTL: '0' };
const long = { ...short, CHUNK_MAX_TOKENS: '240' };

interface Answer {
  mode: string;
  notices: string[];
  hits: { chunk: { id: string }; otherPassages: { id: string }[]; document: { title: string } }[];
}
const search = async (server: TestServer, query: string) =>
  (
    await server.ask<{ search: Answer }>(
      'query($query: String!) { search(query: $query, first: 5) { mode notices hits { chunk { id } otherPassages { id } document { title } } } }',
      { query },
    )
  ).search;
const firstHit = async (server: TestServer, query: string) => (await search(server, query)).hits[0]?.document.title;

interface Generation {
  number: number;
  status: string;
  chunking: { maxTokens: number } | null;
  comparison: { queries: number; candidate: { ndcg: number } } | null;
}
const generations = async (server: TestServer) =>
  (
    await server.ask<{ indexGenerations: Generation[] }>(
      '{ indexGenerations { number status chunking { maxTokens overlap pieceTokens } comparison { queries candidate { ndcg } } } }',
    )
  ).indexGenerations;
const states = async (server: TestServer) => (await generations(server)).map(({ status, chunking }) => `${status} ${chunking?.maxTokens ?? '-'}`);
const switchTo = async (server: TestServer, generation: number) =>
  (await server.ask<{ switchIndex: { id: string } }>('mutation($generation: Int!) { switchIndex(generation: $generation) { id } }', { generation })).switchIndex
    .id;

async function damages(server: TestServer): Promise<unknown[]> {
  const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>('mutation { runMaintenance(task: VERIFY_DATA) { id } }');
  const { result } = await server.jobDone(runMaintenance.id);
  return (result as { damages: unknown[] }).damages;
}

/** Passages that answer, by the way they are cut. */
const answering = (server: TestServer) =>
  rows<{ chunking: number; documents: number }>(
    server,
    `SELECT c.chunking, count(DISTINCT d.id) documents FROM documents d JOIN chunks c ON c.document_id = d.id AND c.revision = d.revision GROUP BY c.chunking`,
  );
const sizes = async (server: TestServer): Promise<Record<string, number>> =>
  Object.fromEntries(
    await Promise.all((await chroma(server).listCollections()).map(async (collection) => [collection.name, await collection.count()] as const)),
  );

test(
  'under load: documents are cut anew beside what answers, compared, switched in one moment, and the way back is as short',
  {
    timeout: 300_000,
  },
  async () => {
    let server = await TestServer.start(short);
    const ids = (await server.upload([...manuals, ...notes])).map(({ document }) => document!.id);
    await server.idle();
    await server.ask('mutation($id: ID!, $query: String!) { addGoldenQuery(query: $query, documentIds: [$id]) { id } }', { id: ids[7], query: question });
    const before = await count(server, 'chunks');
    expect(before).toBeGreaterThan(200);
    await server.quit();
    server = await server.restarted({ ...long, INDEX_SWITCH: 'ask' });

    let asking = true;
    const answers: number[][] = [];
    const reading = Promise.all(
      Array.from({ length: 3 }, async () => {
        while (asking) {
          const answer = await search(server, question);
          expect(answer).toMatchObject({ mode: 'HYBRID', notices: [] });
          expect(answer.hits).toHaveLength(5);
          expect(answer.hits[0]?.document.title).toBe('machine-7');
          answers.push(answer.hits.flatMap(({ chunk, otherPassages }) => [chunk, ...otherPassages].map(({ id }) => Number(id))));
        }
      }),
    );
    // Their failure is the test's; it must not be unhandled until they are awaited.
    reading.catch(() => undefined);
    // What comes, goes and is read again while the other index is being built.
    const during = server.take('during.txt', 'The note of the time between says that the crane was painted green.');
    await server.ask('mutation($ids: [ID!]!) { reprocessDocuments(ids: $ids) { id } }', { ids: ids.slice(0, 3) });
    await server.ask('mutation($ids: [ID!]!) { deleteDocuments(ids: $ids) { id } }', { ids: [ids[12]] });
    expect((await during).status).toBe('READY');
    await expect.poll(() => states(server), { timeout: 120_000, interval: 300 }).toEqual(['CANDIDATE 240', 'ACTIVE 64']);
    const [candidate] = await generations(server);
    expect(candidate?.comparison).toMatchObject({ queries: 1, candidate: { ndcg: 1 } });
    const { health } = await server.ask<{ health: { components: { name: string; message: string | null }[] } }>('{ health { components { name message } } }');
    expect(health.components.find(({ name }) => name === 'embedding_model')?.message).toContain('passages of 240 tokens');
    expect((await answering(server)).map(({ chunking }) => chunking)).toEqual([1]);
    expect(await damages(server)).toEqual([]);
    // A backup of both ways of cutting is proven by what answers.
    const { createBackup } = await server.ask<{ createBackup: { id: string } }>('mutation { createBackup { id } }');
    expect(await server.jobDone(createBackup.id, 120_000)).toMatchObject({ status: 'SUCCEEDED', error: null });
    expect((await server.take('late.txt', 'The late note says that the crane was sold in spring.')).status).toBe('READY');

    expect((await server.jobDone(await switchTo(server, 2), 120_000)).result).toMatchObject({ switched: true, generation: 2 });
    expect(await states(server)).toEqual(['ACTIVE 240', 'RETIRED 64']);
    expect(await answering(server)).toEqual([{ chunking: 2, documents: 41 }]);
    expect(await firstHit(server, 'Was the crane sold?')).toBe('late');
    expect(await firstHit(server, 'What colour is the crane?')).toBe('during');
    const { document } = await server.ask<{ document: { chunkCount: number } }>('query($id: ID!) { document(id: $id) { chunkCount } }', { id: ids[7] });
    expect(document.chunkCount).toBeLessThan(5);
    expect(await damages(server)).toEqual([]);
    // What comes now is cut as what answers, and the passages that are kept do not get it until they are gone back to.
    expect((await server.take('later.txt', machine(99))).status).toBe('READY');
    expect((await answering(server)).map(({ chunking }) => chunking)).toEqual([2]);

    expect((await server.jobDone(await switchTo(server, 1), 120_000)).result).toMatchObject({ switched: true, generation: 1 });
    expect(await states(server)).toEqual(['RETIRED 240', 'ACTIVE 64']);
    expect(await answering(server)).toEqual([{ chunking: 1, documents: 42 }]);
    expect(await firstHit(server, 'steel number 797 of machine 99')).toBe('later');
    asking = false;
    await reading;
    expect(answers.length).toBeGreaterThan(20);
    const chunkings = new Map(
      (await rows<{ id: number; chunking: number }>(server, 'SELECT id, chunking FROM chunks')).map(({ id, chunking }) => [id, chunking]),
    );
    // Passages of a revision that was read again are gone.
    const mixed = answers.filter((chunks) => new Set(chunks.map((id) => chunkings.get(id)).filter(Boolean)).size > 1);
    expect(mixed).toEqual([]);
    expect(new Set(answers.flat().map((id) => chunkings.get(id)))).toContain(2);
    expect(await damages(server)).toEqual([]);

    // Whoever went back stays there after a restart, and a kill in a switch leaves one whole index that answers.
    await server.kill();
    await server.boot();
    await server.idle(60_000, ['REEMBED']);
    expect(await states(server)).toEqual(['RETIRED 240', 'ACTIVE 64']);
    const job = await switchTo(server, 2);
    await delay(Math.random() * 600);
    await server.kill();
    await server.boot();
    expect(await search(server, question)).toMatchObject({ mode: 'HYBRID', notices: [] });
    expect((await server.jobDone(job, 120_000)).status).toBe('SUCCEEDED');
    expect(await states(server)).toEqual(['ACTIVE 240', 'RETIRED 64']);
    expect(await answering(server)).toEqual([{ chunking: 2, documents: 42 }]);

    await server.ask('mutation { discardIndex(generation: 1) }');
    await server.idle(60_000, ['CLEAR_CHUNKING', 'CLEAR_REVISION']);
    expect(await states(server)).toEqual(['ACTIVE 240', 'REMOVED -']);
    expect(await rows(server, 'SELECT DISTINCT chunking FROM chunks')).toEqual([{ chunking: 2 }]);
    expect(await rows(server, 'SELECT id FROM full_text_statistics WHERE chunks <> 0')).toEqual([{ id: 2 }]);
    expect(await count(server, 'document_chunkings')).toBe(0);
    expect(await count(server, 'document_texts')).toBe(42);
    expect(await sizes(server)).toEqual({ knowledge_chunks_g2: await count(server, 'chunks') });
    expect(await firstHit(server, question)).toBe('machine-7');
    expect(await damages(server)).toEqual([]);
    await server.stop();
  },
);

test('a kill at any moment of cutting anew loses nothing', { timeout: 300_000 }, async () => {
  let server = await TestServer.start(short);
  await server.upload([...manuals, ...notes]);
  await server.idle();
  await server.quit();
  server = await server.restarted({ ...long, INDEX_KEEP_DAYS: '0' });
  for (let i = 0; i < 4; i++) {
    await delay(Math.random() * 1500);
    await server.kill();
    await server.boot();
    expect(await search(server, question)).toMatchObject({ mode: 'HYBRID', notices: [] });
    expect(await firstHit(server, question)).toBe('machine-7');
  }
  await server.idle(120_000);
  expect(await states(server)).toEqual(['ACTIVE 240', 'REMOVED -']);
  expect(await answering(server)).toEqual([{ chunking: 2, documents: 40 }]);
  await server.idle(60_000, ['CLEAR_CHUNKING', 'CLEAR_REVISION']);
  expect((await row<{ n: number }>(server, 'SELECT count(*) n FROM chunks WHERE chunking <> 2')).n).toBe(0);
  expect(await damages(server)).toEqual([]);
  await server.stop();
});

test('settings that change again leave nothing behind, and a reading that failed meanwhile can be tried again', { timeout: 300_000 }, async () => {
  let server = await TestServer.start(short);
  const [first] = await server.upload([...manuals.slice(0, 12), ...notes]);
  await server.idle();
  const { id } = first!.document!;
  // One whose original is gone for a while is read again in vain.
  const { sha256 } = await row<{ sha256: string }>(server, `SELECT sha256 FROM documents WHERE id = '${id}'`);
  const original = join(server.dataDir, 'originals', sha256.slice(0, 2), sha256.slice(2, 4), sha256);
  await rename(original, `${original}.away`);
  await server.ask('mutation($ids: [ID!]!) { reprocessDocuments(ids: $ids) { id } }', { ids: [id] });
  await server.idle();
  const failed = await row<{ id: string }>(server, `SELECT id FROM jobs WHERE kind = 'INGEST' AND status = 'FAILED'`);
  await rename(`${original}.away`, original);

  await server.quit();
  server = await server.restarted({ ...long, INDEX_SWITCH: 'ask' });
  await expect.poll(async () => (await states(server))[0], { timeout: 60_000, interval: 20 }).toBe('BUILDING 240');
  const { errors } = await server.send('mutation { discardIndex(generation: 2) }');
  expect(errors[0]).toMatchObject({ extensions: { code: 'CONFLICT' }, message: 'A job is at work on generation 2.' });
  // Cancelled, it is no longer said to go on; retried, it does.
  const { id: changing } = await row<{ id: string }>(server, `SELECT id FROM jobs WHERE kind = 'REEMBED' ORDER BY created_at DESC LIMIT 1`);
  await server.ask('mutation($id: ID!) { cancelJob(id: $id) { id } }', { id: changing });
  const model = async () =>
    (await server.ask<{ health: { components: { name: string; message: string }[] } }>('{ health { components { name message } } }')).health.components.find(
      ({ name }) => name === 'embedding_model',
    )?.message;
  await expect.poll(model, { timeout: 30_000, interval: 300 }).toMatch(/its job has ended/);
  await server.ask('mutation($id: ID!) { retryJob(id: $id) { id } }', { id: changing });
  await expect.poll(() => states(server), { timeout: 120_000, interval: 300 }).toEqual(['CANDIDATE 240', 'ACTIVE 64']);
  await server.ask('mutation($id: ID!) { retryJob(id: $id) { id } }', { id: failed.id });
  const { result } = await server.jobDone(failed.id);
  expect((result as { chunks: number }).chunks).toBeGreaterThan(4);

  await server.quit();
  server = await server.restarted({ ...short, INDEX_SWITCH: 'ask' });
  await expect.poll(() => states(server), { timeout: 60_000, interval: 300 }).toEqual(['REMOVED -', 'ACTIVE 64']);
  await server.idle(60_000, ['CLEAR_CHUNKING', 'CLEAR_REVISION']);
  expect(await rows(server, 'SELECT DISTINCT chunking FROM chunks')).toEqual([{ chunking: 1 }]);
  expect(await sizes(server)).toEqual({ knowledge_chunks_g1: await count(server, 'chunks') });
  await server.quit();
  server = await server.restarted({ ...long, INDEX_SWITCH: 'always' });
  await expect.poll(() => states(server), { timeout: 120_000, interval: 300 }).toEqual(['ACTIVE 240', 'REMOVED -', 'RETIRED 64']);
  expect(await damages(server)).toEqual([]);
  await server.stop();
});

test(
  'a candidate that an operator discards is not built again by a restart, but once the settings have asked for something else',
  { timeout: 300_000 },
  async () => {
    const asking = { ...long, INDEX_SWITCH: 'ask' };
    let server = await TestServer.start(short);
    await server.upload([...manuals.slice(0, 3), ...notes]);
    await server.idle();
    await server.quit();
    server = await server.restarted(asking);
    await expect.poll(() => states(server), { timeout: 120_000, interval: 300 }).toEqual(['CANDIDATE 240', 'ACTIVE 64']);
    await server.idle(60_000, null);
    await server.ask('mutation { discardIndex(generation: 2) }');
    await server.idle(60_000, null);
    expect(await states(server)).toEqual(['REMOVED -', 'ACTIVE 64']);

    await server.quit();
    server = await server.restarted(asking);
    await well(server);
    await server.idle(60_000, null);
    expect(await states(server)).toEqual(['REMOVED -', 'ACTIVE 64']);

    for (const settings of [short, asking]) {
      await server.quit();
      server = await server.restarted(settings);
      await server.idle(60_000, null);
      if (settings === short) expect(await states(server)).toEqual(['REMOVED -', 'ACTIVE 64']);
    }
    await expect.poll(() => states(server), { timeout: 120_000, interval: 300 }).toEqual(['CANDIDATE 240', 'REMOVED -', 'ACTIVE 64']);
    // The policy has become another while it waits.
    await server.idle(60_000, null);
    await server.quit();
    server = await server.restarted({ ...long, INDEX_SWITCH: 'always' });
    await expect.poll(() => states(server), { timeout: 120_000, interval: 300 }).toEqual(['ACTIVE 240', 'REMOVED -', 'RETIRED 64']);
    await server.stop();
  },
);

test.skipIf(!hasPostgres)('on PostgreSQL', { timeout: 300_000 }, async () => {
  const name = `erpfts_chunking_${process.pid}`;
  await administer(`CREATE DATABASE ${name}`);
  let server = await TestServer.start({ ...short, DATABASE_URL: databaseUrl(name) });
  await server.upload([...manuals.slice(0, 10), ...notes]);
  await server.idle();
  await server.quit();
  server = await server.restarted({ ...long, DATABASE_URL: databaseUrl(name) });
  await expect.poll(() => states(server), { timeout: 120_000, interval: 300 }).toEqual(['ACTIVE 240', 'RETIRED 64']);
  expect(await firstHit(server, question)).toBe('machine-7');
  expect((await server.take('later.txt', machine(99))).status).toBe('READY');
  await server.jobDone(await switchTo(server, 1), 120_000);
  expect(await states(server)).toEqual(['RETIRED 240', 'ACTIVE 64']);
  expect(await firstHit(server, 'steel number 797 of machine 99')).toBe('later');
  expect(await damages(server)).toEqual([]);
  await server.ask('mutation { discardIndex(generation: 2) }');
  await server.idle(60_000, ['CLEAR_CHUNKING', 'CLEAR_REVISION']);
  expect(await damages(server)).toEqual([]);
  await server.stop();
  await administer(`DROP DATABASE ${name} WITH (FORCE)`);
});
