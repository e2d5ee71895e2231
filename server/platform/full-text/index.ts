export { ChunkTermsEntity } from './chunk-terms.entity.js';
export { type CandidateChunk, type CorpusStatistics, FullTextIndex, type FullTextRow } from './full-text-index.js';
