import { setImmediate as nextTurn } from 'node:timers/promises';

/** A step in the background stands back for so long at the most: where answers never cease, it goes on all the same, for what it reads makes them faster. */
const longestMs = 15;

/** Lets work that nobody waits for stand back, step by step, while somebody is being answered. */
export class Lull {
  #answering = 0;
  readonly #waiting = new Set<() => void>();

  /** Counts as being answered until the promise is settled. */
  async during<T>(answer: () => Promise<T>): Promise<T> {
    this.#answering += 1;
    try {
      return await answer();
    } finally {
      this.#answering -= 1;
      if (this.#answering === 0) for (const go of this.#waiting) go();
    }
  }

  /** To be awaited before each step of some milliseconds. */
  async come(): Promise<void> {
    await nextTurn();
    if (this.#answering === 0) return;
    await new Promise<void>((resolve) => {
      const go = () => {
        clearTimeout(timer);
        this.#waiting.delete(go);
        resolve();
      };
      const timer = setTimeout(go, longestMs);
      this.#waiting.add(go);
    });
  }
}
