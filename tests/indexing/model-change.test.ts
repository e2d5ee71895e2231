import { createReadStream, existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, truncate } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deriveModel } from '../support/derived-model.js';
import { TestServer, until } from '../support/server.js';
import { chroma, row } from '../support/stores.js';

const dimensions = 128;
const hubName = 'erpfts/e5-first-128';
let folder: string;
let hub: Server;
let hubUrl: string;
const asked: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'erpfts-model-'));
  await deriveModel(folder, dimensions);
  hub = createServer((request, response) => {
    asked.push(request.url ?? '');
    const path = join(folder, (request.url ?? '').replace(`/${hubName}/resolve/main/`, ''));
    if (existsSync(path)) createReadStream(path).pipe(response);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => hub.listen(0, '127.0.0.1', resolve));
  hubUrl = `http://127.0.0.1:${(hub.address() as AddressInfo).port}/`;
});
afterAll(async () => {
  hub.close();
  await rm(folder, { recursive: true });
});

interface Search {
  search: { mode: string; notices: string[]; hits: { document: { title: string } }[] };
}
const search = async (server: TestServer, query: string) =>
  (await server.ask<Search>('query($query: String!) { search(query: $query, first: 3) { mode notices hits { document { title } } } }', { query })).search;

const notes = Array.from({ length: 60 }, (_, index) => ({
  name: `note-${index}.txt`,
  content: `Machine ${index}\n\n${index === 7 ? '遠心分離機は毎週月曜日に清掃する。' : `Machine ${index} stands in hall ${index % 5} and is oiled every ${index + 2} days.`}\n`,
}));

async function reloadModel(server: TestServer, options: object): Promise<{ status: string; error: string | null }> {
  const { runMaintenance } = await server.ask<{ runMaintenance: { id: string } }>(
    'mutation($options: JSONObject) { runMaintenance(task: RELOAD_MODEL, options: $options) { id } }',
    { options },
  );
  return server.jobDone(runMaintenance.id);
}

async function start(env: Record<string, string>, dataDir?: string): Promise<TestServer> {
  return TestServer.start(env, dataDir);
}

test(
  'another model, from the hub, with other dimensions: old vectors answer until the new ones are whole; a kill in between loses nothing',
  { timeout: 300_000 },
  async () => {
    let server = await start({});
    await server.upload(notes);
    await server.idle();
    expect((await search(server, 'いつ遠心分離機を掃除しますか')).hits[0]?.document.title).toContain('Machine 7');
    await server.quit();

    server = await start({ EMBEDDING_MODEL: hubName, EMBEDDING_HUB_URL: hubUrl, CACHE_SEARCH_TTL: '0', INDEX_KEEP_DAYS: '0' }, server.dataDir);
    const during = await search(server, 'いつ遠心分離機を掃除しますか');
    expect(during).toMatchObject({ mode: 'HYBRID', notices: [] });
    expect(during.hits[0]?.document.title).toContain('Machine 7');
    const { health } = await server.ask<{ health: { components: { name: string; status: string; message: string | null }[] } }>(
      '{ health { components { name status message } } }',
    );
    const component = health.components.find(({ name }) => name === 'embedding_model');
    expect(component).toMatchObject({ status: 'DEGRADED' });
    expect(component?.message).toContain(hubName);
    await server.kill();

    await server.boot();
    let answers = 0;
    await until(
      async () => {
        const answer = await search(server, 'いつ遠心分離機を掃除しますか');
        expect(answer).toMatchObject({ mode: 'HYBRID', notices: [] });
        expect(answer.hits[0]?.document.title).toContain('Machine 7');
        answers += 1;
        const { jobs } = await server.ask<{ jobs: { edges: { node: { status: string } }[] } }>(
          '{ jobs(filter: { kinds: ["REEMBED"] }, first: 1) { edges { node { status } } } }',
        );
        return jobs.edges[0]?.node.status === 'SUCCEEDED' ? true : null;
      },
      120_000,
      'the change of model to end',
    );
    expect(answers).toBeGreaterThan(0);
    expect(asked).toContain(`/${hubName}/resolve/main/onnx/model_quantized.onnx`);
    const stored = await row<{ models: string; n: number; bytes: number }>(
      server,
      'SELECT group_concat(DISTINCT model) models, count(*) n, max(length(vector)) bytes FROM chunk_vectors',
    );
    expect(stored).toEqual({ models: hubName, n: notes.length, bytes: dimensions * 4 });
    const collections = await chroma(server).listCollections();
    expect(collections.map(({ name }) => name)).toEqual(['knowledge_chunks_g2']);
    expect(await collections[0]!.count()).toBe(notes.length);
    await until(
      async () => ((await server.ask<{ health: { status: string } }>('{ health { status } }')).health.status === 'HEALTHY' ? true : null),
      20_000,
      'health to be well again',
    );

    // Files that were damaged since come from the hub again.
    const tokenizer = join(server.dataDir, 'models', hubName, 'tokenizer.json');
    const whole = await readFile(tokenizer);
    await truncate(tokenizer, 100);
    expect(await reloadModel(server, {})).toMatchObject({ status: 'FAILED' });
    expect((await search(server, 'いつ遠心分離機を掃除しますか')).mode).toBe('HYBRID');
    asked.length = 0;
    expect(await reloadModel(server, { download: true })).toMatchObject({ status: 'SUCCEEDED', result: { model: hubName, downloaded: true } });
    expect(asked).toContain(`/${hubName}/resolve/main/onnx/model_quantized.onnx`);
    expect(whole.equals(await readFile(tokenizer))).toBe(true);
    expect((await search(server, 'いつ遠心分離機を掃除しますか')).hits[0]?.document.title).toContain('Machine 7');
    await server.stop();
  },
);

interface Generation {
  number: number;
  model: string;
  status: string;
  comparison: { queries: number; active: { ndcg: number }; candidate: { ndcg: number } } | null;
}
const generations = async (server: TestServer) =>
  (
    await server.ask<{ indexGenerations: Generation[] }>(
      '{ indexGenerations { number model status comparison { queries active { ndcg } candidate { ndcg } } } }',
    )
  ).indexGenerations;
const states = async (server: TestServer) => (await generations(server)).map(({ number, status }) => `${number} ${status}`);
const switchTo = async (server: TestServer, generation: number) =>
  (await server.ask<{ switchIndex: { id: string } }>('mutation($generation: Int!) { switchIndex(generation: $generation) { id } }', { generation })).switchIndex
    .id;

test('under load: a candidate is compared, waits for a yes, answers at once, and the way back is as short', { timeout: 300_000 }, async () => {
  let server = await start({});
  const ids = (await server.upload(notes)).map(({ document }) => document!.id);
  await server.idle();
  await server.ask('mutation($id: ID!) { addGoldenQuery(query: "いつ遠心分離機を掃除しますか", documentIds: [$id]) { id } }', { id: ids[7] });
  await server.quit();
  server = await start({ EMBEDDING_MODEL: hubName, EMBEDDING_HUB_URL: hubUrl, CACHE_SEARCH_TTL: '0', INDEX_SWITCH: 'ask' }, server.dataDir);

  let asking = true;
  let asked = 0;
  const readers = Array.from({ length: 4 }, async () => {
    while (asking) {
      const answer = await search(server, 'いつ遠心分離機を掃除しますか');
      expect(answer).toMatchObject({ mode: 'HYBRID', notices: [] });
      expect(answer.hits[0]?.document.title).toContain('Machine 7');
      asked += 1;
    }
  });
  // Their failure is the test's; it must not be unhandled until they are awaited.
  const reading = Promise.all(readers);
  reading.catch(() => undefined);
  await expect.poll(() => states(server), { timeout: 120_000, interval: 300 }).toEqual(['2 CANDIDATE', '1 ACTIVE']);
  const [candidate] = await generations(server);
  expect(candidate).toMatchObject({ model: hubName, comparison: { queries: 1, active: { ndcg: 1 } } });
  expect((await server.take('late.txt', 'The late note says that the crane was sold in spring.')).status).toBe('READY');

  expect((await server.jobDone(await switchTo(server, 2), 120_000)).result).toMatchObject({ switched: true, generation: 2 });
  expect(await states(server)).toEqual(['2 ACTIVE', '1 RETIRED']);
  expect((await search(server, 'Was the crane sold?')).hits[0]?.document.title).toBe('late');
  const sizes = async () => {
    const client = chroma(server);
    return Object.fromEntries(
      await Promise.all((await client.listCollections()).map(async ({ name }) => [name, await (await client.getCollection({ name })).count()] as const)),
    );
  };
  expect(await sizes()).toEqual({ knowledge_chunks_g1: 61, knowledge_chunks_g2: 61 });
  // What comes now, the index that is kept does not get until it is gone back to.
  await server.take('later.txt', 'The later note says that the crane was bought back in autumn.');
  expect(await sizes()).toEqual({ knowledge_chunks_g1: 61, knowledge_chunks_g2: 62 });

  expect((await server.jobDone(await switchTo(server, 1), 120_000)).result).toMatchObject({ switched: true, generation: 1 });
  expect(await states(server)).toEqual(['2 RETIRED', '1 ACTIVE']);
  expect((await search(server, 'When was the crane bought back?')).hits[0]?.document.title).toBe('later');
  expect(await sizes()).toEqual({ knowledge_chunks_g1: 62, knowledge_chunks_g2: 62 });
  asking = false;
  await reading;
  // The embedder that was to be put away after the first switch answers again, and must not be.
  await delay(12_000);
  expect(await search(server, 'Is the crane back?')).toMatchObject({ mode: 'HYBRID', notices: [] });
  expect(asked).toBeGreaterThan(20);

  // Whoever went back stays there after a restart, and a kill in a switch leaves one whole index that answers.
  await server.kill();
  await server.boot();
  await server.idle(60_000, ['REEMBED']);
  expect(await states(server)).toEqual(['2 RETIRED', '1 ACTIVE']);
  const job = await switchTo(server, 2);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 600));
  await server.kill();
  await server.boot();
  expect(await search(server, 'いつ遠心分離機を掃除しますか')).toMatchObject({ mode: 'HYBRID', notices: [] });
  expect((await server.jobDone(job, 120_000)).status).toBe('SUCCEEDED');
  expect(await states(server)).toEqual(['2 ACTIVE', '1 RETIRED']);

  const { errors } = await server.send('mutation { discardIndex(generation: 2) }');
  expect(errors[0]?.extensions.code).toBe('CONFLICT');
  await server.ask('mutation { discardIndex(generation: 1) }');
  expect(await states(server)).toEqual(['2 ACTIVE', '1 REMOVED']);
  expect(await sizes()).toEqual({ knowledge_chunks_g2: 62 });
  expect((await row<{ models: string }>(server, 'SELECT group_concat(DISTINCT model) models FROM chunk_vectors')).models).toBe(hubName);
  await server.stop();
});

test('a model that cannot be had leaves search by words and a health report that says so', async () => {
  const plain = await start({});
  expect(await reloadModel(plain, { download: true })).toMatchObject({
    status: 'FAILED',
    error: expect.stringContaining('does not come from a hub') as string,
  });
  await plain.stop();
  const server = await start({ EMBEDDING_MODEL: 'erpfts/unknown', EMBEDDING_HUB_URL: hubUrl });
  const { health } = await server.ask<{ health: { status: string; components: { name: string; status: string; message: string | null }[] } }>(
    '{ health { status components { name status message } } }',
  );
  expect(health.status).not.toBe('HEALTHY');
  expect(health.components.find(({ name }) => name === 'embedding_model')?.message).toContain('erpfts/unknown');
  expect((await search(server, 'anything')).notices.join()).toContain('MODEL_UNAVAILABLE');
  await server.stop();
});
