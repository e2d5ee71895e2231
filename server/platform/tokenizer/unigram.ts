import { TokenTrie } from './token-trie.js';

/** What is read of transformers.js's model of a unigram vocabulary. */
export interface UnigramVocabulary {
  vocab: readonly string[];
  /** Logarithm of each token's probability. */
  scores: readonly number[];
  /** Of a character that is no token. */
  unkScore: number;
}

/** Room for longer texts is given back. */
const longestKept = 65_536;

/**
 * Cuts a text into its most likely tokens (Kudo, 2018, "Subword regularization", section 3.2, by Viterbi's algorithm). The same cuts as
 * transformers.js, which makes objects of every token that could stand anywhere: between two runs of a model, which leave nothing
 * else in the processor's caches, those take several times as long to come by.
 */
export class Unigram {
  readonly #trie: TokenTrie;
  readonly #tokens: readonly string[];
  readonly #scores: Float64Array;
  readonly #unknownScore: number;
  /** By position: the best score of the text before it, where its last token begins, and which it is; -1 for an unknown character. */
  #best = new Float64Array(0);
  #begins = new Int32Array(0);
  #last = new Int32Array(0);

  constructor({ vocab, scores, unkScore }: UnigramVocabulary) {
    this.#trie = new TokenTrie(vocab);
    this.#tokens = vocab;
    this.#scores = Float64Array.from(scores);
    this.#unknownScore = unkScore;
  }

  /** @returns tokens; a UTF-16 code unit that begins none stands for itself */
  cut(text: string): string[] {
    this.#clear(text.length + 1);
    for (let at = 0; at < text.length; at++) {
      let isKnown = false;
      this.#trie.forEachAt(text, at, (token, end) => {
        isKnown ||= end === at + 1;
        this.#offer(at, end, token, this.#scores[token]!);
      });
      if (!isKnown) this.#offer(at, at + 1, -1, this.#unknownScore);
    }
    const found: string[] = [];
    for (let end = text.length; end > 0; end = this.#begins[end]!) {
      const token = this.#last[end]!;
      found.push(token < 0 ? text.slice(this.#begins[end], end) : this.#tokens[token]!);
    }
    if (text.length > longestKept) this.#allocate(0);
    return found.reverse();
  }

  #clear(positions: number): void {
    if (positions > this.#best.length) this.#allocate(positions > longestKept ? positions : positions * 2);
    this.#best.fill(-Infinity, 0, positions);
    this.#best[0] = 0;
  }

  #allocate(positions: number): void {
    this.#best = new Float64Array(positions);
    this.#begins = new Int32Array(positions);
    this.#last = new Int32Array(positions);
  }

  /** Of two ways that are as likely, the one whose last token is longer stays. */
  #offer(begin: number, end: number, token: number, score: number): void {
    const whole = this.#best[begin]! + score;
    if (whole <= this.#best[end]!) return;
    this.#best[end] = whole;
    this.#begins[end] = begin;
    this.#last[end] = token;
  }
}
