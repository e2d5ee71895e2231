import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Collection } from 'chromadb';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { TestServer, until } from '../support/server.js';
import { chroma, chromaProcess, count } from '../support/stores.js';

let server: TestServer;
beforeAll(async () => {
  // ChromaDB itself answers, so that what it has lost shows.
  server = await TestServer.start({ RESIDENT_VECTORS: '0', CACHE_SEARCH_TTL: '0', HEALTH_INTERVAL_MS: '500' });
  for (const [name, text] of [
    ['boiler', 'The boiler is swept each autumn before the heating season begins.'],
    ['lift', 'The lift is inspected by an engineer every second spring.'],
    ['roof', 'The roof gutters are cleared of leaves in November.'],
  ])
    await server.take(`${name}.txt`, text!);
});
afterAll(() => server.stop());

/** The collection that answers, looked for anew: it may have been made again. */
async function collection(): Promise<Collection> {
  const client = chroma(server);
  const [first] = await client.listCollections();
  if (!first) throw new Error('there is no collection');
  return client.getCollection({ name: first.name });
}

const wanted = async () => {
  const kept = (await (await collection()).get({ include: [] })).ids.sort();
  return (await count(server, 'chunks')) === kept.length ? kept : null;
};
const vectorIndex = async () =>
  (
    await server.ask<{ health: { components: { name: string; status: string; message: string | null }[] } }>(
      '{ health { components { name status message } } }',
    )
  ).health.components.find(({ name }) => name === 'vector_db');
const semantic = async (query: string) =>
  (
    await server.ask<{ search: { notices: string[]; hits: { document: { title: string } }[] } }>(
      'query($query: String!) { search(query: $query, mode: SEMANTIC) { notices hits { document { title } } } }',
      { query },
    )
  ).search;

let whole: string[];
beforeEach(async () => {
  whole = (await until(wanted, 20_000, 'a whole collection'))!;
});

test('a collection dropped under the running server is filled again, and what is uploaded meanwhile waits for it', async () => {
  await chroma(server).deleteCollection({ name: (await collection()).name });
  expect(await server.take('pump.txt', 'The pump in the cellar starts by itself when water comes in.')).toMatchObject({ status: 'READY', error: null });
  const kept = await until(wanted, 20_000, 'the vectors to be put back');
  expect(kept).toEqual(expect.arrayContaining(whole));
  expect(kept).toHaveLength(4);
  const answer = await semantic('When are the chimneys and boilers cleaned?');
  expect(answer).toMatchObject({ notices: [] });
  expect(answer.hits[0]?.document.title).toBe('boiler');
  await until(async () => ((await vectorIndex())?.status === 'HEALTHY' ? true : null), 10_000, 'a healthy vector index');
});

test('a search that meets the loss is answered by words, says so, and the next ones are whole again', async () => {
  await chroma(server).deleteCollection({ name: (await collection()).name });
  const { mode, notices } = (await server.ask<{ search: { mode: string; notices: string[] } }>('{ search(query: "roof gutters") { mode notices } }')).search;
  // Health may have been faster than the search.
  if (mode === 'KEYWORD') expect(notices.join()).toContain('VECTOR_INDEX_DOWN');
  await until(async () => ((await semantic('leaves on the roof')).hits[0]?.document.title === 'roof' ? true : null), 20_000, 'an answer by meaning');
  expect(await until(wanted, 20_000, 'the vectors to be put back')).toEqual(whole);
});

test('single vectors that went missing are put back by the next look of health', async () => {
  const kept = await collection();
  await kept.delete({ ids: [whole[0]!, whole[2]!] });
  expect(await until(wanted, 20_000, 'the vectors to be put back')).toEqual(whole);
});

test('orphans cannot hide what is missing: both are mended when ChromaDB comes back', async () => {
  const kept = await collection();
  const [vector] = (await kept.get({ ids: [whole[1]!], include: ['embeddings'] })).embeddings;
  await kept.delete({ ids: [whole[1]!] });
  await kept.add({ ids: ['987654321'], embeddings: [vector!], metadatas: [{ documentId: 'nobody' }] });
  process.kill(chromaProcess(server).pid, 'SIGKILL');
  await expect.poll(async () => (await (await collection()).get({ include: [] })).ids.sort(), { timeout: 30_000, interval: 300 }).toEqual(whole);
});

test('health is well only once searches by meaning are, also at a start over an empty vector store', async () => {
  for (let round = 0; round < 3; round++) {
    await server.quit();
    await rm(join(server.dataDir, 'chroma'), { recursive: true });
    await server.boot();
    await until(async () => ((await vectorIndex())?.status === 'HEALTHY' ? true : null), 20_000, 'a healthy vector index');
    const answer = await semantic(`When are the chimneys and boilers cleaned, in round ${round}?`);
    // The model is another part: it may still be loading.
    expect(answer.notices.filter((notice) => !notice.startsWith('MODEL_UNAVAILABLE'))).toEqual([]);
  }
});
