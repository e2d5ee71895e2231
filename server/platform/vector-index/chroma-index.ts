import { ChromaNotFoundError, type Collection } from 'chromadb';
import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { type Settings } from '../../config/index.js';
import { messageOf } from '../errors.js';
import { type Logger } from '../logging/index.js';
import { type ChromaConnection } from './chroma-connection.js';
import { ChromaLink, type LinkSettings } from './chroma-link.js';
import { CollectionLost, type Neighbour, type VectorIndex, type VectorRow } from './vector-index.js';

type ChromaSettings = LinkSettings & Pick<Settings, 'CHROMA_HNSW_M' | 'CHROMA_HNSW_CONSTRUCTION_EF' | 'CHROMA_HNSW_SEARCH_EF'>;

/** Seven decimals are what a 32-bit float of a unit vector holds, at half the length of its double. */
const rounded = (value: number) => Math.round(value * 1e7) / 1e7;

/** The server refuses larger calls (SQLite's limit on bound values). */
const mostRowsPerCall = 5000;

/** ChromaDB behind VectorIndex: its own client for everything but the query, which a keep-alive pool serves faster. */
export class ChromaIndex implements VectorIndex {
  readonly #link: ChromaLink;
  readonly #events = new EventEmitter().setMaxListeners(0);

  constructor(
    private readonly settings: ChromaSettings,
    log: Logger,
  ) {
    this.#link = new ChromaLink(settings, log);
  }

  get available(): boolean {
    return this.#link.available;
  }

  /** Process id of our own server, null for one that runs elsewhere. */
  get serverPid(): number | null {
    return this.#link.serverPid;
  }

  start(): Promise<void> {
    return this.#link.start();
  }

  onAvailabilityChange(listener: (available: boolean) => void): void {
    this.#link.onAvailabilityChange(listener);
  }

  whenAvailable(signal: AbortSignal): Promise<void> {
    return this.#link.whenAvailable(signal);
  }

  onCollectionLost(listener: (collection: string) => void): void {
    this.#events.on('lost', listener);
  }

  /** A call on one collection. Where that is gone, dropped by hand or with its disk, the next call looks for it anew. */
  async #on<T>(name: string, work: (collection: Collection, connection: ChromaConnection) => Promise<T>): Promise<T> {
    return this.#link.call(async (connection) => {
      try {
        return await onceWritten(async () => work(await connection.collection(name), connection));
      } catch (error) {
        if (!(error instanceof ChromaNotFoundError)) throw error;
        connection.forget(name);
        this.#events.emit('lost', name);
        throw new CollectionLost(name);
      }
    });
  }

  async ensureCollection(name: string): Promise<void> {
    await this.#link.call(async (connection) => {
      const made = await connection.client.getOrCreateCollection({
        name,
        embeddingFunction: null,
        configuration: {
          hnsw: {
            space: 'cosine',
            max_neighbors: this.settings.CHROMA_HNSW_M,
            ef_construction: this.settings.CHROMA_HNSW_CONSTRUCTION_EF,
            ef_search: this.settings.CHROMA_HNSW_SEARCH_EF,
          },
        },
      });
      connection.remember(name, made);
    });
  }

  async dropCollection(name: string): Promise<void> {
    await this.#link.call(async (connection) => {
      connection.forget(name);
      const existing = await connection.client.listCollections();
      if (existing.some((collection) => collection.name === name)) await connection.client.deleteCollection({ name });
    });
  }

  async listCollections(): Promise<string[]> {
    return this.#link.call(async ({ client }) => (await client.listCollections()).map((collection) => collection.name));
  }

  async upsert(collection: string, rows: VectorRow[]): Promise<void> {
    for (let at = 0; at < rows.length; at += mostRowsPerCall) {
      const part = rows.slice(at, at + mostRowsPerCall);
      await this.#on(collection, (found) =>
        found.upsert({
          ids: part.map((row) => row.id),
          embeddings: part.map((row) => Array.from(row.vector)),
          metadatas: part.map((row) => ({ documentId: row.documentId })),
        }),
      );
    }
  }

  async remove(collection: string, ids: string[]): Promise<void> {
    for (let at = 0; at < ids.length; at += mostRowsPerCall) {
      const part = ids.slice(at, at + mostRowsPerCall);
      await this.#on(collection, (found) => found.delete({ ids: part }));
    }
  }

  async query(collection: string, vector: Float32Array, limit: number, documentIds?: string[]): Promise<Neighbour[]> {
    return this.#on(collection, async ({ id }, connection) => {
      const { statusCode, body } = await connection.pool.request({
        method: 'POST',
        path: `/api/v2/tenants/default_tenant/databases/default_database/collections/${id}/query`,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          query_embeddings: [Array.from(vector, rounded)],
          n_results: limit,
          include: ['distances'],
          ...(documentIds ? { where: { documentId: { $in: documentIds } } } : {}),
        }),
      });
      if (statusCode === 404) throw new ChromaNotFoundError(await body.text());
      if (statusCode !== 200) throw new Error(`ChromaDB answered ${statusCode}: ${(await body.text()).slice(0, 300)}`);
      const { ids, distances } = (await body.json()) as { ids: string[][]; distances: (number | null)[][] };
      return (ids[0] ?? []).map((neighbour, index) => ({ id: neighbour, similarity: 1 - (distances[0]?.[index] ?? 1) }));
    });
  }

  async count(collection: string): Promise<number> {
    return this.#on(collection, (found) => found.count());
  }

  async existing(collection: string, ids: string[]): Promise<string[]> {
    const found: string[] = [];
    for (let at = 0; at < ids.length; at += mostRowsPerCall) {
      const part = ids.slice(at, at + mostRowsPerCall);
      found.push(...(await this.#on(collection, (kept) => kept.get({ ids: part, include: [] }))).ids);
    }
    return found;
  }

  async ids(collection: string, limit: number, offset: number): Promise<string[]> {
    return (await this.#on(collection, (found) => found.get({ limit, offset, include: [] }))).ids;
  }

  async read(collection: string, ids: string[]): Promise<Map<string, ArrayLike<number>>> {
    const vectors = new Map<string, ArrayLike<number>>();
    for (let at = 0; at < ids.length; at += mostRowsPerCall) {
      const found = await this.#on(collection, (kept) => kept.get({ ids: ids.slice(at, at + mostRowsPerCall), include: ['embeddings'] }));
      for (const [i, id] of found.ids.entries()) if (found.embeddings[i]) vectors.set(id, found.embeddings[i]);
    }
    return vectors;
  }

  ping(): Promise<void> {
    return this.#link.ping();
  }

  startAfresh(): Promise<boolean> {
    return this.#link.startAfresh();
  }

  stop(): Promise<void> {
    return this.#link.stop();
  }
}

/** What ChromaDB 1.0 answers for a moment about a collection whose first vectors it is still putting on disk. */
const notYetWritten = /Nothing found on disk/;
const writingPauseMs = 100;
const mostLooks = 20;

/** Asks again while ChromaDB cannot read what it has been given: every call may be repeated. */
async function onceWritten<T>(work: () => Promise<T>): Promise<T> {
  for (let look = 1; ; look += 1) {
    try {
      return await work();
    } catch (error) {
      if (look === mostLooks || !notYetWritten.test(messageOf(error))) throw error;
      await delay(writingPauseMs, undefined, { ref: false });
    }
  }
}
