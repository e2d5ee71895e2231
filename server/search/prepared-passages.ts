import { setTimeout as delay } from 'node:timers/promises';
import { type ChunkType } from '../documents/index.js';
import { TextParts } from './text-parts.js';

/** Nobody has searched for so long: there is time. */
const quietMs = 200;
const sliceMs = 4;
const pauseMs = 8;
/** Of some 0.6 kB each. */
const mostPrepared = 20_000;

/** Sentences and words of passages that are kept to be shown. They are found while nobody searches, for to find words is half of what a snippet costs. */
export class PreparedPassages {
  readonly #parts = new WeakMap<ChunkType, TextParts>();
  readonly #waiting = new Set<ChunkType>();
  #lastAskedAt = 0;
  #prepared = 0;
  /** Passages that are kept no longer take their words along. */
  readonly #gone = new FinalizationRegistry<null>(() => (this.#prepared -= 1));
  #working = false;

  /** Parts of a passage that is shown now. */
  of(chunk: ChunkType): TextParts {
    this.#lastAskedAt = performance.now();
    this.prepare([chunk]);
    return this.#partsOf(chunk);
  }

  /** Finds the words of passages as soon as there is time. */
  prepare(chunks: Iterable<ChunkType>): void {
    for (const chunk of chunks) {
      if (this.#prepared + this.#waiting.size >= mostPrepared) break;
      if (!this.#parts.get(chunk)?.knowsWords) this.#waiting.add(chunk);
    }
    if (this.#working || this.#waiting.size === 0) return;
    this.#working = true;
    void this.#work().finally(() => (this.#working = false));
  }

  async #work(): Promise<void> {
    while (this.#waiting.size > 0) {
      await delay(performance.now() - this.#lastAskedAt < quietMs ? quietMs : pauseMs, undefined, { ref: false });
      if (performance.now() - this.#lastAskedAt < quietMs) continue;
      const until = performance.now() + sliceMs;
      for (const chunk of this.#waiting) {
        if (performance.now() > until) break;
        this.#waiting.delete(chunk);
        this.#partsOf(chunk).findWords();
        this.#gone.register(chunk, null);
        this.#prepared += 1;
      }
    }
  }

  #partsOf(chunk: ChunkType): TextParts {
    let parts = this.#parts.get(chunk);
    if (!parts) this.#parts.set(chunk, (parts = new TextParts(chunk.text)));
    return parts;
  }
}
