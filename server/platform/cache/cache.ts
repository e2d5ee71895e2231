import { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';
import { type Settings } from '../../config/index.js';
import { AppError, messageOf } from '../errors.js';
import { type Logger } from '../logging/index.js';

/** Keeps answers that can be computed again. A cache that fails is a slower product, never a broken one. */
export interface CacheBackend {
  readonly backend: 'memory' | 'redis';
  /** At once where it is in memory. */
  get(key: string): Buffer | null | Promise<Buffer | null>;
  /** @param ttlSeconds 0 keeps nothing */
  set(key: string, value: Buffer, ttlSeconds: number): Promise<void>;
  /** Removes what has a key beginning so. */
  clear(prefix: string): Promise<void>;
  /** Throws where the backend does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export class MemoryCache implements CacheBackend {
  readonly backend = 'memory';
  readonly #entries: LRUCache<string, Buffer>;

  constructor(maxBytes: number) {
    this.#entries = new LRUCache({ maxSize: Math.max(1, maxBytes), sizeCalculation: (value, key) => value.length + key.length * 2 + 100 });
  }

  get(key: string): Buffer | null {
    return this.#entries.get(key) ?? null;
  }

  set(key: string, value: Buffer, ttlSeconds: number): Promise<void> {
    if (ttlSeconds > 0) this.#entries.set(key, value, { ttl: ttlSeconds * 1000 });
    return Promise.resolve();
  }

  clear(prefix: string): Promise<void> {
    for (const key of [...this.#entries.keys()]) if (key.startsWith(prefix)) this.#entries.delete(key);
    return Promise.resolve();
  }

  ping(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#entries.clear();
    return Promise.resolve();
  }
}

const namespace = 'erpfts:cache:';
const longestCommandMs = 500;
/** One that accepts commands and answers none is left alone for so long: each search would wait for it. */
const restMs = 5000;

export class RedisCache implements CacheBackend {
  readonly backend = 'redis';
  readonly #redis: Redis;
  #warned = false;
  #restsUntil = 0;

  constructor(
    url: string,
    private readonly log: Logger,
  ) {
    this.#redis = new Redis(url, {
      maxRetriesPerRequest: 1,
      enableOfflineQueue: false,
      connectTimeout: 2000,
      commandTimeout: longestCommandMs,
      retryStrategy: (attempt) => Math.min(5000, attempt * 200),
    });
    this.#redis.on('error', (error) => {
      if (!this.#warned) this.log.warn({ reason: messageOf(error) }, 'the Redis cache does not answer; answers are computed each time');
      this.#warned = true;
    });
    this.#redis.on('ready', () => {
      this.#warned = false;
      this.#restsUntil = 0;
    });
  }

  async get(key: string): Promise<Buffer | null> {
    // Health shows it; a miss is the right answer meanwhile.
    return this.#asked(() => this.#redis.getBuffer(namespace + key));
  }

  async set(key: string, value: Buffer, ttlSeconds: number): Promise<void> {
    // As above: the next request computes the answer again.
    if (ttlSeconds > 0) await this.#asked(() => this.#redis.set(namespace + key, value, 'EX', ttlSeconds));
  }

  /** @returns null where Redis does not answer */
  async #asked<T>(command: () => Promise<T>): Promise<T | null> {
    if (Date.now() < this.#restsUntil) return null;
    try {
      return await command();
    } catch (error) {
      if (messageOf(error) === 'Command timed out') this.#restsUntil = Date.now() + restMs;
      return null;
    }
  }

  async clear(prefix: string): Promise<void> {
    try {
      await this.#unlinkAll(prefix);
    } catch (error) {
      throw new AppError(
        'UNAVAILABLE',
        { en: `The Redis cache does not answer: ${messageOf(error)}`, ja: `Redis のキャッシュが応答しません: ${messageOf(error)}` },
        {
          en: 'Look at Redis, and clear it again; answers are computed each time until then.',
          ja: 'Redis を確認してから、もう一度消去してください。それまでは毎回計算します。',
        },
      );
    }
  }

  async #unlinkAll(prefix: string): Promise<void> {
    const stream = this.#redis.scanStream({ match: `${namespace}${prefix}*`, count: 1000 });
    for await (const keys of stream as AsyncIterable<string[]>) if (keys.length > 0) await this.#redis.unlink(...keys);
  }

  async ping(): Promise<void> {
    await this.#redis.ping();
  }

  close(): Promise<void> {
    this.#redis.disconnect();
    return Promise.resolve();
  }
}

export function openCache(settings: Pick<Settings, 'CACHE_BACKEND' | 'CACHE_REDIS_URL' | 'CACHE_MEMORY_BYTES'>, log: Logger): CacheBackend {
  return settings.CACHE_BACKEND === 'redis' ? new RedisCache(settings.CACHE_REDIS_URL, log) : new MemoryCache(settings.CACHE_MEMORY_BYTES);
}
