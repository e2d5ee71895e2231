/**
 * Headings in text that has no mark-up: the numbering of Japanese rules and contracts, and of chapters and sections in
 * both languages. Plain numbered lines ("1. …") are not taken: most of them are lists.
 */
const numbering: [RegExp, number][] = [
  [/^第\s?[0-9〇一二三四五六七八九十百]+\s?[編部](?![^\s(（「])/, 1],
  [/^第\s?[0-9〇一二三四五六七八九十百]+\s?章/, 2],
  [/^第\s?[0-9〇一二三四五六七八九十百]+\s?節/, 3],
  [/^第\s?[0-9〇一二三四五六七八九十百]+\s?条(の[0-9〇一二三四五六七八九十]+)?(?=\s|$|[(（])/, 4],
  [/^(Chapter|Part|Appendix)\s+([0-9]+|[IVXLC]+|[A-Z])\b/, 1],
  [/^Section\s+[0-9]+(\.[0-9]+)*\b/, 2],
];
const dotted = /^([0-9]{1,2}(?:\.[0-9]{1,2}){1,3})\.?\s+\p{Letter}/u;
const longestHeading = 80;
const sentenceEnd = /[。．.!?！？、,;:：]$/;

/** Level of a line that is a heading by its numbering, 0 otherwise. */
export function headingLevel(line: string): number {
  if (line.length > longestHeading) return 0;
  if (sentenceEnd.test(line)) return 0;
  const byWord = numbering.find(([pattern]) => pattern.test(line));
  if (byWord) return byWord[1];
  const byNumber = dotted.exec(line);
  return byNumber ? byNumber[1]!.split('.').length : 0;
}
