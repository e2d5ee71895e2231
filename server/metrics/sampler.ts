import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { type Clock } from '../platform/clock.js';
import { type ResponseRates } from '../platform/http/index.js';
import { type Logger } from '../platform/logging/index.js';
import { type HostReader, type HostReading, type HostTotals, type ProcessReading } from './host.js';
import { type MetricsHistory } from './history.js';
import { type Metrics } from './metrics.service.js';
import { type SampleValues } from './series.js';

const longestReadingMs = 2000;

export interface Sample {
  at: Date;
  values: SampleValues;
}

export interface SamplerParts {
  host: Pick<HostReader, 'read' | 'processes'> & Partial<Pick<HostReader, 'totals'>>;
  history: MetricsHistory;
  current: () => Promise<Metrics>;
  /** Counters that only ever grow. */
  ingested: () => { chunks: number; failed: number };
  databaseBytes: () => Promise<number>;
  pendingWrites: () => number;
  webSockets: () => number;
  responses: () => ResponseRates;
  /** `refused` only ever grows. */
  limits: () => Promise<{ usedShare: number | null; refused: number }>;
  /** How long parts took to answer the last look at their health, milliseconds. */
  latencies: () => { database: number | null; vectorStore: number | null };
  clock: Clock;
  log: Logger;
}

/** Readings of what only ever grows. */
interface Counters {
  at: number;
  gcMs: number;
  chunks: number;
  failed: number;
  refused: number;
  /** By kind. */
  cache: Record<string, { hits: number; misses: number }>;
}

export interface SystemReading {
  host: HostReading | null;
  processes: ProcessReading[];
  /** Everything that is kept over time, as of the last sample. */
  sample: ({ at: Date } & SampleValues) | null;
}

/** Takes a sample of everything every few seconds, keeps it and hands it to whoever judges it. */
export class Sampler {
  #timer: NodeJS.Timeout | null = null;
  #taking: Promise<void> = Promise.resolve();
  #keeping = false;
  #kept: Promise<unknown> = Promise.resolve();
  #heard: Promise<unknown> = Promise.resolve();
  #gcMs = 0;
  #last: Counters = { at: performance.now(), gcMs: 0, chunks: 0, failed: 0, refused: 0, cache: {} };
  readonly #collections = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) this.#gcMs += duration;
  });
  readonly #listeners: ((sample: Sample) => unknown)[] = [];
  #system: SystemReading = { host: null, processes: [], sample: null };

  constructor(
    private readonly parts: SamplerParts,
    private readonly intervalMs: number,
  ) {}

  /** The machine and our processes as of the last sample. */
  get system(): SystemReading {
    return this.#system;
  }

  /** What has passed disk and network since the start, bytes. */
  totals(): HostTotals {
    return this.parts.host.totals?.() ?? { diskRead: 0, diskWrite: 0, received: 0, sent: 0 };
  }

  onSample(listener: (sample: Sample) => unknown): void {
    this.#listeners.push(listener);
  }

  /** One sample, now: for a clock that somebody drives. */
  sample(): Promise<void> {
    return this.#take().then(async () => {
      await this.#heard;
      await this.#kept;
    });
  }

  start(): void {
    this.#collections.observe({ entryTypes: ['gc'] });
    let busy = false;
    const tick = () => {
      // A sample that takes longer than its turn makes the next one wait, instead of piling up.
      if (busy) return;
      busy = true;
      this.#taking = this.#take()
        .catch((error: unknown) => this.parts.log.error({ err: error }, 'a sample of the metrics could not be taken'))
        .finally(() => (busy = false));
    };
    tick();
    this.#timer = setInterval(tick, this.intervalMs).unref();
  }

  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    this.#collections.disconnect();
    await this.#taking;
    await this.#heard;
    await this.#kept;
  }

  async #take(): Promise<void> {
    const { parts } = this;
    // The machine is judged even while the database does not answer.
    const [metrics, host, processes, databaseBytes, limits] = await Promise.all([
      inTime(parts.current()),
      parts.host.read(),
      parts.host.processes(),
      inTime(parts.databaseBytes()),
      parts.limits(),
    ]);
    this.#system = { ...this.#system, host, processes };
    const at = parts.clock.now();
    const cache = Object.fromEntries((metrics?.cache.kinds ?? []).map(({ kind, hits, misses }) => [kind, { hits, misses }]));
    const now: Counters = { at: performance.now(), gcMs: this.#gcMs, ...parts.ingested(), refused: limits.refused, cache: { ...this.#last.cache, ...cache } };
    const seconds = Math.max(0.001, (now.at - this.#last.at) / 1000);
    const own = process.memoryUsage();
    const lookedUp = (kind: string, result: 'hits' | 'misses') =>
      metrics ? Math.max(0, (now.cache[kind]?.[result] ?? 0) - (this.#last.cache[kind]?.[result] ?? 0)) / seconds : null;
    // Nobody searched: no way of answering has a share.
    const answeredBy = (mode: string) => (metrics?.search.modes.length ? (metrics.search.modes.find((one) => one.mode === mode)?.share ?? 0) : null);
    const [responses, latencies] = [parts.responses(), parts.latencies()];
    const values: SampleValues = {
      ...host,
      cpuShare: metrics?.process.cpuShare ?? null,
      memoryBytes: own.rss,
      heapBytes: own.heapUsed,
      allMemoryBytes: processes.length > 0 ? processes.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0) : null,
      eventLoopDelayP99Ms: metrics?.eventLoop.delayP99Ms ?? null,
      gcShare: (now.gcMs - this.#last.gcMs) / 1000 / seconds,
      requestsPerSecond: metrics?.requests.perSecond ?? null,
      requestP50Ms: metrics?.requests.p50Ms ?? null,
      requestP95Ms: metrics?.requests.p95Ms ?? null,
      errorShare: metrics?.requests.failedShare ?? null,
      searchesPerSecond: metrics?.search.perSecond ?? null,
      searchP50Ms: metrics?.search.p50Ms ?? null,
      searchP95Ms: metrics?.search.p95Ms ?? null,
      searchP99Ms: metrics?.search.p99Ms ?? null,
      searchCachedShare: metrics?.search.cachedShare ?? null,
      searchEmptyShare: metrics?.search.emptyShare ?? null,
      jobsQueued: metrics?.queue.queued ?? null,
      jobsRunning: metrics?.queue.running ?? null,
      embeddingQueued: metrics?.queue.embedding ?? null,
      chunksPerSecond: (now.chunks - this.#last.chunks) / seconds,
      ingestionsFailedPerSecond: (now.failed - this.#last.failed) / seconds,
      documents: metrics?.library.documents ?? null,
      chunks: metrics?.library.chunks ?? null,
      databaseBytes,
      pendingWrites: parts.pendingWrites(),
      webSockets: parts.webSockets(),
      responsesPerSecond: responses.perSecond,
      responseP95Ms: responses.p95Ms,
      responseErrorShare: responses.failedShare,
      databaseLatencyMs: latencies.database,
      vectorStoreLatencyMs: latencies.vectorStore,
      embeddingLatencyMs: metrics?.search.embedP50Ms ?? null,
      limitUsedShare: limits.usedShare,
      sampledShare: 1,
      refusalsPerSecond: (now.refused - this.#last.refused) / seconds,
      requestP99Ms: metrics?.requests.p99Ms ?? null,
      searchHybridShare: answeredBy('HYBRID'),
      searchSemanticShare: answeredBy('SEMANTIC'),
      searchKeywordShare: answeredBy('KEYWORD'),
      searchCacheHitsPerSecond: lookedUp('search', 'hits'),
      searchCacheMissesPerSecond: lookedUp('search', 'misses'),
      embeddingCacheHitsPerSecond: lookedUp('embedding', 'hits'),
      embeddingCacheMissesPerSecond: lookedUp('embedding', 'misses'),
      metadataCacheHitsPerSecond: lookedUp('metadata', 'hits'),
      metadataCacheMissesPerSecond: lookedUp('metadata', 'misses'),
    };
    this.#last = now;
    this.#system = { ...this.#system, sample: { at, ...values } };
    // Not waited for either: what one of them does must not keep the next sample from being taken.
    this.#heard = Promise.allSettled(this.#listeners.map((listener) => listener({ at, values })));
    // Not waited for: while the database is tidied, the machine is watched all the same.
    if (this.#keeping) return;
    this.#keeping = true;
    const kept = parts.history.add(at, values).finally(() => (this.#keeping = false));
    this.#kept = kept.catch((error: unknown) => parts.log.error({ err: error }, 'a sample of the metrics could not be kept'));
  }
}

/** What does not come, or not in time, is unknown: a database that hangs must not blind whoever watches the machine. */
function inTime<T>(reading: Promise<T>): Promise<T | null> {
  const unknown = delay(longestReadingMs, null, { ref: false });
  return Promise.race([reading.catch(() => null), unknown]);
}
