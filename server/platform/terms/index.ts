export { hashTerm, packTerms, TermVector } from './term-vector.js';
export { countTerms, fold, terms, withoutLongVowel } from './tokenizer.js';
