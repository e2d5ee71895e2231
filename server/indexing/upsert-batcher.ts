import { type VectorRow } from '../platform/vector-index/index.js';

interface Waiting {
  rows: VectorRow[];
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * Joins the upserts of documents that are finished at about the same time: ChromaDB takes one row or a hundred in
 * nearly the same time. While one call is under way the next collects.
 */
export class UpsertBatcher {
  #waiting: Waiting[] = [];
  #running = false;

  constructor(private readonly send: (rows: VectorRow[]) => Promise<void>) {}

  add(rows: VectorRow[]): Promise<void> {
    if (rows.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ rows, resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      try {
        await this.send(batch.flatMap((entry) => entry.rows));
        for (const entry of batch) entry.resolve();
      } catch (error) {
        for (const entry of batch) entry.reject(error);
      }
    }
    this.#running = false;
  }
}
