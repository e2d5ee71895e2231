import { type Latencies, RollingWindow } from '../platform/metering/index.js';

export interface SearchRates extends Latencies {
  /** Searches a second, over the last minute. */
  perSecond: number;
  total: number;
  cachedShare: number | null;
  emptyShare: number | null;
}

export interface MeasuredSearch {
  tookMs: number;
  cached: boolean;
  empty: boolean;
}

/** Rate and latency of searches over the last minute. */
export class SearchMeter {
  readonly #window = new RollingWindow<MeasuredSearch>();
  #total = 0;
  readonly #listeners: ((search: MeasuredSearch) => void)[] = [];

  onSearch(listener: (search: MeasuredSearch) => void): void {
    this.#listeners.push(listener);
  }

  record(search: MeasuredSearch): void {
    for (const listener of this.#listeners) listener(search);
    this.#total += 1;
    this.#window.add(search);
  }

  rates(): SearchRates {
    const { perSecond, latencies, shareOf } = this.#window.read();
    return { perSecond, ...latencies, total: this.#total, cachedShare: shareOf(({ cached }) => cached), emptyShare: shareOf(({ empty }) => empty) };
  }
}
