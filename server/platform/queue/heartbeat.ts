/** How often a job that tells nothing else says that it lives. */
const beatMs = 20_000;
/** Work that tells nothing on its way for so long is taken for stuck: no single statement, archive or proof should take longer. */
const longestQuietMs = 3_600_000;

/** Says that a job lives: for as long as it waits for its turn, and then for an hour, in which its work may be silent. */
export class Heartbeat {
  #beginsAt: number | null = null;
  readonly #timer: NodeJS.Timeout;

  /** @param beat tells it, as a report without news */
  constructor(beat: () => void) {
    this.#timer = setInterval(() => {
      if (this.#beginsAt === null || Date.now() - this.#beginsAt < longestQuietMs) beat();
    }, beatMs).unref();
  }

  /** Its turn has come, or it has told of itself. */
  begin(): void {
    this.#beginsAt = Date.now();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
