import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import { TestServer } from '../support/server.js';
import { rows } from '../support/stores.js';
import type * as Resident from '../../server/platform/vector-index/resident-vectors.js';

// The built module, because the build makes its WebAssembly.
const { ResidentVectors } = (await import(join(packageRoot, 'dist/server/platform/vector-index/resident-vectors.js'))) as typeof Resident;

let seed = 7;
const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
function unit(dimensions: number): Float32Array {
  const vector = Float32Array.from({ length: dimensions }, () => random() - 0.5);
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}
/** Three documents, whose vectors lie among each other. */
const row = (id: number, vector: Float32Array) => ({ id: String(id), documentId: `document-${id % 3}`, vector });
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

test.each([384, 1024, 30])('vectors of %d dimensions are compared finer than a byte rounds them', (dimensions) => {
  const resident = new ResidentVectors(dimensions, 2000);
  const vectors = Array.from({ length: 1900 }, () => unit(dimensions));
  vectors.forEach((vector, id) => resident.set(row(id, vector)));
  for (const id of [0, 17, 1899]) resident.delete(String(id));
  resident.set(row(17, vectors[3]!));
  const query = unit(dimensions);
  const found = resident.nearest(query, 20);
  const exact = vectors
    .map((vector, id) => ({ id: String(id), similarity: dot(id === 17 ? vectors[3]! : vector, query) }))
    .filter(({ id }) => id !== '0' && id !== '1899')
    .sort((a, b) => b.similarity - a.similarity);
  const byId = new Map(exact.map(({ id, similarity }) => [id, similarity]));
  expect(found.length).toBe(20);
  for (const { id, similarity } of found) expect(Math.abs(similarity - byId.get(id)!)).toBeLessThan(0.0001);
  expect(found.map(({ id }) => id)).toEqual(exact.slice(0, 20).map(({ id }) => id));
  expect(resident.nearest(vectors[42]!, 1)[0]!.id).toBe('42');
  const ofTwo = resident.nearest(query, 20, ['document-1', 'document-2', 'document-9']);
  expect(ofTwo.map(({ id }) => id)).toEqual(
    resident
      .nearest(query, 1900)
      .filter(({ id }) => Number(id) % 3 > 0)
      .slice(0, 20)
      .map(({ id }) => id),
  );
  expect(resident.nearest(query, 20, ['document-9'])).toEqual([]);
});

test('whatever their number, all are compared', () => {
  const query = unit(48);
  for (let size = 1; size <= 9; size++) {
    const vectors = Array.from({ length: size }, () => unit(48));
    const resident = new ResidentVectors(48, 9);
    vectors.forEach((vector, id) => resident.set(row(id, vector)));
    const found = new Map(resident.nearest(query, size).map(({ id, similarity }) => [id, similarity]));
    expect(found.size).toBe(size);
    vectors.forEach((vector, id) => expect(Math.abs(found.get(String(id))! - dot(vector, query))).toBeLessThan(0.01));
  }
});

test('of many, those whose sketches are the nearest are compared: nine in ten of the nearest, also after additions, changes and deletions', () => {
  // As the vectors of a model are: all to one side, in groups.
  const dimensions = 64;
  const side = unit(dimensions);
  const groups = Array.from({ length: 300 }, () => unit(dimensions));
  const near = (group: number) => {
    const other = unit(dimensions);
    const vector = side.map((value, i) => 2 * value + groups[group]![i]! + 0.7 * other[i]!);
    const length = Math.hypot(...vector);
    return vector.map((value) => value / length);
  };
  const resident = new ResidentVectors(dimensions, 60_000);
  const vectors = new Map<number, Float32Array>();
  const set = (id: number) => {
    const vector = near(id % groups.length);
    vectors.set(id, vector);
    resident.set(row(id, vector));
  };
  const remove = (id: number) => {
    vectors.delete(id);
    resident.delete(String(id));
  };
  const asks = 8;
  const shareFound = (documentIds?: string[]) => {
    let found = 0;
    for (let asked = 0; asked < asks; asked++) {
      const query = near(asked);
      const exact = [...vectors]
        .filter(([id]) => !documentIds || documentIds.includes(`document-${id % 3}`))
        .map(([id, vector]) => ({ id: String(id), similarity: dot(vector, query) }))
        .sort((a, b) => b.similarity - a.similarity);
      const similarities = new Map(exact.map(({ id, similarity }) => [id, similarity]));
      const nearest = resident.nearest(query, 10, documentIds);
      expect(nearest).toHaveLength(10);
      for (const { id, similarity } of nearest) expect(Math.abs(similarity - similarities.get(id)!)).toBeLessThan(0.01);
      // One that is as near but for the rounding is found as well.
      found += nearest.filter(({ id }) => similarities.get(id)! >= exact[9]!.similarity - 0.003).length;
    }
    return found / (10 * asks);
  };
  for (let id = 0; id < 21_000; id++) set(id);
  for (let id = 0; id < 21_000; id += 7) remove(id);
  for (let id = 1; id < 21_000; id += 70) set(id);
  expect(shareFound()).toBeGreaterThan(0.9);
  for (let id = 21_000; id < 48_000; id++) set(id);
  for (let id = 20_000; id < 48_000; id += 5) remove(id);
  for (let id = 3; id < 48_000; id += 70) set(id);
  for (let id = 48_000; id < 55_000; id++) set(id);
  for (let id = 54_999; id > 54_000; id -= 3) remove(id);
  expect(shareFound()).toBeGreaterThan(0.9);
  expect(shareFound(['document-1'])).toBeGreaterThan(0.9);
  expect(shareFound(['document-0', 'document-2'])).toBeGreaterThan(0.9);
});

test('of many, those of documents that lie far from the question are found as well', () => {
  const resident = new ResidentVectors(64, 40_000);
  const [here, there] = [unit(64), unit(64)];
  const beside = (side: Float32Array) => {
    const other = unit(64);
    const vector = side.map((value, i) => 3 * value + other[i]!);
    const length = Math.hypot(...vector);
    return vector.map((value) => value / length);
  };
  // A third of them on the other side.
  for (let id = 0; id < 30_000; id++) resident.set(row(id, beside(id % 3 === 1 ? there : here)));
  expect(resident.nearest(beside(here), 20, ['document-1'])).toHaveLength(20);
});

test('no more are kept than the limit', () => {
  const resident = new ResidentVectors(16, 2);
  expect([...[1, 2, 3].map((id) => resident.set(row(id, unit(16)))), resident.size]).toEqual([true, true, false, 2]);
});

const servers: TestServer[] = [];
beforeAll(async () => {
  for (const limit of ['25000', '0', '3']) servers.push(await TestServer.start({ RESIDENT_VECTORS: limit, CACHE_SEARCH_TTL: '0' }));
});
afterAll(() => Promise.all(servers.map((server) => server.stop())));

test('an empty library is searched by meaning too, and has nothing to say', async () => {
  for (const server of servers) {
    const { search } = await server.ask<{ search: { mode: string; notices: string[] } }>('{ search(query: "anything at all") { mode notices } }');
    expect(search).toEqual({ mode: 'HYBRID', notices: [expect.stringMatching(/^NOTHING_FOUND/)] });
  }
});

test('answers are the same from memory, from ChromaDB and past the limit, before and after changes and a restart', async () => {
  const topics = [
    'a ferry crosses the strait at dawn',
    'bakers knead dough by night',
    'glaciers grind valleys',
    'the choir rehearses on Mondays',
    'bees dance to tell the way',
  ];
  const titles = async (server: TestServer, query: string, tags?: string[]) => {
    const { search } = await server.ask<{ search: { hits: { document: { title: string } }[] } }>(
      'query($query: String!, $tags: [String!]) { search(query: $query, mode: SEMANTIC, first: 5, filter: { tags: $tags }) { notices hits { document { title } } } }',
      { query, tags },
    );
    return search.hits.map(({ document }) => document.title);
  };
  const ids: string[][] = [];
  for (const server of servers) {
    const taken: string[] = [];
    for (const [number, topic] of topics.entries())
      taken.push((await server.take(`topic-${number}.txt`, `${topic}.`, { tags: [number % 2 === 0 ? 'even' : 'odd'] })).id);
    ids.push(taken);
  }
  const compare = async (query: string, tags?: string[]) => {
    const [first, ...others] = await Promise.all(servers.map((server) => titles(server, query, tags)));
    for (const other of others) expect(other).toEqual(first);
    return first!;
  };
  expect((await compare('Who makes bread in the dark?'))[0]).toBe('topic-1');
  expect((await compare('Who makes bread in the dark?', ['even'])).sort()).toEqual(['topic-0', 'topic-2', 'topic-4']);
  await Promise.all(servers.map((server, index) => server.ask('mutation($ids: [ID!]!) { deleteDocuments(ids: $ids) { id } }', { ids: [ids[index]![1]!] })));
  expect(await compare('Who makes bread in the dark?')).not.toContain('topic-1');
  for (const server of servers) {
    await server.idle(60_000, null);
    await server.quit();
    await server.boot();
  }
  expect((await compare('insects that talk'))[0]).toBe('topic-4');
});

test('vectors of a model are read in the order of their chunks without being sorted', async () => {
  const server = await TestServer.start();
  try {
    const plan = await rows<{ detail: string }>(
      server,
      `EXPLAIN QUERY PLAN SELECT chunk_id, vector FROM chunk_vectors WHERE model = 'any' AND chunk_id < 900 ORDER BY chunk_id DESC LIMIT 250`,
    );
    expect(plan.map(({ detail }) => detail).join('\n')).not.toContain('TEMP B-TREE');
  } finally {
    await server.stop();
  }
});
