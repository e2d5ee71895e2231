export { type Cache, MemoryCache, openCache, RedisCache } from './cache.js';
