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
}, 120_000);
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
  const { status, error } = await server.jobDone(runMaintenance.id, 60_000);
  expect([status, error]).toEqual(['SUCCEEDED', null]);
  return (await server.ask<{ job: { result: Report } }>('query($id: ID!) { job(id: $id) { result } }', { id: runMaintenance.id })).job.result;
}

const originalOf = (sha256: string) => join(server.dataDir, 'originals', sha256.slice(0, 2), sha256.slice(2, 4), sha256);

test('a healthy library has no difference, also while documents are taken in', { timeout: 120_000 }, async () => {
  expect(await run('VERIFY_DATA')).toMatchObject({ found: 0, byKind: {}, damages: [] });
  await server.upload(Array.from({ length: 40 }, (_, i) => ({ name: `arriving-${i}.txt`, content: `Crate number ${i} of the cargo is carried ashore.` })));
  for (let i = 0; i < 3; i++) expect((await run('VERIFY_DATA')).damages).toEqual([]);
  await server.idle();
});

test('documents that go meanwhile are no difference', { timeout: 120_000 }, async () => {
  const { documents } = await server.ask<{ documents: { edges: { node: { id: string } }[] } }>(
    '{ documents(first: 50, filter: { text: "arriving" }) { edges { node { id } } } }',
  );
  for (const { node } of documents.edges) await server.ask('mutation($id: ID!) { deleteDocuments(ids: [$id]) { id } }', { id: node.id });
  for (let i = 0; i < 4; i++) expect((await run('VERIFY_DATA')).damages).toEqual([]);
  await server.idle();
});

test('damage of every kind is named, and mended where it can be', { timeout: 240_000 }, async () => {
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
  await collection.upsert({ ids: ['900002'], embeddings: [Array.from({ length: 384 }, (_, i) => (i === 0 ? 1 : 0))], metadatas: [{ documentId: 'nobody' }] });

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
    ].sort(),
  );

  expect(await run('REPAIR_DATA')).toMatchObject({ found: named.length, mended: named.length - 2, left: 2 });
  await server.idle();
  const after = await run('VERIFY_DATA');
  expect(after.damages.map(({ kind, documentId }) => `${kind} ${documentId}`).sort()).toEqual(
    [`ORIGINAL_MISSING ${of('gone').id}`, `ORIGINAL_MISSING ${of('altered').id}`].sort(),
  );
  expect(existsSync(originalOf(stray))).toBe(false);
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

test('originals that are lost come back out of the newest backup that has them', { timeout: 120_000 }, async () => {
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
