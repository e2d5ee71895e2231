/** Scripts written without spaces, where a pair of characters is the unit of search. */
const run = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー々〆ヶ〇]+|[\p{Letter}\p{Mark}\p{Number}]+/gu;
const unspaced = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー々〆ヶ〇]/u;
const longestWord = 64;

/** The form in which text is compared: NFKC (full and half width are one), lower case. */
export function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}

/**
 * Terms of a text in order: character bigrams for Japanese and Chinese, whole words for the rest. The same for documents
 * and queries and for every database, so that all of them find the same.
 */
export function terms(text: string): string[] {
  const found: string[] = [];
  for (const [piece] of fold(text).matchAll(run)) {
    if (!unspaced.test(piece)) {
      // A run of letters may still hold ideographs behind it: the two classes are told apart by their first character.
      for (const part of splitScripts(piece)) found.push(...part);
      continue;
    }
    bigrams(piece, found);
  }
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
