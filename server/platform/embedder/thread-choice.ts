/** Queries of each kind in a trial: the two differ by more than a query's chance does. */
const trialSize = 9;
/** Queries from the first trial to the second, twice as many to the third, and so on: right after a start, much else is done. */
const firstPause = 30;
const longestPause = 120;
/** Several threads wait for more work by turning round, which takes a core from the others for as long again: what they gain has to be worth it. */
const worthwhile = 0.92;
/** What the latest trial counts against those before it: a machine's moods make one of them say what the next denies. */
const latestShare = 0.5;

const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/**
 * Whether a query on its own is done sooner by several threads or by one. That depends on the machine and on what else it does: by
 * two threads, one query took .6 of the time on two cores, and twice the time on the two halves of one. So from time to time
 * both are tried by turns, and compared with each other alone: times of another hour tell nothing.
 */
export class ThreadChoice {
  /** Milliseconds of the trial's queries, by one thread and by several. */
  readonly #taken: Record<'one' | 'several', number[]> = { one: [], several: [] };
  #isBetter = false;
  /** Time by several threads by that by one, its logarithm, over the trials so far. */
  #ratio: number | null = null;
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
    const latest = Math.log(median(several) / median(one));
    this.#ratio = this.#ratio === null ? latest : this.#ratio + (latest - this.#ratio) * latestShare;
    this.#isBetter = this.#ratio < Math.log(worthwhile);
    one.length = several.length = 0;
    this.#left = this.#pause;
    this.#pause = Math.min(longestPause, this.#pause * 2);
  }
}
