import { expect, test } from 'vitest';
import { type Block, place } from '../../server/ingestion/reading/blocks.js';
import { chunk } from '../../server/ingestion/reading/chunker.js';

/** Words stand in for the model's tokens: what is tested is the cutting. */
const countTokens = (text: string) => text.split(/\s+/).filter(Boolean).length;
const limits = { maxTokens: 60, overlap: 0.15, pieceTokens: 20 };
const paragraph = (text: string, page: number | null = null): Block => ({ kind: 'text', level: 0, text, page });
const heading = (level: number, text: string): Block => ({ kind: 'heading', level, text, page: null });
const sentences = (count: number, about: string) => Array.from({ length: count }, (_, index) => `Sentence ${index} about the ${about} ends here.`).join(' ');

function cut(blocks: Block[], title = 'Title') {
  const { text, blocks: placed } = place(blocks);
  return { text, chunks: chunk(text, placed, title, limits, countTokens).map((part) => ({ ...part, text: text.slice(part.charStart, part.charEnd) })) };
}

test('no passage is longer than the limit, sentences stay whole, and neighbours overlap', () => {
  const { chunks } = cut([paragraph(sentences(40, 'pump'))]);
  expect(chunks.length).toBeGreaterThan(4);
  for (const part of chunks) {
    expect(countTokens(part.text)).toBeLessThanOrEqual(limits.maxTokens);
    expect(part.text).toMatch(/^Sentence.*here\.$/s);
  }
  for (let i = 1; i < chunks.length; i++) expect(chunks[i]!.charStart).toBeLessThan(chunks[i - 1]!.charEnd);
});

test('every word of the text is in a passage', () => {
  const { text, chunks } = cut([heading(1, 'Alpha'), paragraph(sentences(30, 'valve')), heading(2, 'Beta'), paragraph('Short.'), heading(2, 'Lonely')]);
  const covered = new Set(chunks.flatMap((part) => Array.from({ length: part.charEnd - part.charStart }, (_, index) => part.charStart + index)));
  const lost = Array.from(text).filter((character, index) => /\w/.test(character) && !covered.has(index));
  // Headings over a section are in its heading path.
  expect(lost.join('')).toMatch(/^(Alpha)?(Beta)?$/);
});

test('headings become the path of what stands under them', () => {
  const { chunks } = cut([
    heading(1, 'Plant'),
    paragraph(sentences(10, 'plant')),
    heading(2, 'Pumps'),
    paragraph(sentences(10, 'pump')),
    heading(1, 'Office'),
    paragraph(sentences(10, 'office')),
  ]);
  const paths = new Set(chunks.map((part) => part.headingPath.join(' › ')));
  expect([...paths]).toEqual(['Plant', 'Plant › Pumps', 'Office']);
});

test('pages reach the passages', () => {
  const { chunks } = cut([paragraph(sentences(5, 'first'), 1), paragraph(sentences(5, 'second'), 2), paragraph(sentences(5, 'third'), 3)]);
  expect(chunks[0]!.pageFrom).toBe(1);
  expect(chunks.at(-1)!.pageTo).toBe(3);
});

test('a sentence without end is torn, and nothing of it is lost', () => {
  const words = Array.from({ length: 400 }, (_, index) => `w${index}`);
  const { chunks } = cut([paragraph(words.join(' '))]);
  for (const part of chunks) expect(countTokens(part.text)).toBeLessThanOrEqual(limits.maxTokens);
  expect(new Set(chunks.flatMap((part) => part.text.split(/\s+/)))).toEqual(new Set(words));
});
