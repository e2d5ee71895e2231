/** Scripts written without spaces, where a pair of characters is the unit of search. */
const run = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー々〆ヶ〇]+|[\p{Letter}\p{Mark}\p{Number}]+/gu;
const unspaced = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー々〆ヶ〇]/u;
const longestWord = 64;
/** サーバー and サーバ are one word: the long vowel at the end of three characters or more is not told apart (JIS Z 8301). */
const longVowel = /([ァ-ヶー]{2,}[ァ-ヶ])ー(?![ァ-ヶー])/g;
/** Names such as E-1042, v-model and node.js: their parts say little, together they say all. */
const joined = /[a-z0-9]+(?:[-_./:@][a-z0-9]+)+/g;
const separators = /[-_./:@]/g;

/** A word without the long vowel at its end that is often left out. */
export function withoutLongVowel(word: string): string {
  return word.includes('ー') ? word.replace(longVowel, '$1') : word;
}

/** The form in which text is compared: NFKC (full and half width are one), lower case. */
export function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}

/**
 * Terms of a text in order: character bigrams for Japanese and Chinese, whole words for the rest, and names joined by punctuation as one word more. The same for documents
 * and queries and for every database, so that all of them find the same.
 */
export function terms(text: string): string[] {
  const found: string[] = [];
  const folded = withoutLongVowel(fold(text));
  for (const [piece] of folded.matchAll(run)) {
    if (!unspaced.test(piece)) {
      // A run of letters may still hold ideographs behind it: the two classes are told apart by their first character.
      for (const part of splitScripts(piece)) found.push(...part);
      continue;
    }
    bigrams(piece, found);
  }
  for (const [identifier] of folded.matchAll(joined)) found.push(identifier.replace(separators, '').slice(0, longestWord));
  return found;
}

function bigrams(piece: string, into: string[]): void {
  const characters = Array.from(piece);
  if (characters.length === 1) into.push(piece);
  for (let i = 0; i + 1 < characters.length; i++) into.push(characters[i]! + characters[i + 1]!);
}

const unspacedRun = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー々〆ヶ〇]+/gu;

/** Splits a run such as `vue3の使い方` at the change of script. */
function splitScripts(piece: string): string[][] {
  const parts: string[][] = [];
  let at = 0;
  for (const match of piece.matchAll(unspacedRun)) {
    if (match.index > at) parts.push([piece.slice(at, match.index).slice(0, longestWord)]);
    const pairs: string[] = [];
    bigrams(match[0], pairs);
    parts.push(pairs);
    at = match.index + match[0].length;
  }
  if (at < piece.length) parts.push([piece.slice(at).slice(0, longestWord)]);
  return parts;
}

export function countTerms(list: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const term of list) counts.set(term, (counts.get(term) ?? 0) + 1);
  return counts;
}
