import { fold, withoutLongVowel, wordSegmenter } from '../platform/terms/index.js';
import { TextParts, type TextRange, type WordAt } from './text-parts.js';

export interface Snippet {
  text: string;
  highlights: TextRange[];
  /** Words of the query that the snippet holds, folded. */
  matchedWords: string[];
}

interface Match extends TextRange {
  word: string;
}

const snippetLength = 220;
/** Particles and endings: in every Japanese sentence, so never what was searched for. */
const onlyHiragana = /^\p{Script=Hiragana}{1,2}$/u;
const hasHiragana = /\p{Script=Hiragana}/u;
/** Of a table that stays in the processor's nearest cache. */
const beginningBits = 0xfff;
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー]/u;
const englishStopWords = new Set(
  'a an and are as at be by do does for from how i in is it of on or that the this to was what when where which who why will with'.split(' '),
);

/** A query made ready to be looked for in many passages. */
export class SnippetQuery {
  readonly folded: string;
  /** The query's words worth marking. */
  readonly words = new Set<string>();
  /** Pairs of characters of its Japanese, as `pairOf` packs them: where none of them stands, no word of the query does. */
  readonly pairs = new Set<number>();
  /** Words of one Japanese character. */
  readonly characters = new Set<number>();
  /** By the low bits of a UTF-16 code unit, 1 for those that a pair or a word of one character begins with: nearly all of a text is passed over by it. */
  readonly beginnings = new Uint8Array(beginningBits + 1);
  readonly spacedWords: string[] = [];
  private readonly plainWords: ReadonlySet<string>;

  constructor(query: string) {
    this.folded = fold(query);
    for (const { segment, isWordLike } of wordSegmenter.segment(query)) {
      const word = fold(segment);
      if (!isWordLike || onlyHiragana.test(word) || englishStopWords.has(word)) continue;
      this.words.add(word);
      if (!unspaced.test(word)) this.spacedWords.push(word);
      else if (word.length === 1) this.characters.add(word.charCodeAt(0));
    }
    this.plainWords = new Set([...this.words].map(withoutLongVowel));
    for (let i = 0; i + 1 < this.folded.length; i++) {
      const pair = this.folded.slice(i, i + 2);
      if (!unspaced.test(pair[0]!) || !unspaced.test(pair[1]!)) continue;
      // No word of a text has an ending in its middle: a pair with one is a word's beginning only where it is in the query's.
      if (!hasHiragana.test(pair) || [...this.words].some((word) => word.includes(pair))) this.pairs.add(pairOf(this.folded, i));
    }
    for (const pair of this.pairs) this.beginnings[Math.floor(pair / 0x10000) & beginningBits] = 1;
    for (const character of this.characters) this.beginnings[character & beginningBits] = 1;
  }

  isMatch(word: string): boolean {
    if (this.words.has(word) || this.plainWords.has(withoutLongVowel(word))) return true;
    // Japanese is cut into words differently in different sentences: part of the query is a match there.
    return word.length > 1 && unspaced.test(word) && !onlyHiragana.test(word) && this.folded.includes(word);
  }
}

/** Two UTF-16 code units as one number: a look-up without making a string. */
function pairOf(text: string, at: number): number {
  return text.charCodeAt(at) * 0x10000 + text.charCodeAt(at + 1);
}

/** This changes no position but for a few letters whose lower case is longer: a text that has one stays as it is. */
function lowerCase(text: string): string {
  const lower = text.toLowerCase();
  return lower.length === text.length ? lower : text;
}

/**
 * Places of a text where words of the query may stand, in order. Cheap, unlike cutting the whole text into words.
 * @param folded in lower case where the query has words that are told apart by it; Japanese has but one case
 */
function suspects(folded: string, query: SnippetQuery): number[] {
  const found: number[] = [];
  for (const word of query.spacedWords) {
    for (let at = folded.indexOf(word); at >= 0; at = folded.indexOf(word, at + word.length)) found.push(at);
  }
  const spaced = found.length;
  if (query.pairs.size + query.characters.size > 0) {
    for (let i = 0; i < folded.length; i++) {
      const code = folded.charCodeAt(i);
      if (query.beginnings[code & beginningBits] === 0) continue;
      if (query.pairs.has(pairOf(folded, i)) || query.characters.has(code)) found.push(i);
    }
  }
  return spaced > 0 ? found.sort((a, b) => a - b) : found;
}

/** Where words of the query stand in `text.slice(from, to)`, as whole words of the text, which is NFKC. */
function matches(text: string, suspected: number[], query: SnippetQuery, from: number, to: number, wordAt: WordAt): Match[] {
  const found: Match[] = [];
  let seen = from;
  for (const at of suspected) {
    if (at < from || at >= to) continue;
    // A pair may begin in one word and end in the next: both are looked at.
    for (let next = Math.max(at, seen); next <= at + 1; next = seen) {
      const part = wordAt(next);
      if (!part) break;
      seen = part.end;
      if (!part.isWordLike) continue;
      const word = text.slice(part.start, part.end).toLowerCase();
      if (query.isMatch(word)) found.push({ start: part.start, end: part.end, word });
    }
  }
  return found;
}

/** Joins marks that touch, so that 有給|休暇 is marked as one. */
function join(ranges: TextRange[]): TextRange[] {
  const joined: TextRange[] = [];
  for (const { start, end } of ranges) {
    const before = joined.at(-1);
    if (before && start <= before.end) before.end = Math.max(before.end, end);
    else joined.push({ start, end });
  }
  return joined;
}

/**
 * The part of a passage that answers a query best, a substring of it, with the query's words marked.
 * @param text of a stored passage, which is NFKC
 * @param parts the text's sentences, asked for where it is too long to be shown whole, and its words
 */
export function snippetOf(text: string, query: SnippetQuery, parts: TextParts = new TextParts(text)): Snippet {
  const folded = query.spacedWords.length > 0 ? lowerCase(text) : text;
  const suspected = suspects(folded, query);
  const [roughFrom, roughTo] = text.length <= snippetLength ? [0, text.length] : window(text, folded, suspected, parts.sentences);
  const found = matches(text, suspected, query, roughFrom, roughTo, parts.wordAt);
  const [from, to] = trimmed(text, roughFrom, roughTo, found);
  const inside = found.filter((range) => range.start >= from && range.end <= to);
  return {
    text: text.slice(from, to),
    highlights: join(inside.map(({ start, end }) => ({ start: start - from, end: end - from }))),
    matchedWords: [...new Set(inside.map((range) => range.word))],
  };
}

/** The run of sentences that fits and has the most different suspects. */
function window(text: string, folded: string, suspected: number[], bounds: TextRange[]): [number, number] {
  // Where nothing is suspected, the sentences at the beginning.
  const opening = bounds.filter(({ end }) => end <= snippetLength).at(-1)?.end ?? Math.min(text.length, snippetLength);
  let best: { from: number; to: number; value: number } = { from: 0, to: opening, value: 0 };
  let skipped = 0;
  for (let index = 0; index < bounds.length; index++) {
    const first = bounds[index]!;
    while (skipped < suspected.length && suspected[skipped]! < first.start) skipped += 1;
    if (skipped === suspected.length) break;
    let to = first.end;
    for (let next = index + 1; next < bounds.length && bounds[next]!.end - first.start <= snippetLength; next++) to = bounds[next]!.end;
    to = Math.min(to, first.start + snippetLength * 1.5);
    const different = new Set<number>();
    let inside = 0;
    for (let at = skipped; at < suspected.length && suspected[at]! < to; at++) {
      different.add(pairOf(folded, suspected[at]!));
      inside += 1;
    }
    const value = different.size + inside * 0.01;
    if (value > best.value) best = { from: first.start, to, value };
  }
  return [best.from, best.to];
}

/** No white space at the ends, no torn surrogate pair, no mark cut through. */
function trimmed(text: string, from: number, to: number, found: Match[]): [number, number] {
  let start = from;
  let end = Math.floor(to);
  const cut = found.find((range) => range.start < end && range.end > end);
  if (cut) end = cut.end;
  while (start < end && /\s/.test(text[start]!)) start += 1;
  while (end > start && /\s/.test(text[end - 1]!)) end -= 1;
  if (end < text.length && /[\ud800-\udbff]/.test(text[end - 1] ?? '')) end += 1;
  return [start, end];
}
