import { ChromaClient } from 'chromadb';
import { expect, test } from 'vitest';
import { evaluationSet, type Question, scalePassages } from '../support/evaluation.js';
import { type TestServer } from '../support/server.js';
import { barePipeline, chromaOf, percentile, timed } from './floor.js';
import { exportPassages, serverWith, storedPassages, uncached } from './library.js';
import { Product, residentBytes } from './product.js';
import { report } from './report.js';
import { Rival, type Run } from './rival.js';

const rounds = 5;
const perRound = 60;
const together = [8, 32];
const rivalNames = ['floor', 'langchain', 'llamaindex', 'fts5'] as const;
const labels: Record<string, string> = {
  product: 'ERPFTS: hybrid, with text, by GraphQL over HTTP',
  floor: 'floor: pipeline() + chromadb client, ids only',
  langchain: 'LangChain.js with Chroma',
  llamaindex: 'LlamaIndex.TS with Chroma',
  fts5: 'SQLite FTS5 alone, trigrams',
};

interface System {
  name: string;
  run: (queries: string[], clients: number) => Promise<Run>;
}

/** Queries a second, and milliseconds, of one system in one round. */
interface Measured {
  times: number[];
  perSecond: number;
}

const median = (values: number[]) => percentile(values, 0.5);

/**
 * One client whose queries are far between: the systems take turns query by query. Each finds its threads asleep and its
 * weights out of the processor's caches, as the other models' have taken their place.
 */
async function inTurns(systems: System[], queries: string[]): Promise<Map<string, Measured>> {
  const found = new Map(systems.map(({ name }) => [name, [] as number[]]));
  for (const query of queries) for (const { name, run } of systems) found.get(name)!.push(...(await run([query], 1)).times);
  return new Map([...found].map(([name, times]) => [name, { times, perSecond: 1000 / (times.reduce((sum, ms) => sum + ms, 0) / times.length) }]));
}

/** Clients that ask without a pause: a block of queries for each system after the other, from another one on each round. */
async function inBlocks(systems: System[], queries: string[], clients: number): Promise<Map<string, Measured>> {
  const found = new Map<string, Measured>();
  for (const { name, run } of systems) {
    const { times, tookMs } = await run(queries, clients);
    found.set(name, { times, perSecond: (times.length / tookMs) * 1000 });
  }
  return found;
}

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
  const server = await serverWith('search', [...passages, ...scalePassages()], uncached);
  const product = new Product(server, Math.max(...together));
  const rivals: Rival[] = [];
  try {
    Rival.install();
    const passagesFile = await exportPassages(server.dataDir);
    const systems: System[] = [{ name: 'product', run: (queries, clients) => product.run(queries, clients) }];
    for (const name of rivalNames) {
      const rival = await Rival.start(name, chromaOf(server), passagesFile);
      rivals.push(rival);
      systems.push({ name, run: (queries, clients) => rival.run(queries, clients) });
    }
    const queries = questions.map(({ query }) => query);
    await inTurns(systems, queries.slice(0, 30));
    const ways = [
      { way: 'one client, without a pause', clients: 1, measure: inBlocks },
      { way: 'one client, systems in turns', clients: 1, measure: inTurns },
      ...together.map((clients) => ({ way: `${clients} clients`, clients, measure: inBlocks })),
    ];
    const ratios = new Map<string, number[]>(ways.map(({ way }) => [way, []]));
    for (const { way, clients, measure } of ways) {
      const all = new Map(systems.map(({ name }) => [name, [] as Measured[]]));
      for (let round = 0; round < rounds; round++) {
        const part = queries.slice(30 + round * perRound, 30 + (round + 1) * perRound);
        const first = round % systems.length;
        const measured = await measure([...systems.slice(first), ...systems.slice(0, first)], part, clients);
        for (const [name, one] of measured) all.get(name)!.push(one);
        const [ours, floor] = [measured.get('product')!, measured.get('floor')!];
        ratios.get(way)!.push(clients === 1 ? median(ours.times) / median(floor.times) : ours.perSecond / floor.perSecond);
      }
      const what = `${passages.length + scalePassages().length} passages, no cache, ${way}`;
      const rows = [...all].map(([name, found]) => {
        const times = found.flatMap((one) => one.times);
        return {
          system: labels[name]!,
          'p50 ms': Number(median(times).toFixed(2)),
          'p95 ms': Number(percentile(times, 0.95).toFixed(2)),
          'p99 ms': Number(percentile(times, 0.99).toFixed(2)),
          'queries/s': Number(median(found.map((one) => one.perSecond)).toFixed(1)),
        };
      });
      report('search', what, rows);
      const ours = median(all.get('product')!.map((one) => one.perSecond));
      for (const name of ['langchain', 'llamaindex'])
        expect.soft(ours, `queries a second against ${name}`).toBeGreaterThan(median(all.get(name)!.map((one) => one.perSecond)));
    }
    const ratio = (way: string) => Number(median(ratios.get(way)!).toFixed(3));
    const memory = residentBytes(server.pid);
    const nearest = await recall(server, questions.slice(-100));
    await server.quit();
    const readyMs = await timed(() => server.boot());
    report('search', 'ratios to the floor (median of rounds), recall, start, memory', [
      { figure: 'p50 with one client without a pause / floor', value: ratio('one client, without a pause'), wanted: '≤ 0.95' },
      { figure: 'p50 with one client in turns / floor', value: ratio('one client, systems in turns'), wanted: '≤ 0.95' },
      { figure: 'queries a second with 8 clients / floor', value: ratio('8 clients'), wanted: '≥ 1.15' },
      { figure: 'queries a second with 32 clients / floor', value: ratio('32 clients'), wanted: '' },
      { figure: 'recall@10 of the vector index', value: Number(nearest.toFixed(4)), wanted: '≥ 0.98' },
      { figure: 'ready again after, ms', value: Math.round(readyMs), wanted: '≤ 5000' },
      { figure: 'resident memory of the server, MB', value: Math.round(memory.server / 1024 ** 2), wanted: '' },
      { figure: 'resident memory of ChromaDB, MB', value: Math.round(memory.children / 1024 ** 2), wanted: '' },
    ]);
    expect.soft(ratio('one client, without a pause')).toBeLessThanOrEqual(0.95);
    expect.soft(ratio('8 clients')).toBeGreaterThanOrEqual(1.15);
    expect.soft(nearest).toBeGreaterThanOrEqual(0.98);
    expect.soft(readyMs).toBeLessThanOrEqual(5000);
  } finally {
    await Promise.all([product.stop(), ...rivals.map((rival) => rival.stop())]);
    await server.quit();
  }
});
