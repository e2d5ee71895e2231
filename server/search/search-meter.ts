import { type Latencies, RollingWindow } from '../platform/metering/index.js';
import { ProfileStep } from './profile.js';

export interface SearchRates extends Latencies {
  /** Searches a second, over the last minute. */
  perSecond: number;
  total: number;
  cachedShare: number | null;
  emptyShare: number | null;
  /** Median time in which the model turned a query into its vector; null where none was asked. */
  embedP50Ms: number | null;
  /** As they were answered, each with its share, 0..1. */
  modes: { mode: string; share: number }[];
}

export interface MeasuredSearch {
  tookMs: number;
  /** As it was answered: HYBRID becomes KEYWORD where the model or the vectors are away. */
  mode: string;
  /** Where its time went; steps that a kept answer did not take are missing. */
  steps: { step: ProfileStep; ms: number }[];
  cached: boolean;
  empty: boolean;
}

const modes = ['HYBRID', 'SEMANTIC', 'KEYWORD'];

/** Rate and latency of searches over the last minute. */
export class SearchMeter {
  readonly #window = new RollingWindow<MeasuredSearch>();
  readonly #embedded = new RollingWindow<{ tookMs: number }>();
  #total = 0;
  readonly #listeners: ((search: MeasuredSearch) => void)[] = [];

  onSearch(listener: (search: MeasuredSearch) => void): void {
    this.#listeners.push(listener);
  }

  /** Counts it once its answer is on its way. */
  record(search: MeasuredSearch): void {
    setImmediate(() => this.#count(search));
  }

  #count(search: MeasuredSearch): void {
    for (const listener of this.#listeners) listener(search);
    this.#total += 1;
    this.#window.add(search);
    const embedded = search.steps.find(({ step }) => step === ProfileStep.EMBED);
    if (embedded) this.#embedded.add({ tookMs: embedded.ms });
  }

  rates(): SearchRates {
    const { perSecond, latencies, shareOf } = this.#window.read();
    return {
      perSecond,
      ...latencies,
      total: this.#total,
      cachedShare: shareOf(({ cached }) => cached),
      emptyShare: shareOf(({ empty }) => empty),
      embedP50Ms: this.#embedded.read().latencies.p50Ms,
      modes: modes.flatMap((mode) => {
        const share = shareOf((search) => search.mode === mode);
        return share ? [{ mode, share }] : [];
      }),
    };
  }
}
