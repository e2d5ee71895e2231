import { countTerms, packTerms, packWordParts, terms } from '../platform/terms/index.js';

export interface FullTextOfChunk {
  terms: string[];
  packedTerms: Uint8Array;
  termCount: number;
  /** Where the words of the text lie; null where it is too long for that. */
  words: Uint8Array | null;
}

/** What the full-text index keeps of a passage: its title and headings are found as well as its text. */
export function fullTextOf(title: string, headingPath: string[], text: string): FullTextOfChunk {
  const found = terms([title, ...headingPath, text].join('\n'));
  const counts = countTerms(found);
  return { terms: [...counts.keys()], packedTerms: new Uint8Array(packTerms(counts)), termCount: found.length, words: packWordParts(text) };
}
