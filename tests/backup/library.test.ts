import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sqlite3 from 'sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backUp, erpfts, library } from '../support/backups.js';
import { pdf } from '../support/files.js';
import { TestServer } from '../support/server.js';

let one: TestServer;
let other: TestServer;
beforeAll(async () => {
  [one, other] = await Promise.all([TestServer.start(), TestServer.start()]);
  await one.take('ferry.txt', 'The ferry leaves the northern pier at half past six.', { tags: ['travel', '船'] });
  const { id: tea } = await one.take('tea.pdf', await pdf(['Sencha is brewed with water of seventy degrees.']));
  await one.take('onsen.txt', '別府の温泉は源泉数が日本一である。');
  await one.ask('mutation($id: ID!) { updateDocument(id: $id, input: { title: "About tea" }) { id } }', { id: tea });
  await one.ask('mutation($ids: [ID!]!) { addGoldenQuery(query: "How hot is the water?", documentIds: $ids) { id } }', { ids: [tea] });
  await one.idle();
});
afterAll(async () => {
  await one.stop();
  await other.stop();
});

interface Listed {
  documents: { edges: { node: { title: string; tags: string[]; createdAt: string; fileName: string | null } }[] };
}
const listed = async (server: TestServer) =>
  (await server.ask<Listed>('{ documents(first: 100) { edges { node { title tags createdAt fileName } } } }')).documents.edges
    .map(({ node }) => node)
    .sort((a, b) => a.title.localeCompare(b.title));

test('a library goes to an empty installation as one archive, with names, tags, dates and golden queries', async () => {
  const archive = join(one.dataDir, 'library.tar');
  const exported = await erpfts(one.dataDir, ['export', archive]);
  expect(exported).toMatchObject({ code: 0, out: expect.stringMatching(/library\.tar: 3 documents/) as string });
  expect(await erpfts(one.dataDir, ['export', archive])).toMatchObject({ code: 2, err: expect.stringContaining('exists already') as string });
  const dry = await erpfts(other.dataDir, ['import', archive, '--dry-run']);
  expect(dry).toMatchObject({ code: 0, out: '3 documents would be taken in, 0 known already, 1 questions, 0 conflicts\n' });
  expect(await listed(other)).toEqual([]);
  const imported = await erpfts(other.dataDir, ['import', archive]);
  expect(imported).toMatchObject({ code: 0, out: '3 documents taken in, 0 known already, 1 questions, 0 conflicts\n' });
  await other.idle();
  expect(await listed(other)).toEqual(await listed(one));
  expect((await library(other)).answers).toEqual((await library(one)).answers);
  const { goldenQueries } = await other.ask<{ goldenQueries: { totalCount: number } }>('{ goldenQueries { totalCount } }');
  expect(goldenQueries.totalCount).toBe(1);
  // Neither side keeps the archive among its backups.
  for (const server of [one, other]) expect((await erpfts(server.dataDir, ['backups'])).out).toBe('0 backups\n');
});

test('into a filled installation nothing is overwritten, and conflicts are told', async () => {
  const { documents } = await other.ask<{ documents: { edges: { node: { id: string; title: string } }[] } }>('{ documents { edges { node { id title } } } }');
  const ferry = documents.edges.find(({ node }) => node.title === 'ferry')!.node.id;
  await other.ask('mutation($id: ID!) { updateDocument(id: $id, input: { title: "Night ferry", tags: ["mine"] }) { id } }', { id: ferry });
  await one.take('bridge.txt', 'The bridge was rebuilt in 1931.');
  await one.idle();
  const archive = join(one.dataDir, 'second.tar');
  await erpfts(one.dataDir, ['export', archive]);
  const { out } = await erpfts(other.dataDir, ['import', archive]);
  expect(out).toContain('ferry: It is here under the title "Night ferry", which stays.');
  expect(out).toContain('1 documents taken in, 3 known already, 0 questions, 1 conflicts');
  expect((await listed(other)).map(({ title }) => title)).toEqual(['About tea', 'bridge', 'Night ferry', 'onsen']);
});

test('what is no archive is refused, and nothing of it stays', async () => {
  const path = join(one.dataDir, 'ferry.txt');
  await writeFile(path, 'The ferry');
  expect(await erpfts(one.dataDir, ['import', path])).toMatchObject({ code: 1, err: expect.stringContaining('The archive') as string });
  expect((await readdir(join(one.dataDir, 'backups'))).filter((name) => name.endsWith('.partial'))).toEqual([]);
});

test('a single document comes back out of a backup, and the rest is not touched', async () => {
  const { id } = (await backUp(one, 'DATABASE')) as { id: string };
  const { savedDocuments } = await one.ask<{ savedDocuments: { id: string; title: string; present: boolean }[] }>(
    'query($id: ID!) { savedDocuments(backupId: $id, text: "TEA") { id title present } }',
    { id },
  );
  expect(savedDocuments).toEqual([{ id: expect.any(String) as string, title: 'About tea', present: true }]);
  const tea = savedDocuments[0]!.id;
  const before = await listed(one);
  await one.ask('mutation($ids: [ID!]!) { deleteDocuments(ids: $ids) { id } }', { ids: [tea] });
  await one.idle();
  expect(await listed(one)).toHaveLength(3);
  const { importFromBackup } = await one.ask<{ importFromBackup: { id: string } }>(
    'mutation($id: ID!, $ids: [ID!]!) { importFromBackup(id: $id, documentIds: $ids) { id } }',
    { id, ids: [tea] },
  );
  expect(await one.jobDone(importFromBackup.id)).toMatchObject({ status: 'SUCCEEDED', result: { documents: 1, known: 0 } });
  await one.idle();
  expect(await listed(one)).toEqual(before);
  const { search } = await one.ask<{ search: { hits: { document: { id: string } }[] } }>('{ search(query: "sencha") { hits { document { id } } } }');
  expect(search.hits[0]!.document.id).toBe(tea);
});

/** Runs a statement on the database of a server that is stopped. */
function sql<T>(dataDir: string, statement: string): Promise<T[]> {
  return new Promise((resolve, reject) => {
    const database = new sqlite3.Database(join(dataDir, 'erpfts.sqlite'));
    database.all<T>(statement, (error, rows) => database.close(() => (error ? reject(error) : resolve(rows))));
  });
}

test('vectors that come along are not made again', async () => {
  await one.quit();
  // Such as no model would make them: every passage has the same.
  await sql(one.dataDir, 'UPDATE chunk_vectors SET vector = (SELECT vector FROM chunk_vectors ORDER BY chunk_id LIMIT 1)');
  await one.boot();
  const archive = join(one.dataDir, 'vectors.tar');
  expect(await erpfts(one.dataDir, ['export', archive, '--vectors'])).toMatchObject({ code: 0 });
  const third = await TestServer.start();
  expect(await erpfts(third.dataDir, ['import', archive])).toMatchObject({ code: 0, out: expect.stringContaining('4 documents taken in') as string });
  await third.idle();
  await third.quit();
  const [found] = await sql<{ n: number; different: number }>(third.dataDir, 'SELECT count(*) AS n, count(DISTINCT vector) AS different FROM chunk_vectors');
  expect(found).toEqual({ n: 4, different: 1 });
  await third.boot();
  await third.stop();
});
