const windowSize = 25;
/** Queries of each kind before the first choice: the two differ by more than a query's chance does. */
const trials = 7;
const tryEvery = 40;
/** Several threads wait for more work by turning round, which takes a core from the others for as long again: what they gain has to be worth it. */
const worthwhile = 0.85;

const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/**
 * Whether a query on its own is done sooner by several threads or by one. That depends on the machine and on what else it does: by
 * two threads, one query took .6 of the time on two cores, and twice the time on the two halves of one. So both are tried by
 * turns, and from then on the other one now and then.
 */
export class ThreadChoice {
  /** Milliseconds of the latest queries, by one thread and by several. */
  readonly #taken: Record<'one' | 'several', number[]> = { one: [], several: [] };
  #asked = 0;

  /** @returns whether the next query is for several threads */
  next(): boolean {
    const { one, several } = this.#taken;
    this.#asked += 1;
    if (Math.min(one.length, several.length) < trials) return several.length <= one.length;
    const better = median(several) < median(one) * worthwhile;
    return this.#asked % tryEvery === 0 ? !better : better;
  }

  took(bySeveral: boolean, ms: number): void {
    const taken = this.#taken[bySeveral ? 'several' : 'one'];
    taken.push(ms);
    if (taken.length > windowSize) taken.shift();
  }
}
