import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sqlite3 from 'sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backUp } from '../support/backups.js';
import { chroma } from '../support/stores.js';
import { TestServer } from '../support/server.js';

interface Report {
  found: number;
  byKind: Record<string, number>;
  damages: { kind: string; documentId: string | null; subject: string; message: string }[];
  mended?: number;
  left?: number;
}
interface Taken {
  id: string;
  chunk: string;
  sha256: string;
}

let server: TestServer;
const taken = new Map<string, Taken>();
const names = [
  'gone',
  'altered',
  'textless',
  'chunkless',
  'rewritten',
  'termless',
  'unlisted',
  'vectorless',
  'zeroed',
  'stuck',
  'unindexed',
  'miscounted',
  'swapped',
  'doubled',
  'rehashed',
  'resized',
  'failed',
  'foreign',
  'retyped',
  'renumbered',
  'repaged',
  'healthy',
];

beforeAll(async () => {
  server = await TestServer.start();
  await server.upload(names.map((name) => ({ name: `${name}.txt`, content: `The log of the ship named ${name} was found in the archive of the harbour.` })));
  await server.idle();
  const rows = await query<{ id: string; title: string; sha256: string; chunk: number }>(
    'SELECT d.id, d.title, d.sha256, c.id AS chunk FROM documents d JOIN chunks c ON c.document_id = d.id',
  );
  for (const { title, id, sha256, chunk } of rows) taken.set(title, { id, sha256, chunk: String(chunk) });
});
afterAll(() => server.stop());

function query<T>(sql: string): Promise<T[]> {
  return new Promise((resolve, reject) => {
    const database = new sqlite3.Database(join(server.dataDir, 'erpfts.sqlite'));
    database.configure('busyTimeout', 10_000);
    database.all<T>(sql, (error, rows) => {
      database.close();
      if (error) reject(error);
      else resolve(rows);
    });
  });
}

async function run(task: string): Promise<Report> {
  const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>('mutation($task: MaintenanceTask!) { runMaintenance(task: $task) { id } }', {
    task,
  });
  const { status, error } = await server.jobDone(runMaintenance.id);
  expect([status, error]).toEqual(['SUCCEEDED', null]);
  return (await server.ask<{ job: { result: Report } }>('query($id: ID!) { job(id: $id) { result } }', { id: runMaintenance.id })).job.result;
}

const originalOf = (sha256: string) => join(server.dataDir, 'originals', sha256.slice(0, 2), sha256.slice(2, 4), sha256);

const asideOf = (sha256: string) => join(server.dataDir, 'originals-orphaned', sha256);

test('a healthy library has no difference, also while documents are taken in', async () => {
  expect(await run('VERIFY_DATA')).toMatchObject({ found: 0, byKind: {}, damages: [] });
  await server.upload(Array.from({ length: 40 }, (_, i) => ({ name: `arriving-${i}.txt`, content: `Crate number ${i} of the cargo is carried ashore.` })));
  for (let i = 0; i < 3; i++) expect((await run('VERIFY_DATA')).damages).toEqual([]);
  await server.idle();
});

test('documents that go meanwhile are no difference', async () => {
  const { documents } = await server.ask<{ documents: { edges: { node: { id: string } }[] } }>(
    '{ documents(first: 50, filter: { text: "arriving" }) { edges { node { id } } } }',
  );
  for (const { node } of documents.edges) await server.ask('mutation($id: ID!) { deleteDocuments(ids: [$id]) { id } }', { id: node.id });
  for (let i = 0; i < 4; i++) expect((await run('VERIFY_DATA')).damages).toEqual([]);
  await server.idle();
});

test('damage of every kind is named, and mended where it can be', async () => {
  const of = (name: string) => taken.get(name)!;
  await rm(originalOf(of('gone').sha256));
  await writeFile(originalOf(of('altered').sha256), 'Something else.');
  const stray = 'f'.repeat(64);
  await mkdir(dirname(originalOf(stray)), { recursive: true });
  await writeFile(originalOf(stray), 'Nobody knows where this came from.');
  await query(`DELETE FROM document_texts WHERE document_id = '${of('textless').id}'`);
  await query(`DELETE FROM chunks WHERE id = ${of('chunkless').chunk}`);
  await query(`UPDATE chunks SET text = 'The log was never found.' WHERE id = ${of('rewritten').chunk}`);
  const columns = (await query<{ name: string }>(`SELECT name FROM pragma_table_info('chunks')`)).map(({ name }) => name);
  const values = columns.map((name) => ({ id: '900001', document_id: `'no-such-document'` })[name] ?? name);
  await query(`INSERT INTO chunks (${columns.join(', ')}) SELECT ${values.join(', ')} FROM chunks LIMIT 1`);
  await query(`DELETE FROM chunk_terms WHERE chunk_id = ${of('termless').chunk}`);
  await query(`DELETE FROM chunk_fulltext WHERE rowid = ${of('unlisted').chunk}`);
  await query(`DELETE FROM chunk_vectors WHERE chunk_id = ${of('vectorless').chunk}`);
  await query(`UPDATE chunk_vectors SET vector = zeroblob(1536) WHERE chunk_id = ${of('zeroed').chunk}`);
  await query(`UPDATE documents SET status = 'EMBEDDING' WHERE id = '${of('stuck').id}'`);
  const collection = await chroma(server).getCollection({ name: 'knowledge_chunks_g1' });
  // In this order the index never holds fewer than the passages that answer, so that no look at its health mends it meanwhile.
  await collection.upsert({ ids: ['900002'], embeddings: [Array.from({ length: 384 }, (_, i) => (i === 0 ? 1 : 0))], metadatas: [{ documentId: 'nobody' }] });
  await collection.delete({ ids: [of('unindexed').chunk] });
  await query(
    `UPDATE chunk_terms SET terms = (SELECT terms FROM chunk_terms WHERE chunk_id = ${of('healthy').chunk}) WHERE chunk_id = ${of('miscounted').chunk}`,
  );
  const copied = (changes: Record<string, string>) => columns.map((name) => changes[name] ?? name).join(', ');
  // A passage twice is what an index keeps out: a hand that damages takes that away first.
  await query('DROP INDEX chunks_document');
  await query(`INSERT INTO chunks (${columns.join(', ')}) SELECT ${copied({ id: '900003' })} FROM chunks WHERE id = ${of('doubled').chunk}`);
  await query(`INSERT INTO chunks (${columns.join(', ')}) SELECT ${copied({ id: '900004', revision: '99' })} FROM chunks WHERE id = ${of('healthy').chunk}`);
  await query(`INSERT INTO chunk_fulltext (rowid, terms) VALUES (900005, 'ghost')`);
  await query(
    `INSERT INTO document_texts (document_id, revision, text, blocks, facts) SELECT 'no-such-text', revision, text, blocks, facts FROM document_texts LIMIT 1`,
  );
  await query(`INSERT INTO document_tags (document_id, tag) VALUES ('no-such-tagged', 'adrift')`);
  await collection.update({ ids: [of('swapped').chunk], embeddings: [Array.from({ length: 384 }, (_, i) => (i === 7 ? 1 : 0))] });
  await query(`UPDATE documents SET sha256 = '${'0'.repeat(64)}' WHERE id = '${of('rehashed').id}'`);
  await query(`UPDATE documents SET size_bytes = size_bytes + 5 WHERE id = '${of('resized').id}'`);
  await query(`UPDATE documents SET status = 'FAILED' WHERE id = '${of('failed').id}'`);
  await query(`UPDATE documents SET language = 'xx' WHERE id = '${of('foreign').id}'`);
  await query(`UPDATE documents SET mime_type = 'application/pdf' WHERE id = '${of('retyped').id}'`);
  await query(`UPDATE chunks SET ordinal = 100 WHERE id = ${of('renumbered').chunk}`);
  await query(`UPDATE chunks SET page_from = 77, page_to = 77 WHERE id = ${of('repaged').chunk}`);

  const { damages } = await run('VERIFY_DATA');
  const named = damages.map(({ kind, subject }) => `${kind} ${subject}`);
  expect(named.sort()).toEqual(
    [
      `ORIGINAL_MISSING ${of('gone').sha256}`,
      `ORIGINAL_ALTERED ${of('altered').sha256}`,
      `ORIGINAL_ORPHAN ${stray}`,
      `TEXT_MISSING ${of('textless').id}`,
      `CHUNKS_MISSING ${of('chunkless').id}`,
      `FULL_TEXT_ORPHAN ${of('chunkless').chunk}`,
      `VECTOR_ORPHAN ${of('chunkless').chunk}`,
      `INDEX_ORPHAN ${of('chunkless').chunk}`,
      `CHUNK_ALTERED ${of('rewritten').chunk}`,
      'CHUNK_ORPHAN 900001',
      `FULL_TEXT_MISSING ${of('termless').chunk}`,
      `FULL_TEXT_MISSING ${of('unlisted').chunk}`,
      `VECTOR_MISSING ${of('vectorless').chunk}`,
      `VECTOR_ALTERED ${of('zeroed').chunk}`,
      `STUCK ${of('stuck').id}`,
      `INDEX_MISSING ${of('unindexed').chunk}`,
      'INDEX_ORPHAN 900002',
      `TERMS_ALTERED ${of('miscounted').chunk}`,
      'CHUNK_DOUBLED 900003',
      'FULL_TEXT_MISSING 900003',
      'VECTOR_MISSING 900003',
      'INDEX_MISSING 900003',
      'CHUNK_STALE 900004',
      'POSTING_ORPHAN 900005',
      'TEXT_ORPHAN no-such-text',
      'TAG_ORPHAN no-such-tagged',
      'STATISTICS_WRONG full-text',
      `INDEX_ALTERED ${of('swapped').chunk}`,
      ...['rehashed', 'resized', 'failed', 'foreign', 'retyped', 'renumbered'].map((name) => `DOCUMENT_ALTERED ${of(name).id}`),
      `CHUNK_ALTERED ${of('repaged').chunk}`,
    ].sort(),
  );

  expect(await run('REPAIR_DATA')).toMatchObject({ found: named.length, mended: named.length - 2, left: 2 });
  await server.idle();
  const after = await run('VERIFY_DATA');
  expect(after.damages.map(({ kind, documentId }) => `${kind} ${documentId}`).sort()).toEqual(
    [`ORIGINAL_MISSING ${of('gone').id}`, `ORIGINAL_MISSING ${of('altered').id}`].sort(),
  );
  expect(existsSync(originalOf(stray))).toBe(false);
  // In case the row was what was lost.
  expect(await readFile(asideOf(stray), 'utf8')).toBe('Nobody knows where this came from.');
  // The bytes come again: nothing is amiss any more, and everything is found.
  for (const name of ['gone', 'altered'])
    await server.upload([{ name: `${name}.txt`, content: `The log of the ship named ${name} was found in the archive of the harbour.` }]);
  await server.idle();
  expect((await run('VERIFY_DATA')).damages).toEqual([]);
  for (const name of names) {
    const { search } = await server.ask<{ search: { hits: { document: { title: string } }[] } }>(
      'query($query: String!) { search(query: $query, mode: KEYWORD, first: 3) { hits { document { title } } } }',
      { query: `ship named ${name}` },
    );
    expect(search.hits[0]?.document.title).toBe(name);
  }
});

test('vectors of pieces that are wrong are named, mended, and made anew with the others', async () => {
  const text = Array.from({ length: 60 }, (_, i) => `On day ${i} the barge carried ${i * 7} sacks of barley past the lock.`).join(' ');
  await server.take('barge.txt', text);
  const piecesOf = async () =>
    (
      await query<{ id: number; pieces: Buffer | null }>(
        "SELECT v.chunk_id AS id, v.pieces FROM chunk_vectors v JOIN chunks c ON c.id = v.chunk_id JOIN documents d ON d.id = c.document_id AND d.revision = c.revision WHERE d.title = 'barge' AND c.pieces <> '[]'",
      )
    ).map(({ id, pieces }) => ({ id, pieces: pieces?.toString('hex') ?? null }));
  await expect.poll(async () => (await piecesOf()).every(({ pieces }) => pieces !== null), { timeout: 60_000 }).toBe(true);
  const right = await piecesOf();
  expect(right.length).toBeGreaterThan(0);
  const { id } = right[0]!;
  const damage = () => query(`UPDATE chunk_vectors SET pieces = zeroblob(length(pieces)) WHERE chunk_id = ${id}`);
  await damage();
  expect((await run('VERIFY_DATA')).damages.map(({ kind, subject }) => `${kind} ${subject}`)).toEqual([`VECTOR_ALTERED ${id}`]);
  const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>(
    'mutation { runMaintenance(task: REBUILD_INDEX, options: { source: "REEMBED" }) { id } }',
  );
  expect((await server.jobDone(runMaintenance.id, 120_000)).status).toBe('SUCCEEDED');
  expect(await piecesOf()).toEqual(right);
  await damage();
  expect(await run('REPAIR_DATA')).toMatchObject({ found: 1, mended: 1 });
  await server.idle();
  expect((await run('VERIFY_DATA')).damages).toEqual([]);
  await expect.poll(async () => (await piecesOf()).map(({ pieces }) => pieces), { timeout: 60_000 }).toEqual(right.map(({ pieces }) => pieces));
});

test('counts of words that are wrong though their sum is right are named, and the alert tells the newest count', async () => {
  const told = async () =>
    (
      await server.ask<{ alerts: { edges: { node: { rule: string; message: string; state: string } }[] } }>(
        '{ alerts(filter: { rules: ["data"], states: [ACTIVE] }) { edges { node { rule message state } } } }',
      )
    ).alerts.edges.map(({ node }) => node.message);
  await query('UPDATE term_statistics SET chunks = chunks + 1 WHERE hash = (SELECT min(hash) FROM term_statistics)');
  await query('UPDATE term_statistics SET chunks = chunks - 1 WHERE hash = (SELECT max(hash) FROM term_statistics)');
  const stray = 'e'.repeat(64);
  await mkdir(dirname(originalOf(stray)), { recursive: true });
  await writeFile(originalOf(stray), 'A second one.');
  expect((await run('VERIFY_DATA')).damages.map(({ kind }) => kind).sort()).toEqual(['ORIGINAL_ORPHAN', 'STATISTICS_WRONG']);
  await expect.poll(told).toEqual(['The stores differ in 2 places.']);
  await rm(originalOf(stray));
  expect((await run('VERIFY_DATA')).damages.map(({ kind }) => kind)).toEqual(['STATISTICS_WRONG']);
  await expect.poll(told).toEqual(['The stores differ in 1 place.']);
  expect(await run('REPAIR_DATA')).toMatchObject({ found: 1, mended: 1 });
  expect((await run('VERIFY_DATA')).damages).toEqual([]);
  await expect.poll(told).toEqual([]);
});

test('the original of a document whose row is lost or wrong outlives a restart, and comes back', async () => {
  const { id, sha256 } = taken.get('healthy')!;
  await server.quit();
  await query(`UPDATE documents SET sha256 = '${'1'.repeat(64)}' WHERE id = '${taken.get('foreign')!.id}'`);
  await query(`UPDATE documents SET live_key = NULL, sha256 = '${'2'.repeat(64)}' WHERE id = '${id}'`);
  await server.boot();
  // The key of one tells its original, nothing that of the other.
  await expect.poll(() => existsSync(asideOf(sha256)), { timeout: 20_000 }).toBe(true);
  expect(existsSync(originalOf(taken.get('foreign')!.sha256))).toBe(true);
  await query(`UPDATE documents SET live_key = 'sha256:${sha256}', sha256 = '${sha256}' WHERE id = '${id}'`);
  expect((await run('VERIFY_DATA')).damages.map(({ kind, documentId }) => `${kind} ${documentId}`).sort()).toEqual(
    [`DOCUMENT_ALTERED ${taken.get('foreign')!.id}`, `ORIGINAL_MISSING ${id}`].sort(),
  );
  expect(await run('REPAIR_DATA')).toMatchObject({ found: 2, mended: 2, left: 0 });
  await server.idle();
  expect((await run('VERIFY_DATA')).damages).toEqual([]);
  expect([existsSync(originalOf(sha256)), existsSync(asideOf(sha256))]).toEqual([true, false]);
});

test('originals that are lost come back out of the newest backup that has them', async () => {
  const of = (name: string) => taken.get(name)!;
  await backUp(server, 'DATABASE');
  // Not in any backup.
  await server.take('late.txt', 'The log of the ship named late came in after everything had been saved.');
  const [late] = await query<{ id: string; sha256: string }>("SELECT id, sha256 FROM documents WHERE title = 'late'");
  const wanted = await readFile(originalOf(of('healthy').sha256));
  await rm(originalOf(of('healthy').sha256));
  await writeFile(originalOf(of('swapped').sha256), 'Something else.');
  // Its text is lost with it: that is mended by what comes back.
  await query(`DELETE FROM document_texts WHERE document_id = '${of('healthy').id}'`);
  await rm(originalOf(late!.sha256));
  // Not to be read at all, as on a disk that fails: the others are looked at all the same.
  await rm(originalOf(of('unlisted').sha256));
  await mkdir(originalOf(of('unlisted').sha256));
  const tried = await server.ask<{ runMaintenance: { id: string } }>('mutation { runMaintenance(task: REPAIR_DATA, options: { dryRun: true }) { id } }');
  const { result } = (await server.jobDone(tried.runMaintenance.id)) as { result: { damages: { documentId: string; mended: boolean }[] } };
  expect(result).toMatchObject({ found: 5, mended: 4, left: 1 });
  // Which of them: what stays comes first.
  expect(result.damages.map(({ mended }) => mended)).toEqual([false, true, true, true, true]);
  expect(result.damages[0]!.documentId).toBe(late!.id);
  expect(await run('REPAIR_DATA')).toMatchObject({ found: 5, mended: 4, left: 1 });
  await server.idle();
  expect(await readFile(originalOf(of('healthy').sha256))).toEqual(wanted);
  expect((await run('VERIFY_DATA')).damages).toMatchObject([{ kind: 'ORIGINAL_MISSING', documentId: late!.id }]);
});
