import { type Settings } from '../../config/index.js';
import { type CacheBackend } from './cache.js';

export const cacheKinds = ['search', 'embedding', 'metadata'] as const;
/** Answers to searches, vectors of queries, and figures about the library. */
export type CacheKind = (typeof cacheKinds)[number];

export interface CacheKindStatistics {
  kind: CacheKind;
  hits: number;
  misses: number;
}

/**
 * The cache as features see it: kinds with times to live of their own, and a count of hits. Entries die with what they
 * answer from because its version is part of their key; nothing is looked for to be removed.
 */
export class AnswerCache {
  readonly #ttlSeconds: Record<CacheKind, number>;
  readonly #counts = new Map(cacheKinds.map((kind) => [kind, { hits: 0, misses: 0 }]));

  constructor(
    private readonly store: CacheBackend,
    settings: Pick<Settings, 'CACHE_SEARCH_TTL' | 'CACHE_EMBEDDING_TTL' | 'CACHE_METADATA_TTL'>,
  ) {
    this.#ttlSeconds = { search: settings.CACHE_SEARCH_TTL, embedding: settings.CACHE_EMBEDDING_TTL, metadata: settings.CACHE_METADATA_TTL };
  }

  get backend(): CacheBackend['backend'] {
    return this.store.backend;
  }

  /** Whether entries of a kind are kept at all. */
  keeps(kind: CacheKind): boolean {
    return this.#ttlSeconds[kind] > 0;
  }

  /** At once where the cache is in memory: whoever has something to begin, begins it then and there. */
  get(kind: CacheKind, key: string): Buffer | null | Promise<Buffer | null> {
    if (!this.keeps(kind)) return null;
    const found = this.store.get(`${kind}:${key}`);
    return found instanceof Promise ? found.then((bytes) => this.#counted(kind, bytes)) : this.#counted(kind, found);
  }

  #counted(kind: CacheKind, found: Buffer | null): Buffer | null {
    const counts = this.#counts.get(kind)!;
    if (found) counts.hits += 1;
    else counts.misses += 1;
    return found;
  }

  async set(kind: CacheKind, key: string, value: Buffer): Promise<void> {
    if (this.keeps(kind)) await this.store.set(`${kind}:${key}`, value, this.#ttlSeconds[kind]);
  }

  async clear(kinds: readonly CacheKind[] = cacheKinds): Promise<void> {
    for (const kind of kinds) await this.store.clear(`${kind}:`);
  }

  /** Since the start. */
  statistics(): CacheKindStatistics[] {
    return [...this.#counts].map(([kind, counts]) => ({ kind, ...counts }));
  }

  /** Throws where the backend does not answer. */
  ping(): Promise<void> {
    return this.store.ping();
  }

  close(): Promise<void> {
    return this.store.close();
  }
}
