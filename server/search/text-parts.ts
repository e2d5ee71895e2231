import { type Part, WordParts, wordSegmenter } from '../platform/terms/index.js';

export interface TextRange {
  /** UTF-16 code units. */
  start: number;
  end: number;
}

/** The part that a position lies in; undefined beyond the end. */
export type WordAt = (at: number) => Part | undefined;

const sentenceSegmenter = new Intl.Segmenter('ja', { granularity: 'sentence' });

/** Sentences and words of one text. To look up a word is a few comparisons where they have been found before, and costs as much each time where not. */
export class TextParts {
  #sentences: TextRange[] | null = null;
  readonly #words: WordParts | null;

  /** @param packed what `packWordParts` made of the text, where it is known */
  constructor(
    private readonly text: string,
    packed: Uint8Array | null = null,
  ) {
    this.#words = packed && new WordParts(packed, text.length);
  }

  /** Of memory, without the text. */
  get bytes(): number {
    return this.#words?.bytes ?? 0;
  }

  get sentences(): TextRange[] {
    return (this.#sentences ??= [...sentenceSegmenter.segment(this.text)].map(({ index, segment }) => ({ start: index, end: index + segment.length })));
  }

  /** For one round of look-ups. */
  get wordAt(): WordAt {
    const words = this.#words;
    if (words) return (at) => words.at(at);
    const { text } = this;
    const segments = wordSegmenter.segment(text);
    return (at) => {
      const part = at < text.length ? segments.containing(at) : undefined;
      return part && { start: part.index, end: part.index + part.segment.length, isWordLike: part.isWordLike ?? false };
    };
  }
}
