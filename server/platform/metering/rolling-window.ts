export interface Latencies {
  p50Ms: number | null;
  p95Ms: number | null;
  p99Ms: number | null;
}

interface Timed {
  /** Null where its time says nothing. */
  tookMs: number | null;
}

interface Reading<Sample> {
  perSecond: number;
  latencies: Latencies;
  shareOf: (test: (sample: Sample) => boolean) => number | null;
}

const windowMs = 60_000;
const mostSamples = 5000;

/** What happened in the last minute: how often, how fast, and which share had some property. */
export class RollingWindow<Sample extends Timed> {
  #samples: { at: number; sample: Sample }[] = [];

  add(sample: Sample): void {
    this.#samples.push({ at: Date.now(), sample });
    if (this.#samples.length > mostSamples) this.#samples = this.#samples.slice(-mostSamples / 2);
  }

  /** The last minute at this moment. Beyond 5000 samples a minute the newest of them stand for all but the rate. */
  read(): Reading<Sample> {
    const { recent, spanMs } = this.#recent();
    return readingOf(recent, spanMs);
  }

  /** The same by the name that `nameOf` gives each of them. */
  readBy(nameOf: (sample: Sample) => string): Map<string, Reading<Sample>> {
    const { recent, spanMs } = this.#recent();
    const groups = new Map<string, Sample[]>();
    for (const sample of recent) {
      const name = nameOf(sample);
      const group = groups.get(name);
      if (group) group.push(sample);
      else groups.set(name, [sample]);
    }
    return new Map([...groups].map(([name, group]) => [name, readingOf(group, spanMs)]));
  }

  #recent(): { recent: Sample[]; spanMs: number } {
    const since = Date.now() - windowMs;
    const dropped = this.#samples[0] && this.#samples.length > mostSamples / 2 ? this.#samples[0].at : 0;
    const recent = this.#samples.flatMap(({ at, sample }) => (at > since ? [sample] : []));
    return { recent, spanMs: dropped > since ? Math.max(1, Date.now() - dropped) : windowMs };
  }
}

function readingOf<Sample extends Timed>(samples: Sample[], spanMs: number): Reading<Sample> {
  const sorted = samples.flatMap(({ tookMs }) => tookMs ?? []).sort((a, b) => a - b);
  const percentile = (share: number) => (sorted.length === 0 ? null : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!);
  return {
    perSecond: samples.length / (spanMs / 1000),
    latencies: { p50Ms: percentile(0.5), p95Ms: percentile(0.95), p99Ms: percentile(0.99) },
    shareOf: (test) => (samples.length === 0 ? null : samples.filter(test).length / samples.length),
  };
}
