/**
 * Term counts of one chunk in a form that a few hundred candidates can be scored from without reading their text again:
 * n 32-bit term hashes in rising order, then n 8-bit counts. A collision of two of a chunk's ~250 terms with one of a
 * query's ~20 is a matter of one in a million.
 */
export function hashTerm(term: string): number {
  // FNV-1a over UTF-16 code units: http://www.isthe.com/chongo/tech/comp/fnv/
  let hash = 0x811c9dc5;
  for (let i = 0; i < term.length; i++) {
    hash ^= term.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}

export function packTerms(counts: ReadonlyMap<string, number>): Buffer {
  const merged = new Map<number, number>();
  for (const [term, count] of counts) {
    const hash = hashTerm(term);
    merged.set(hash, Math.min(255, (merged.get(hash) ?? 0) + count));
  }
  const hashes = Uint32Array.from(merged.keys()).sort();
  const packed = Buffer.alloc(hashes.length * 5);
  hashes.forEach((hash, index) => {
    packed.writeUInt32LE(hash, index * 4);
    packed.writeUInt8(merged.get(hash)!, hashes.length * 4 + index);
  });
  return packed;
}

/** An unpacked term vector. */
export class TermVector {
  readonly #hashes: Uint32Array;
  readonly #counts: Uint8Array;

  constructor(
    packed: Uint8Array,
    /** Number of terms in the chunk, repeats included. */
    readonly length: number,
  ) {
    const n = packed.length / 5;
    // A copy: a view needs an offset that is a multiple of four, which a driver's buffer need not have.
    this.#hashes = new Uint32Array(Uint8Array.from(packed.subarray(0, n * 4)).buffer);
    this.#counts = Uint8Array.from(packed.subarray(n * 4));
  }

  /** In rising order. */
  get hashes(): Uint32Array {
    return this.#hashes;
  }

  get bytes(): number {
    return this.#hashes.byteLength + this.#counts.byteLength + 64;
  }

  /**
   * Counts of many terms at once: one walk along their hashes and this chunk's, which comes from memory in half the time that
   * looking each up takes.
   * @param hashes in rising order
   * @param counts filled in the same order
   */
  countAll(hashes: Uint32Array, counts: Uint8Array): void {
    const own = this.#hashes;
    let at = 0;
    for (let i = 0; i < hashes.length; i++) {
      const hash = hashes[i]!;
      while (at < own.length && own[at]! < hash) at++;
      counts[i] = own[at] === hash ? this.#counts[at]! : 0;
    }
  }

  count(hash: number): number {
    let low = 0;
    let high = this.#hashes.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const value = this.#hashes[middle]!;
      if (value === hash) return this.#counts[middle]!;
      if (value < hash) low = middle + 1;
      else high = middle - 1;
    }
    return 0;
  }
}
