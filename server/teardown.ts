import { type Logger } from './platform/logging/index.js';

/** Undoes what a start has done, newest first, whether it got to its end or not. */
export class Teardown {
  /** The start has begun to put a restored state in place. */
  restoring = false;
  readonly #steps: (() => unknown)[] = [];

  add(step: () => unknown): void {
    this.#steps.unshift(step);
  }

  async run(log: Logger): Promise<void> {
    for (const step of this.#steps.splice(0)) {
      try {
        await step();
      } catch (error) {
        log.error({ err: error }, 'a part could not be stopped');
      }
    }
  }
}
