import { fold } from '../platform/terms/index.js';

export interface TextRange {
  /** UTF-16 code units. */
  start: number;
  end: number;
}

export interface Snippet {
  text: string;
  highlights: TextRange[];
  /** Words of the query that the passage holds, as the query spells them. */
  matchedWords: string[];
}

const words = new Intl.Segmenter('ja', { granularity: 'word' });
const sentences = new Intl.Segmenter('ja', { granularity: 'sentence' });
const snippetLength = 220;
/** Particles and endings: in every Japanese sentence, so never what was searched for. */
const onlyHiragana = /^\p{Script=Hiragana}{1,2}$/u;
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;
const englishStopWords = new Set('a an and are as at be by do does for from how i in is it of on or that the this to was what when where which who why will with'.split(' '));

/** The query's words worth marking. */
export function queryWords(query: string): string[] {
  const found = new Set<string>();
  for (const { segment, isWordLike } of words.segment(query)) {
    const word = fold(segment);
    if (isWordLike && !onlyHiragana.test(word) && !englishStopWords.has(word)) found.add(word);
  }
  return [...found];
}

/** Where the words of the query stand in a text, as whole words of the text. */
function matches(text: string, foldedQuery: string, wanted: ReadonlySet<string>): (TextRange & { word: string })[] {
  const ranges: (TextRange & { word: string })[] = [];
  for (const { segment, index, isWordLike } of words.segment(text)) {
    if (!isWordLike) continue;
    const word = fold(segment);
    // Japanese is cut into words differently in different sentences: part of the query is a match there.
    const isMatch = wanted.has(word) || (unspaced.test(word) && word.length > 1 && !onlyHiragana.test(word) && foldedQuery.includes(word));
    if (isMatch) ranges.push({ start: index, end: index + segment.length, word });
  }
  return ranges;
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

/** The part of a passage that answers a query best, a substring of it, with the query's words marked. */
export function snippetOf(text: string, query: string): Snippet {
  const foldedQuery = fold(query);
  const wanted = new Set(queryWords(query));
  const found = matches(text, foldedQuery, wanted);
  const [from, to] = window(text, found);
  const inside = found.filter((range) => range.start >= from && range.end <= to);
  return {
    text: text.slice(from, to),
    highlights: join(inside.map(({ start, end }) => ({ start: start - from, end: end - from }))),
    matchedWords: [...new Set(found.map((range) => range.word))],
  };
}

/** The run of sentences with the most different words of the query that fits. */
function window(text: string, found: (TextRange & { word: string })[]): [number, number] {
  if (text.length <= snippetLength) return [0, text.length];
  const bounds = [...sentences.segment(text)].map(({ index, segment }) => ({ start: index, end: index + segment.length }));
  let best: { from: number; to: number; value: number } = { from: 0, to: Math.min(text.length, snippetLength), value: -1 };
  for (const first of bounds) {
    let to = first.end;
    for (const next of bounds) if (next.start >= first.start && next.end - first.start <= snippetLength) to = next.end;
    to = Math.min(to, first.start + snippetLength * 1.5);
    const inside = found.filter((range) => range.start >= first.start && range.end <= to);
    const value = new Set(inside.map((range) => range.word)).size + inside.length * 0.01;
    if (value > best.value) best = { from: first.start, to, value };
  }
  return trimmed(text, best.from, best.to, found);
}

/** No white space at the ends, no torn surrogate pair, no mark cut through. */
function trimmed(text: string, from: number, to: number, found: TextRange[]): [number, number] {
  let start = from;
  let end = Math.floor(to);
  const cut = found.find((range) => range.start < end && range.end > end);
  if (cut) end = cut.end;
  while (start < end && /\s/.test(text[start]!)) start += 1;
  while (end > start && /\s/.test(text[end - 1]!)) end -= 1;
  if (end < text.length && /[\ud800-\udbff]/.test(text[end - 1] ?? '')) end += 1;
  return [start, end];
}
