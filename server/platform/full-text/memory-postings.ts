import { HashPlaces } from './hash-places.js';

/** Longer lists find nothing that matters: whoever asks for so common a term alone is answered by the database. */
const longestList = 4000;

/**
 * Which chunks hold a term, in memory: linked lists in typed arrays, newest chunk first, eight bytes a posting. Chunks
 * that were removed stay in the lists until the next start, but are passed over once it is known that they are gone.
 */
export class MemoryPostings {
  /** Place of a term's count and list by its hash. */
  readonly #places = new HashPlaces();
  #counts = new Uint32Array(1 << 16);
  #heads = new Uint32Array(1 << 16);
  #next = new Uint32Array(1 << 18);
  #chunks = new Uint32Array(1 << 18);
  /** 0 ends a list. */
  #used = 1;
  /** Terms whose lists lack chunks, as they once were too many. */
  readonly #cut = new Set<number>();
  /** Removed by a transaction that may still be rolled back. */
  readonly #leaving = new Set<number>();
  /** Their numbers are never used again. */
  readonly #gone = new Set<number>();

  add(chunkId: number, hashes: Uint32Array): void {
    for (const hash of hashes) {
      const place = this.#place(hash);
      const count = ++this.#counts[place]!;
      if (count > longestList) {
        this.#cut.add(place);
        continue;
      }
      if (this.#used === this.#next.length) {
        this.#next = grown(this.#next);
        this.#chunks = grown(this.#chunks);
      }
      this.#next[this.#used] = this.#heads[place]!;
      this.#chunks[this.#used] = chunkId;
      this.#heads[place] = this.#used++;
    }
  }

  /** A chunk with these terms was removed, if the transaction is not rolled back. */
  discount(chunkId: number, hashes: Uint32Array): void {
    this.#leaving.add(chunkId);
    for (const hash of hashes) {
      const place = this.#places.get(hash);
      if (place !== undefined && this.#counts[place]! > 0) this.#counts[place]! -= 1;
    }
  }

  #place(hash: number): number {
    const place = this.#places.take(hash);
    if (place === this.#counts.length) {
      this.#counts = grown(this.#counts);
      this.#heads = grown(this.#heads);
    }
    return place;
  }

  /** In how many chunks a term occurs. */
  count(hash: number): number {
    const place = this.#places.get(hash);
    return place === undefined ? 0 : this.#counts[place]!;
  }

  /** These were looked for and are not there: what was being removed has been. */
  missed(chunkIds: Iterable<number>): void {
    for (const id of chunkIds) if (this.#leaving.delete(id)) this.#gone.add(id);
  }

  /** Chunks that hold any of the terms, at most `limit`; null where a list is too long to be held. */
  match(hashes: number[], limit: number): number[] | null {
    const found = new Set<number>();
    for (const hash of hashes) {
      const place = this.#places.get(hash);
      if (place === undefined) continue;
      if (this.#cut.has(place)) return null;
      for (let at = this.#heads[place]!; at !== 0 && found.size < limit; at = this.#next[at]!) {
        const chunk = this.#chunks[at]!;
        if (!this.#gone.has(chunk)) found.add(chunk);
      }
    }
    return [...found];
  }
}

function grown(array: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}
