export { ChunkTermsEntity } from './chunk-terms.entity.js';
export { type CandidateChunk, FullTextIndex, type FullTextRow } from './full-text-index.js';
export { type CorpusStatistics, Lexicon } from './lexicon.js';
