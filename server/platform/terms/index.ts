export { hashTerm, packTerms, TermVector } from './term-vector.js';
export { countTerms, fold, terms, withoutLongVowel } from './tokenizer.js';
export { packWordParts, type Part, WordParts, wordSegmenter } from './word-parts.js';
