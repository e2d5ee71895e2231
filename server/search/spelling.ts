import { type Lexicon } from '../platform/full-text/index.js';
import { fold, terms as termsOf } from '../platform/terms/index.js';

export interface SpellingChange {
  from: string;
  to: string;
}

const words = new Intl.Segmenter('ja', { granularity: 'word' });
const mostWords = 16;
/** Shorter words have too many neighbours to guess among. */
const shortestCorrected = 4;
const latinWord = /^[a-z]+$/;
const kanaWord = /^[\p{Script=Hiragana}\p{Script=Katakana}ー]{2,}$/u;
const letters = 'abcdefghijklmnopqrstuvwxyz';
const kanaDistance = 0x60;
const latinRuns = /[a-z]+/g;
const kanaRuns = /[\p{Script=Hiragana}\p{Script=Katakana}ー]{2,}/gu;

/** Every string one typing error away: a letter left out, doubled, wrong, or two exchanged (Damerau, 1964). */
function oneErrorAway(word: string): string[] {
  const found = new Set<string>();
  for (let at = 0; at <= word.length; at++) {
    const before = word.slice(0, at);
    const after = word.slice(at);
    if (after) found.add(before + after.slice(1));
    if (after.length > 1) found.add(before + after[1]! + after[0]! + after.slice(2));
    for (const letter of letters) {
      if (after) found.add(before + letter + after.slice(1));
      found.add(before + letter + after);
    }
  }
  found.delete(word);
  return [...found];
}

/** りんご for リンゴ and the other way. */
function otherKana(word: string): string {
  return Array.from(word, (character) => {
    const code = character.charCodeAt(0);
    if (code >= 0x3041 && code <= 0x3096) return String.fromCharCode(code + kanaDistance);
    if (code >= 0x30a1 && code <= 0x30f6) return String.fromCharCode(code - kanaDistance);
    return character;
  }).join('');
}

/** Spellings the library has for words it has not. */
export class Spelling {
  constructor(private readonly lexicon: () => Lexicon) {}

  /** @returns for each unknown word of the text the most frequent spelling near it; words without one are left out */
  async changes(text: string): Promise<SpellingChange[]> {
    if (await this.#allKnown(text)) return [];
    const candidates = new Map<string, string[]>();
    for (const { segment, isWordLike } of words.segment(text)) {
      const word = fold(segment);
      if (!isWordLike || candidates.size >= mostWords) continue;
      if (latinWord.test(word) && word.length >= shortestCorrected) candidates.set(word, oneErrorAway(word));
      else if (kanaWord.test(word)) candidates.set(word, [otherKana(word)]);
    }
    const known = await this.#known([...candidates.keys()]);
    const unknown = [...candidates].filter(([word]) => (known.get(word) ?? 0) === 0);
    // Where most words are unknown, the question is in another language than the library, not misspelled.
    if (unknown.length > Math.max(1, candidates.size - unknown.length)) return [];
    const changes: SpellingChange[] = [];
    for (const [word, spellings] of unknown) {
      const counts = await this.#known(spellings);
      const [best] = [...counts].filter(([, chunks]) => chunks > 0).sort((a, b) => b[1] - a[1]);
      if (best) changes.push({ from: word, to: best[0] });
    }
    return changes;
  }

  /**
   * Whether no word can be unknown: every run of letters that words lie within is known in all of its parts. Seen without
   * cutting the text into words, which takes milliseconds of a core where the dictionary has left the processor's cache.
   */
  async #allKnown(text: string): Promise<boolean> {
    const folded = fold(text);
    const long = (folded.match(latinRuns) ?? []).filter((run) => run.length >= shortestCorrected);
    const parts = [...new Set([...long, ...(folded.match(kanaRuns) ?? [])].flatMap(termsOf))];
    const frequencies = await this.lexicon().documentFrequencies(parts);
    return parts.every((part) => (frequencies.get(part) ?? 0) > 0);
  }

  /** In how many chunks each word occurs at the most: of a word cut into pairs, as often as its rarest pair. */
  async #known(list: string[]): Promise<Map<string, number>> {
    const termsOfWord = new Map(list.map((word) => [word, termsOf(word)]));
    const frequencies = await this.lexicon().documentFrequencies([...new Set([...termsOfWord.values()].flat())]);
    return new Map([...termsOfWord].map(([word, parts]) => [word, parts.length === 0 ? 0 : Math.min(...parts.map((part) => frequencies.get(part) ?? 0))]));
  }
}

/** The text with its unknown words spelled as the library spells them. */
export function respelled(text: string, changes: SpellingChange[]): string {
  if (changes.length === 0) return text;
  const byWord = new Map(changes.map(({ from, to }) => [from, to]));
  return [...words.segment(text)].map(({ segment }) => byWord.get(fold(segment)) ?? segment).join('');
}
