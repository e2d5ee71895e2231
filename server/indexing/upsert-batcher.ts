import { type VectorRow } from '../platform/vector-index/index.js';

interface Waiting {
  rows: VectorRow[];
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** Calls begin this far apart at least, unless enough rows wait. */
const pauseMs = 200;
const enoughRows = 256;

/**
 * Joins the upserts of documents that are finished at about the same time: ChromaDB takes one row or a hundred in
 * nearly the same time, and a row each would cost it as much of the processor as a tenth of the embedding. The first
 * after a pause goes at once; while a call is under way, and for a moment after it began, the next collects.
 */
export class UpsertBatcher {
  #waiting: Waiting[] = [];
  #running = false;
  #rows = 0;
  #lastBegun = -Infinity;
  #enough: () => void = () => undefined;

  constructor(private readonly send: (rows: VectorRow[]) => Promise<void>) {}

  add(rows: VectorRow[]): Promise<void> {
    if (rows.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ rows, resolve, reject });
      this.#rows += rows.length;
      if (this.#rows >= enoughRows) this.#enough();
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      await this.#pause();
      const batch = this.#waiting.splice(0);
      this.#rows = 0;
      this.#lastBegun = performance.now();
      try {
        await this.send(batch.flatMap((entry) => entry.rows));
        for (const entry of batch) entry.resolve();
      } catch (error) {
        for (const entry of batch) entry.reject(error);
      }
    }
    this.#running = false;
  }

  async #pause(): Promise<void> {
    const leftMs = this.#lastBegun + pauseMs - performance.now();
    if (leftMs <= 0 || this.#rows >= enoughRows) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, leftMs);
      this.#enough = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
