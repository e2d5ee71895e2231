export interface SearchRates {
  /** Searches a second, over the last minute. */
  perSecond: number;
  p50Ms: number | null;
  p95Ms: number | null;
  p99Ms: number | null;
  total: number;
  cachedShare: number | null;
  emptyShare: number | null;
}

interface Sample {
  at: number;
  tookMs: number;
  cached: boolean;
  empty: boolean;
}

const windowMs = 60_000;
const mostSamples = 5000;

/** Rate and latency of searches over the last minute. */
export class SearchMeter {
  #samples: Sample[] = [];
  #total = 0;
  readonly #listeners: ((search: Omit<Sample, 'at'>) => void)[] = [];

  onSearch(listener: (search: Omit<Sample, 'at'>) => void): void {
    this.#listeners.push(listener);
  }

  record(sample: Omit<Sample, 'at'>): void {
    for (const listener of this.#listeners) listener(sample);
    this.#total += 1;
    this.#samples.push({ ...sample, at: Date.now() });
    if (this.#samples.length > mostSamples) this.#samples = this.#samples.slice(-mostSamples / 2);
  }

  rates(): SearchRates {
    const since = Date.now() - windowMs;
    const recent = this.#samples.filter((sample) => sample.at > since);
    const sorted = recent.map((sample) => sample.tookMs).sort((a, b) => a - b);
    const percentile = (share: number) => (sorted.length === 0 ? null : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!);
    const shareOf = (test: (sample: Sample) => boolean) => (recent.length === 0 ? null : recent.filter(test).length / recent.length);
    return {
      perSecond: recent.length / (windowMs / 1000),
      p50Ms: percentile(0.5),
      p95Ms: percentile(0.95),
      p99Ms: percentile(0.99),
      total: this.#total,
      cachedShare: shareOf((sample) => sample.cached),
      emptyShare: shareOf((sample) => sample.empty),
    };
  }
}
