export { AnswerCache, type CacheKind, cacheKinds, type CacheKindStatistics } from './answer-cache.js';
export { openCache } from './cache.js';
