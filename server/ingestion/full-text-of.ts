import { countTerms, packTerms, terms } from '../platform/terms/index.js';

export interface FullTextOfChunk {
  terms: string[];
  packedTerms: Uint8Array;
  termCount: number;
}

/** What the full-text index keeps of a passage: its title and headings are found as well as its text. */
export function fullTextOf(title: string, headingPath: string[], text: string): FullTextOfChunk {
  const found = terms([title, ...headingPath, text].join('\n'));
  const counts = countTerms(found);
  return { terms: [...counts.keys()], packedTerms: new Uint8Array(packTerms(counts)), termCount: found.length };
}
