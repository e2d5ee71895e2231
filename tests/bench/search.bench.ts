import { ChromaClient } from 'chromadb';
import { expect, test } from 'vitest';
import { evaluationSet, type Question, scalePassages } from '../support/evaluation.js';
import { type TestServer } from '../support/server.js';
import { compareCached, compareCold, median, reportFigures, reportMemory, startClient, startRivals, Warm } from './comparison.js';
import { barePipeline, chromaOf, timed } from './floor.js';
import { exportPassages, serverWith, storedPassages, uncached } from './library.js';
import { residentBytes } from './product.js';
import { type Rival } from './rival.js';

const starts = 3;
const caching = { CACHE_SEARCH_TTL: '3600', CACHE_EMBEDDING_TTL: '86400' };

/** The share of the true ten nearest that ChromaDB finds. */
async function recall(server: TestServer, questions: Question[]): Promise<number> {
  const stored = await storedPassages(server.dataDir);
  const { hostname: host, port } = chromaOf(server);
  const client = new ChromaClient({ host, port: Number(port), ssl: false });
  // A rebuild gives it another number.
  const collection = (await client.listCollections()).find(({ name }) => name.startsWith('knowledge_chunks_g'))!;
  const embed = await barePipeline();
  let found = 0;
  for (const { query } of questions) {
    const vector = await embed(`query: ${query}`);
    const dot = (other: Float32Array) => other.reduce((sum, value, i) => sum + value * vector[i]!, 0);
    const exact = stored.map(({ id, vector: other }) => ({ id, near: dot(other) })).sort((a, b) => b.near - a.near);
    const { ids } = await collection.query({ queryEmbeddings: [Array.from(vector)], nResults: 10, include: ['distances'] });
    found += exact.slice(0, 10).filter(({ id }) => ids[0]!.includes(id)).length;
  }
  return found / (questions.length * 10);
}

test('search against the bare floor, LangChain.js, LlamaIndex.TS and full text alone', async () => {
  const { passages, questions } = evaluationSet('jaquad');
  const all = [...passages, ...scalePassages()];
  const size = all.length.toLocaleString('en');
  const queries = questions.map(({ query }) => query);
  let server = await serverWith('search', all, uncached);
  let running: Rival[] = [];
  const stopRivals = async () => {
    await Promise.all(running.map((rival) => rival.stop()));
    running = [];
  };
  try {
    const passagesFile = await exportPassages(server.dataDir);
    const memory = residentBytes(server.pid);
    let product = await startClient(server);
    let { rivals, systems } = await startRivals(chromaOf(server), passagesFile);
    running = [product.client, ...rivals];
    const warm = await new Warm([product.system, ...systems]).measure('search', size, queries);
    await reportMemory('search', size, [product.system, ...systems], server, queries);
    for (const name of ['langchain', 'llamaindex'])
      for (const way of ['one client, without a pause', 'one client, systems in turns', '8 clients', '32 clients'] as const)
        expect.soft(warm.perSecond(way, 'product'), `queries a second against ${name}, ${way}`).toBeGreaterThan(warm.perSecond(way, name));
    const nearest = await recall(server, questions.slice(-100));
    await stopRivals();

    await compareCold('search', size, server, passagesFile, queries);
    const ready: number[] = [];
    for (let start = 0; start < starts; start++) {
      await server.quit();
      ready.push(await timed(() => server.boot()));
    }
    await server.quit();

    server = await server.restarted(caching);
    product = await startClient(server);
    ({ rivals, systems } = await startRivals(chromaOf(server), passagesFile));
    running = [product.client, ...rivals];
    await compareCached('search', size, [product.system, ...systems], queries);

    const withoutPause = warm.slowness('one client, without a pause', 'product', 'floor');
    const inTurns = warm.slowness('one client, systems in turns', 'product', 'floor');
    const withEight = warm.throughput('8 clients', 'product', 'floor');
    reportFigures('search', 'ratios to the floor (median of rounds), recall, start, memory', [
      { figure: 'p50 with one client without a pause / floor', value: Number(withoutPause.toFixed(3)), wanted: '≤ 0.95' },
      { figure: 'p50 with one client in turns / floor', value: Number(inTurns.toFixed(3)), wanted: '≤ 0.95' },
      { figure: 'queries a second with 8 clients / floor', value: Number(withEight.toFixed(3)), wanted: '≥ 1.15' },
      { figure: 'queries a second with 32 clients / floor', value: Number(warm.throughput('32 clients', 'product', 'floor').toFixed(3)) },
      { figure: 'recall@10 of the vector index', value: Number(nearest.toFixed(4)), wanted: '≥ 0.98' },
      { figure: 'ready again after, ms', value: Math.round(median(ready)), wanted: '≤ 5000' },
      { figure: 'resident memory of all processes after the start, MB', value: Math.round((memory.server + memory.chroma + memory.readers) / 1e6) },
    ]);
    expect.soft(withoutPause).toBeLessThanOrEqual(0.95);
    expect.soft(withEight).toBeGreaterThanOrEqual(1.15);
    expect.soft(nearest).toBeGreaterThanOrEqual(0.98);
    expect.soft(median(ready)).toBeLessThanOrEqual(5000);
  } finally {
    await stopRivals();
    await server.quit();
  }
});
