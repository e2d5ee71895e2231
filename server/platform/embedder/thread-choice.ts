/** Queries of each kind in a trial: the two differ by more than a query's chance does. */
const trialSize = 9;
/** Queries from the first trial to the second, twice as many to the third, and so on: right after a start, much else is done. */
const firstPause = 30;
const longestPause = 120;
/** Several threads wait for more work by turning round, which takes a core from the others for as long again: what they gain has to be worth it. */
const worthwhile = 0.92;

const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/**
 * Whether a query on its own is done sooner by several threads or by one. That depends on the machine and on what else it does: by
 * two threads, one query took .6 of the time on two cores, and twice the time on the two halves of one. So from time to time
 * both are tried by turns, and compared by these queries alone: times of another hour tell nothing.
 */
export class ThreadChoice {
  /** Milliseconds of the trial's queries, by one thread and by several. */
  readonly #taken: Record<'one' | 'several', number[]> = { one: [], several: [] };
  #isBetter = false;
  #turn = false;
  /** Queries until the next trial; 0 in one. */
  #left = 0;
  #pause = firstPause;

  /** @returns whether the next query is for several threads */
  next(): boolean {
    if (this.#left === 0) return (this.#turn = !this.#turn);
    this.#left -= 1;
    return this.#isBetter;
  }

  took(bySeveral: boolean, ms: number): void {
    if (this.#left > 0) return;
    const { one, several } = this.#taken;
    (bySeveral ? several : one).push(ms);
    if (Math.min(one.length, several.length) < trialSize) return;
    this.#isBetter = median(several) < median(one) * worthwhile;
    one.length = several.length = 0;
    this.#left = this.#pause;
    this.#pause = Math.min(longestPause, this.#pause * 2);
  }
}
