import { type TestServer } from '../support/server.js';
import { chromaOf, percentile } from './floor.js';
import { residentBytes } from './product.js';
import { report } from './report.js';
import { Rival, type Run } from './rival.js';

const rounds = 5;
const perRound = 60;
/** Until compilers and caches of all systems are done. */
const warmingUp = 150;
const coldStarts = 3;
const together = [8, 32];

export const rivalNames = ['floor', 'langchain', 'llamaindex', 'fts5'] as const;
export type SystemName = 'product' | (typeof rivalNames)[number];

const labels: Record<SystemName, string> = {
  product: 'ERPFTS: hybrid, with text, by GraphQL over HTTP',
  floor: 'floor: pipeline() + chromadb client, ids only',
  langchain: 'LangChain.js with Chroma',
  llamaindex: 'LlamaIndex.TS with Chroma',
  fts5: 'SQLite FTS5 alone, trigrams',
};

export interface System {
  name: string;
  label: string;
  run: (queries: string[], clients: number) => Promise<Run>;
}

/** Queries a second, and milliseconds, of one system in one round. */
interface Measured {
  times: number[];
  perSecond: number;
}

type Way = 'one client, without a pause' | 'one client, systems in turns' | `${number} clients`;

export const median = (values: number[]) => percentile(values, 0.5);

/** A client of the product, in a process of its own as the rivals are. */
export async function startClient(server: TestServer, fewestHits?: number): Promise<{ client: Rival; system: System }> {
  Rival.install();
  const client = await Rival.start('product', new URL(server.url), '', { key: server.key, mostClients: Math.max(...together), fewestHits });
  return { client, system: { name: 'product', label: labels.product, run: (queries, clients) => client.run(queries, clients) } };
}

/** Starts what the product is compared with; the first time, it fills stores of its own. */
export async function startRivals(chroma: URL, passagesFile: string): Promise<{ rivals: Rival[]; systems: System[] }> {
  Rival.install();
  const rivals: Rival[] = [];
  const systems: System[] = [];
  for (const name of rivalNames) {
    const rival = await Rival.start(name, chroma, passagesFile);
    rivals.push(rival);
    systems.push({ name, label: labels[name], run: (queries, clients) => rival.run(queries, clients) });
  }
  return { rivals, systems };
}

/**
 * One client whose queries are far between: the systems take turns query by query. Each finds its threads asleep and its
 * weights out of the processor's caches, as the other models' have taken their place.
 */
async function inTurns(systems: System[], queries: string[]): Promise<Map<string, Measured>> {
  const found = new Map(systems.map(({ name }) => [name, [] as number[]]));
  for (const query of queries) for (const { name, run } of systems) found.get(name)!.push(...(await run([query], 1)).times);
  return new Map([...found].map(([name, times]) => [name, { times, perSecond: 1000 / (times.reduce((sum, ms) => sum + ms, 0) / times.length) }]));
}

/** Clients that ask without a pause: a block of queries for each system after the other. */
async function inBlocks(systems: System[], queries: string[], clients: number): Promise<Map<string, Measured>> {
  const found = new Map<string, Measured>();
  for (const { name, run } of systems) {
    const { times, tookMs } = await run(queries, clients);
    found.set(name, { times, perSecond: (times.length / tookMs) * 1000 });
  }
  return found;
}

function table(systems: System[], found: Map<string, Measured[]>) {
  return systems.map(({ name, label }) => {
    const measured = found.get(name)!;
    const times = measured.flatMap((one) => one.times);
    return {
      system: label,
      'p50 ms': Number(median(times).toFixed(2)),
      'p95 ms': Number(percentile(times, 0.95).toFixed(2)),
      'p99 ms': Number(percentile(times, 0.99).toFixed(2)),
      'queries/s': Number(median(measured.map((one) => one.perSecond)).toFixed(1)),
    };
  });
}

/** What all systems took, round by round. */
export class Warm {
  readonly #ways = new Map<Way, Map<string, Measured[]>>();

  constructor(private readonly systems: System[]) {}

  /** Every query once, none seen before: with one client in blocks and in turns, then with more. Who begins, changes. */
  async measure(bench: string, passages: string, queries: string[]): Promise<this> {
    const { systems } = this;
    await inTurns(systems, queries.slice(0, warmingUp));
    const ways: { way: Way; clients: number; measure: typeof inBlocks }[] = [
      { way: 'one client, without a pause', clients: 1, measure: inBlocks },
      { way: 'one client, systems in turns', clients: 1, measure: inTurns },
      ...together.map((clients) => ({ way: `${clients} clients` as const, clients, measure: inBlocks })),
    ];
    for (const { way, clients, measure } of ways) {
      const all = new Map(systems.map(({ name }) => [name, [] as Measured[]]));
      for (let round = 0; round < rounds; round++) {
        const part = queries.slice(warmingUp + round * perRound, warmingUp + (round + 1) * perRound);
        const first = round % systems.length;
        const measured = await measure([...systems.slice(first), ...systems.slice(0, first)], part, clients);
        for (const [name, one] of measured) all.get(name)!.push(one);
      }
      this.#ways.set(way, all);
      report(bench, `${passages} passages, no cache, ${way}`, table(systems, all));
    }
    return this;
  }

  #of(way: Way, name: string): Measured[] {
    return this.#ways.get(way)!.get(name)!;
  }

  /** Median of the rounds' p50 of one system by another's. */
  slowness(way: Way, name: string, other: string): number {
    return median(this.#of(way, name).map(({ times }, round) => median(times) / median(this.#of(way, other)[round]!.times)));
  }

  /** Median of the rounds' queries a second of one system by another's. */
  throughput(way: Way, name: string, other: string): number {
    return median(this.#of(way, name).map(({ perSecond }, round) => perSecond / this.#of(way, other)[round]!.perSecond));
  }

  perSecond(way: Way, name: string): number {
    return median(this.#of(way, name).map(({ perSecond }) => perSecond));
  }

  p95(way: Way, name: string): number {
    return percentile(
      this.#of(way, name).flatMap(({ times }) => times),
      0.95,
    );
  }
}

/** Resident memory: a system's own processes, and ChromaDB, which keeps what all of them have put there. */
export async function reportMemory(bench: string, passages: string, systems: System[], server: TestServer, queries: string[]): Promise<void> {
  const { server: ours, chroma, readers } = residentBytes(server.pid);
  const rows = [];
  for (const { name, label, run } of systems) {
    const own = name === 'product' ? ours + readers : (await run(queries.slice(0, 1), 1)).residentBytes;
    rows.push({
      system: label,
      'own MB': Math.round(own / 1e6),
      'ChromaDB MB': name === 'fts5' ? 0 : Math.round(chroma / 1e6),
    });
  }
  report(bench, `${passages} passages, resident memory`, rows);
}

/** The first query after a start, each system with a ChromaDB that has just started, too. Leaves the server running. */
export async function compareCold(
  bench: string,
  passages: string,
  server: TestServer,
  passagesFile: string,
  queries: string[],
  fewestHits?: number,
): Promise<void> {
  const rows = [];
  for (const name of ['product', ...rivalNames] as const) {
    const times: number[] = [];
    for (let start = 0; start < coldStarts; start++) {
      await server.quit();
      await server.boot();
      const query = [queries[start]!];
      const rival = name === 'product' ? (await startClient(server, fewestHits)).client : await Rival.start(name, chromaOf(server), passagesFile);
      times.push(...(await rival.run(query, 1)).times);
      await rival.stop();
    }
    rows.push({ system: labels[name], 'first query, ms': Number(median(times).toFixed(1)) });
  }
  report(bench, `${passages} passages, first query after a start (median of ${coldStarts})`, rows);
}

/** Queries that have been asked before; only the product keeps answers. */
export async function compareCached(bench: string, passages: string, systems: System[], queries: string[]): Promise<void> {
  const part = queries.slice(warmingUp, warmingUp + perRound);
  await inBlocks(systems, part, 1);
  for (const clients of [1, ...together]) {
    const all = new Map(systems.map(({ name }) => [name, [] as Measured[]]));
    for (let round = 0; round < rounds; round++) for (const [name, one] of await inBlocks(systems, part, clients)) all.get(name)!.push(one);
    report(bench, `${passages} passages, asked before, ${clients === 1 ? 'one client' : `${clients} clients`}`, table(systems, all));
  }
}

/** Figures that are not compared with other systems. */
export function reportFigures(bench: string, what: string, figures: { figure: string; value: number; wanted?: string }[]): void {
  report(
    bench,
    what,
    figures.map(({ figure, value, wanted = '' }) => ({ figure, value, wanted })),
  );
}
