import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { type CacheKindStatistics } from '../platform/cache/index.js';
import { type OperationRates, type ResponseRates } from '../platform/http/index.js';
import { latestValues } from '../platform/pubsub/index.js';
import { type SearchRates } from '../search/index.js';
import { type HostReading, type ProcessReading } from './host.js';
import { type SystemReading } from './sampler.js';

export interface Metrics {
  at: Date;
  process: { cpuShare: number; memoryBytes: number; heapBytes: number; uptimeMs: number };
  eventLoop: { delayP50Ms: number; delayP99Ms: number; delayMaxMs: number };
  library: { documents: number; chunks: number };
  queue: { queued: number; running: number; embedding: number };
  search: SearchRates;
  requests: OperationRates;
  responses: ResponseRates;
  cache: CacheFigures;
  host: HostReading | null;
  processes: ProcessReading[];
  sample: SystemReading['sample'];
}

export interface CacheFigures {
  backend: string;
  /** Since the start. */
  kinds: CacheKindStatistics[];
}

export interface MetricsSources {
  library: () => Promise<{ documents: number; chunks: number }>;
  queue: () => Promise<{ queued: number; running: number }>;
  embedding: () => number;
  search: () => SearchRates;
  requests: () => OperationRates;
  responses: () => ResponseRates;
  cache: () => CacheFigures;
  system: () => SystemReading;
}

const sampleEveryMs = 1000;
const countsEveryMs = 2000;
/** Longer than this a database that does not answer is not waited for. */
const longestCountMs = 1500;
type Counted = Pick<Metrics, 'library' | 'queue'>;
const toMs = (nanoseconds: number) => (Number.isFinite(nanoseconds) ? nanoseconds / 1e6 : 0);

/** Figures of this process and of the library, for liveMetrics. Processor and delay are of the last second. */
export class MetricsService {
  readonly #delay = monitorEventLoopDelay({ resolution: 10 });
  #cpu = process.cpuUsage();
  #cpuAt = performance.now();
  #cpuShare = 0;
  #eventLoop: Metrics['eventLoop'] = { delayP50Ms: 0, delayP99Ms: 0, delayMaxMs: 0 };
  #timer: NodeJS.Timeout | null = null;
  #counts: { at: number; value: Promise<Counted>; isPending: boolean } | null = null;
  #known: Counted | null = null;

  constructor(
    private readonly sources: MetricsSources,
    private readonly enabled: boolean,
  ) {}

  start(): void {
    if (!this.enabled) return;
    this.#delay.enable();
    this.#timer = setInterval(() => this.#sample(), sampleEveryMs).unref();
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#delay.disable();
  }

  #sample(): void {
    const now = performance.now();
    const { user, system } = process.cpuUsage(this.#cpu);
    this.#cpuShare = (user + system) / 1000 / (now - this.#cpuAt);
    this.#cpu = process.cpuUsage();
    this.#cpuAt = now;
    // The histogram measures the timer's whole period; what is above its resolution is delay.
    const beyond = (value: number) => Math.max(0, toMs(value) - 10);
    this.#eventLoop = { delayP50Ms: beyond(this.#delay.percentile(50)), delayP99Ms: beyond(this.#delay.percentile(99)), delayMaxMs: beyond(this.#delay.max) };
    this.#delay.reset();
  }

  async current(): Promise<Metrics> {
    const { library, queue } = await this.#countsInTime();
    const { rss, heapUsed } = process.memoryUsage();
    return {
      at: new Date(),
      process: { cpuShare: this.#cpuShare, memoryBytes: rss, heapBytes: heapUsed, uptimeMs: process.uptime() * 1000 },
      eventLoop: this.#eventLoop,
      library,
      queue: { ...queue, embedding: this.sources.embedding() },
      search: this.sources.search(),
      requests: this.sources.requests(),
      responses: this.sources.responses(),
      cache: this.sources.cache(),
      ...this.sources.system(),
    };
  }

  /** The figures now and every `intervalMs`. */
  async live(intervalMs: number): Promise<AsyncIterable<Metrics>> {
    const first = await this.current();
    return latestValues<Metrics>(
      (push) => {
        const timer = setInterval(() => void this.current().then(push, () => undefined), intervalMs);
        return () => clearInterval(timer);
      },
      { initial: [first] },
    );
  }

  /** What was counted last, where the database does not answer: the other figures are wanted then more than ever. */
  async #countsInTime(): Promise<Counted> {
    const known = this.#known;
    if (!known) return (this.#known = await this.#countsNow());
    const counted = this.#countsNow().then((value) => (this.#known = value));
    return Promise.race([counted, delay(longestCountMs, known, { ref: false })]).catch(() => known);
  }

  /** A thousand subscribers cost one count. */
  #countsNow(): Promise<Counted> {
    if (!this.#counts || (!this.#counts.isPending && Date.now() - this.#counts.at > countsEveryMs)) {
      const value = Promise.all([this.sources.library(), this.sources.queue()]).then(([library, queue]) => ({ library, queue: { ...queue, embedding: 0 } }));
      const counts = { at: Date.now(), value, isPending: true };
      value.then(
        () => (counts.isPending = false),
        () => (this.#counts = null),
      );
      this.#counts = counts;
    }
    return this.#counts.value;
  }
}
