import { AppError } from '../platform/errors.js';
import { type Logger } from '../platform/logging/index.js';
import { type IndexMirror } from './index-mirror.js';
import { type KnowledgeIndex } from './knowledge-index.js';

const retryMs = 500;
/** Counting takes a while in a large library: health asked in a row counts once. */
const countsAgeMs = 5000;

/**
 * Keeps the vector index and the passages that answer the same: what ChromaDB has lost (a collection dropped by hand, a
 * new directory, a restored database) is put back from the database without embedding anything again, and vectors of
 * passages that no longer exist are taken away.
 */
export class IndexRepair {
  #missing = 0;
  #unembedded = 0;
  #running: Promise<void> | null = null;
  #again = false;
  #lookedAt = 0;
  readonly #stop = new AbortController();

  constructor(
    private readonly index: KnowledgeIndex,
    private readonly mirror: IndexMirror,
    private readonly log: Logger,
  ) {}

  /** Vectors known to be missing and not put back yet. */
  get missing(): number {
    return this.#missing;
  }

  /** Passages that have no vector in the database either: only embedding them again helps. */
  get unembedded(): number {
    return this.#unembedded;
  }

  /** Compares now, and whenever ChromaDB comes back or a collection is found to be gone. */
  start(): void {
    const { vectors } = this.index;
    vectors.onAvailabilityChange((available) => available && this.run());
    vectors.onCollectionLost((collection) => collection === this.index.active.collection && this.run());
    if (vectors.available) this.run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Compares the numbers only, and repairs where vectors are missing. Throws AppError UNAVAILABLE while ChromaDB is down. */
  async look(): Promise<void> {
    if (Date.now() - this.#lookedAt < countsAgeMs) return this.index.vectors.ping();
    this.#lookedAt = Date.now();
    // In this order: a passage's vector is there before it counts, and goes after it has stopped to count.
    const expected = await this.mirror.expected();
    const lacking = expected - this.#unembedded - (await this.index.vectors.count(this.index.active.collection));
    if (lacking <= 0) return;
    // Said at once: the run that follows counts for itself.
    this.#missing ||= lacking;
    this.run();
  }

  /** Compares and repairs in the background; a call during a run makes another one follow. */
  run(): void {
    this.#again = true;
    this.#running ??= this.#untilWell().finally(() => (this.#running = null));
  }

  async #untilWell(): Promise<void> {
    const { signal } = this.#stop;
    while (this.#again && !signal.aborted) {
      this.#again = false;
      try {
        await this.index.vectors.whenAvailable(signal);
        await this.#repair(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof AppError && error.code === 'UNAVAILABLE')) {
          this.log.error({ err: error }, 'the vector index could not be compared with the database');
          return;
        }
        this.#again = true; // It went away meanwhile.
        await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    }
  }

  async #repair(signal: AbortSignal): Promise<void> {
    const { active } = this.index;
    await this.index.ensureCollection();
    this.#unembedded = 0;
    await this.mirror.bring(active, signal, (missing, unembedded) => {
      this.#missing = missing;
      this.#unembedded = unembedded;
    });
  }
}
