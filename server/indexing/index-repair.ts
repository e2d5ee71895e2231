import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../platform/errors.js';
import { type Logger } from '../platform/logging/index.js';
import { CollectionLost } from '../platform/vector-index/index.js';
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
  /** When both sides were last counted, and ChromaDB lacked nothing. */
  #wholeAt = 0;
  #looking: Promise<void> | null = null;
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
    vectors.onCollectionLost((collection) => {
      if (collection !== this.index.active.collection) return;
      this.#wholeAt = 0;
      this.run();
    });
    if (vectors.available) this.run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Compares the numbers only, and repairs where vectors are missing. Throws AppError UNAVAILABLE while ChromaDB is down. */
  look(): Promise<void> {
    if (Date.now() - this.#wholeAt < countsAgeMs) return this.index.vectors.ping();
    this.#looking ??= this.#count().finally(() => (this.#looking = null));
    return this.#looking;
  }

  async #count(): Promise<void> {
    const lookedAt = Date.now();
    // In this order: a passage's vector is there before it counts, and goes after it has stopped to count.
    const expected = await this.mirror.expected();
    const kept = await this.index.vectors.count(this.index.active.collection).catch((error: unknown) => {
      // It is made again by now, and holds nothing yet.
      if (error instanceof CollectionLost) return 0;
      throw error;
    });
    const lacking = expected - this.#unembedded - kept;
    if (lacking <= 0) {
      this.#wholeAt = lookedAt;
      // What a run that failed has told is there by other means (a reset, a rebuild).
      this.#missing = 0;
      // Fewer lack a vector than did: their documents have been read again since.
      if (lacking < 0 && this.#unembedded > 0) this.run();
      return;
    }
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
        // It went away meanwhile, or was emptied.
        if (error instanceof AppError && error.code === 'UNAVAILABLE') this.#again = true;
        else this.log.error({ err: error }, 'the vector index could not be compared with the database');
        await delay(retryMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #repair(signal: AbortSignal): Promise<void> {
    const { active } = this.index;
    await this.index.ensureCollection();
    this.#unembedded = 0;
    let lacked = false;
    await this.mirror.bring(active, signal, (missing, unembedded) => {
      this.#missing = missing;
      this.#unembedded = unembedded;
      lacked ||= missing > 0;
    });
    if (lacked) this.index.mended();
  }
}
