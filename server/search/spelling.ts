import { type Lexicon } from '../platform/full-text/index.js';
import { fold, hashTerm, terms as termsOf, withoutLongVowel } from '../platform/terms/index.js';
import { type ShownChunks } from './shown-chunks.js';

export interface SpellingChange {
  from: string;
  to: string;
}

const words = new Intl.Segmenter('ja', { granularity: 'word' });
const mostWords = 16;
/** Shorter words have too many neighbours to guess among. */
const shortestCorrected = 4;
/** Longer ones are no words, and the spellings near them too many to be made. */
const longestCorrected = 40;
const latinWord = /^[a-z]+$/;
/** Shorter ones are too near to each other. */
const katakanaWord = /^[ァ-ヶー]{5,}$/;
/** As words are compared, without the long vowel at their end. */
const longKatakana = /^[ァ-ヶー]{4,}$/;
const longKatakanaRuns = /[ァ-ヶー]{5,}/g;
const katakanaRuns = /[ァ-ヶー]+/g;
const kana = /[\p{Script=Hiragana}\p{Script=Katakana}]/u;
const kanaWord = /^[\p{Script=Hiragana}\p{Script=Katakana}ー]{2,}$/u;
const letters = Array.from('abcdefghijklmnopqrstuvwxyz');
const katakana = [...Array.from({ length: 0x30f6 - 0x30a1 + 1 }, (_, i) => String.fromCharCode(0x30a1 + i)), 'ー'];
/** A word whose rarest pair of characters stands in more passages is taken for known unseen. */
const mostSeen = 50;
/** Of a question of few characters each word is looked for, and in more passages: cutting it takes no time to speak of. */
const fewCharacters = 12;
const mostSeenOfFew = 500;
/** Where no word of a question is known, so many are guessed at, and only all of them. */
const mostGuessed = 3;
/** Spellings whose pairs all occur, of which so many are looked for as a whole, the most frequent first. */
const mostVerified = 20;
const kanaDistance = 0x60;
const latinRuns = /[a-z]+/g;
const kanaRuns = /[\p{Script=Hiragana}\p{Script=Katakana}ー]{2,}/gu;

/** Every string one typing error away: a letter left out, added, wrong, or two exchanged (Damerau, 1964). */
function oneErrorAway(word: string, alphabet: string[]): string[] {
  const found = new Set<string>();
  for (let at = 0; at <= word.length; at++) {
    const before = word.slice(0, at);
    const after = word.slice(at);
    if (after) found.add(before + after.slice(1));
    if (after.length > 1) found.add(before + after[1]! + after[0]! + after.slice(2));
    for (const letter of alphabet) {
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

function isCorrected(word: string): boolean {
  return word.length <= longestCorrected && (kanaWord.test(word) || (latinWord.test(word) && word.length >= shortestCorrected));
}

/** What a word may have been meant as. */
function spellingsOf(word: string): string[] {
  if (latinWord.test(word)) return oneErrorAway(word, letters);
  return katakanaWord.test(word) ? [otherKana(word), ...oneErrorAway(word, katakana)] : [otherKana(word)];
}

interface Part {
  segment: string;
  isWordLike: boolean;
}

/** The words of a text and what is between them. A long run of katakana is one word: misspelled, its parts are guessed at. */
function cut(text: string): Part[] {
  const parts: Part[] = [];
  const between = (piece: string) => {
    for (const { segment, isWordLike = false } of words.segment(piece)) parts.push({ segment, isWordLike });
  };
  let at = 0;
  for (const match of text.matchAll(longKatakanaRuns)) {
    between(text.slice(at, match.index));
    parts.push({ segment: match[0], isWordLike: true });
    at = match.index + match[0].length;
  }
  between(text.slice(at));
  return parts;
}

/** Spellings the library has for words it has not. */
export class Spelling {
  constructor(
    private readonly lexicon: () => Lexicon,
    private readonly chunks: ShownChunks,
  ) {}

  /** @returns for each unknown word of the text the most frequent spelling near it; words without one are left out */
  async changes(text: string): Promise<SpellingChange[]> {
    const isShort = text.length <= fewCharacters && kana.test(text);
    if (!isShort && (await this.#allKnown(text))) return [];
    const asked = new Set<string>();
    for (const { segment, isWordLike } of cut(text)) {
      const word = fold(segment);
      if (isWordLike && asked.size < mostWords && isCorrected(word)) asked.add(word);
    }
    const known = await this.#known([...asked]);
    const unknown: string[] = [];
    for (const word of asked) if (!(await this.#isKnown(word, known.get(word) ?? 0, isShort))) unknown.push(word);
    // Where most words are unknown, the question is in another language than the library, not misspelled.
    const isStrange = unknown.length > Math.max(1, asked.size - unknown.length);
    if (isStrange && unknown.length > mostGuessed) return [];
    const changes: SpellingChange[] = [];
    for (const word of unknown) {
      const counts = await this.#known(spellingsOf(word));
      const likely = [...counts].filter(([, chunks]) => chunks > 0).sort((a, b) => b[1] - a[1]);
      const to = await this.#first(likely.map(([spelling]) => spelling));
      if (to !== undefined) changes.push({ from: word, to });
    }
    return isStrange && changes.length < unknown.length ? [] : changes;
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
    if (!parts.every((part) => (frequencies.get(part) ?? 0) > 0)) return false;
    for (const run of folded.match(longKatakanaRuns) ?? []) {
      if (!(await this.#isKnown(run, Math.min(...termsOf(run).map((part) => frequencies.get(part) ?? 0))))) return false;
    }
    return true;
  }

  /** Whether the library has a word of which all parts occur in so many chunks at the most. @param isShort whether little else is asked */
  async #isKnown(word: string, chunks: number, isShort = false): Promise<boolean> {
    const most = isShort ? mostSeenOfFew : mostSeen;
    const isPieced = isShort ? kanaWord.test(word) && termsOf(word).length > 1 : katakanaWord.test(word);
    return chunks > 0 && (chunks > most || !isPieced || this.#stands(word, undefined, most));
  }

  /** The first that stands in a passage, in katakana as a word of its own; words that are one term do where that occurs. */
  async #first(spellings: string[]): Promise<string | undefined> {
    const isWord = (text: string, spelled: string) => !longKatakana.test(spelled) || (text.match(katakanaRuns) as string[] | null)?.includes(spelled) === true;
    for (const spelling of spellings.slice(0, mostVerified)) if (termsOf(spelling).length < 2 || (await this.#stands(spelling, isWord))) return spelling;
    return undefined;
  }

  /** Whether a word stands in a passage; seen in some of those that hold its rarest pair of characters, `most` at the most. */
  async #stands(word: string, isWord = (_text: string, _spelled: string) => true, most = mostSeen): Promise<boolean> {
    const parts = [...new Set(termsOf(word))];
    const lexicon = this.lexicon();
    const frequencies = await lexicon.documentFrequencies(parts);
    const [rarest] = parts.sort((a, b) => (frequencies.get(a) ?? 0) - (frequencies.get(b) ?? 0));
    if (rarest === undefined) return false;
    const hashes = parts.map(hashTerm);
    const { candidates: passages } = await lexicon.find([rarest], most, null);
    const possible = passages.filter(({ terms }) => hashes.every((hash) => terms.count(hash) > 0));
    const texts = await this.chunks.get(possible.slice(0, mostSeen).map(({ chunkId }) => chunkId));
    const spelled = withoutLongVowel(fold(word));
    return [...texts.values()].some(({ chunk: { headingPath, text } }) => {
      const shown = withoutLongVowel(fold([...headingPath, text].join('\n')));
      return shown.includes(spelled) && isWord(shown, spelled);
    });
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
  return cut(text)
    .map(({ segment }) => byWord.get(fold(segment)) ?? segment)
    .join('');
}
