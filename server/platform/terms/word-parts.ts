/** Cuts Japanese, by ICU's dictionary, as well as what is written with spaces. */
export const wordSegmenter = new Intl.Segmenter('ja', { granularity: 'word' });
const longestPacked = 0x8000;

/** A word, or what stands between two; UTF-16 code units. */
export interface Part {
  start: number;
  end: number;
  isWordLike: boolean;
}

/**
 * Where the parts of a text begin, to be kept beside it: a little-endian 16-bit number each, the position doubled and one more for a
 * word. To cut takes some tenths of a millisecond a thousand characters, which a search has no time for.
 * @returns null for a text with positions that need more than 15 bits
 */
export function packWordParts(text: string): Uint8Array | null {
  if (text.length > longestPacked) return null;
  const begins = Uint16Array.from(wordSegmenter.segment(text), ({ index, isWordLike }) => index * 2 + (isWordLike ? 1 : 0));
  return new Uint8Array(begins.buffer);
}

/** The parts of a text, found before. */
export class WordParts {
  readonly #begins: Uint16Array;

  /** @param length of the text */
  constructor(
    packed: Uint8Array,
    private readonly length: number,
  ) {
    // A copy: a view needs an even offset, which a driver's buffer need not have.
    this.#begins = new Uint16Array(Uint8Array.from(packed).buffer, 0, packed.length >> 1);
  }

  get bytes(): number {
    return this.#begins.byteLength;
  }

  /** The part that a position lies in; undefined beyond the end. */
  at(position: number): Part | undefined {
    const begins = this.#begins;
    if (position >= this.length) return undefined;
    let [low, high] = [0, Math.max(0, begins.length - 1)];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (begins[middle]! >> 1 <= position) low = middle;
      else high = middle - 1;
    }
    const next = begins[low + 1];
    return { start: begins[low]! >> 1, end: next === undefined ? this.length : next >> 1, isWordLike: (begins[low]! & 1) === 1 };
  }
}
