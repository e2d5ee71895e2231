import { ChromaNotFoundError, type Collection } from 'chromadb';
import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { type Settings } from '../../config/index.js';
import { AppError, messageOf } from '../errors.js';
import { type Logger } from '../logging/index.js';
import { ChromaConnection } from './chroma-connection.js';
import { ChromaServer } from './chroma-server.js';
import { CollectionLost, type Neighbour, type VectorIndex, type VectorRow } from './vector-index.js';

type ChromaSettings = Pick<
  Settings,
  'CHROMA_URL' | 'CHROMA_HNSW_M' | 'CHROMA_HNSW_CONSTRUCTION_EF' | 'CHROMA_HNSW_SEARCH_EF' | 'CHROMA_TIMEOUT_MS' | 'DATA_DIR'
>;

/** Seven decimals are what a 32-bit float of a unit vector holds, at half the length of its double. */
const rounded = (value: number) => Math.round(value * 1e7) / 1e7;

/** The server refuses larger calls (SQLite's limit on bound values). */
const mostRowsPerCall = 5000;
/** Missed heartbeats after which our own server is taken for hung. */
const missedBeforeRestart = 3;
const watchEveryMs = 1000;

/** ChromaDB behind VectorIndex: its own client for everything but the query, which a keep-alive pool serves faster. */
export class ChromaIndex implements VectorIndex {
  #connection: ChromaConnection | null = null;
  #available = false;
  #downReason = 'ChromaDB has not started yet';
  #missed = 0;
  #watch: NodeJS.Timeout | null = null;
  #stopping = false;
  readonly #server: ChromaServer | null;
  readonly #events = new EventEmitter().setMaxListeners(0);

  constructor(
    private readonly settings: ChromaSettings,
    private readonly log: Logger,
  ) {
    this.#server = settings.CHROMA_URL
      ? null
      : new ChromaServer(
          settings.DATA_DIR,
          log,
          (url) => this.#connect(url),
          (reason) => this.#lose(reason),
        );
  }

  get available(): boolean {
    return this.#available;
  }

  /** Process id of our own server, null for one that runs elsewhere. */
  get serverPid(): number | null {
    return this.#server?.pid ?? null;
  }

  async start(): Promise<void> {
    if (this.#server) await this.#server.start();
    else await this.#probeOutside();
    this.#watch = setInterval(() => void this.#beat(), watchEveryMs);
  }

  async #probeOutside(): Promise<void> {
    const url = this.settings.CHROMA_URL.replace(/\/$/, '');
    try {
      const response = await fetch(`${url}/api/v2/heartbeat`, { signal: AbortSignal.timeout(Math.min(3000, this.settings.CHROMA_TIMEOUT_MS)) });
      if (!response.ok) throw new Error(`answered ${response.status}`);
      this.#connect(url);
    } catch (error) {
      this.#lose(`the ChromaDB server at CHROMA_URL does not answer: ${messageOf(error)}`);
    }
  }

  async #beat(): Promise<void> {
    if (this.#stopping) return;
    if (!this.#available) {
      if (!this.#server) await this.#probeOutside();
      return;
    }
    try {
      await this.ping();
      this.#missed = 0;
    } catch {
      this.#missed += 1;
      if (this.#missed < missedBeforeRestart) return;
      this.#missed = 0;
      this.#lose('ChromaDB does not answer');
      this.#server?.restart();
    }
  }

  #connect(url: string): void {
    this.#connection?.close();
    this.#connection = new ChromaConnection(url, this.settings.CHROMA_TIMEOUT_MS);
    if (this.#available) return;
    this.#available = true;
    this.log.info('ChromaDB answers');
    this.#events.emit('change', true);
  }

  #lose(reason: string): void {
    this.#downReason = reason;
    if (!this.#available) return;
    this.#available = false;
    this.log.warn({ reason }, 'ChromaDB is down');
    this.#events.emit('change', false);
  }

  onAvailabilityChange(listener: (available: boolean) => void): void {
    this.#events.on('change', listener);
  }

  onCollectionLost(listener: (collection: string) => void): void {
    this.#events.on('lost', listener);
  }

  whenAvailable(signal: AbortSignal): Promise<void> {
    if (this.#available) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const settle = () => {
        if (!this.#available && !signal.aborted) return;
        this.#events.off('change', settle);
        signal.removeEventListener('abort', settle);
        if (signal.aborted) reject(signal.reason instanceof Error ? signal.reason : new Error('interrupted'));
        else resolve();
      };
      this.#events.on('change', settle);
      signal.addEventListener('abort', settle);
      if (signal.aborted) settle();
    });
  }

  #live(): ChromaConnection {
    if (!this.#available || !this.#connection) {
      throw new AppError(
        'UNAVAILABLE',
        { en: `The vector index is down: ${this.#downReason}.`, ja: `ベクトル索引が停止しています: ${this.#downReason}。` },
        { en: 'Wait a moment: it is restarted by itself. Search goes on by words.', ja: '自動的に再起動するまでお待ちください。検索は語句で続きます。' },
      );
    }
    return this.#connection;
  }

  /** Runs a call; a connection that broke counts as the server being down. */
  async #call<T>(work: (connection: ChromaConnection) => Promise<T>): Promise<T> {
    const connection = this.#live();
    const controller = new AbortController();
    const deadline = delay(this.settings.CHROMA_TIMEOUT_MS, null, { ref: false, signal: controller.signal }).then(() => {
      throw new AppError(
        'UNAVAILABLE',
        {
          en: `ChromaDB did not answer within ${this.settings.CHROMA_TIMEOUT_MS} ms.`,
          ja: `ChromaDB が ${this.settings.CHROMA_TIMEOUT_MS} ミリ秒以内に応答しませんでした。`,
        },
        { en: 'Look at the health page.', ja: '稼働状況を確認してください。' },
      );
    });
    deadline.catch(() => undefined); // Given up once the answer is there.
    try {
      return await Promise.race([work(connection), deadline]);
    } catch (error) {
      if (error instanceof AppError) throw error;
      if (this.#connection === connection && !(await connection.responds())) {
        this.#lose(messageOf(error));
        throw new AppError(
          'UNAVAILABLE',
          { en: `The vector index is down: ${messageOf(error)}.`, ja: `ベクトル索引が停止しています: ${messageOf(error)}。` },
          { en: 'Wait a moment: it is restarted by itself.', ja: '自動的に再起動するまでお待ちください。' },
        );
      }
      throw error;
    } finally {
      controller.abort();
    }
  }

  /** A call on one collection. Where that is gone, dropped by hand or with its disk, the next call looks for it anew. */
  async #on<T>(name: string, work: (collection: Collection, connection: ChromaConnection) => Promise<T>): Promise<T> {
    return this.#call(async (connection) => {
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
    await this.#call(async (connection) => {
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
    await this.#call(async (connection) => {
      connection.forget(name);
      const existing = await connection.client.listCollections();
      if (existing.some((collection) => collection.name === name)) await connection.client.deleteCollection({ name });
    });
  }

  async listCollections(): Promise<string[]> {
    return this.#call(async ({ client }) => (await client.listCollections()).map((collection) => collection.name));
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

  async ping(): Promise<void> {
    const { url } = this.#live();
    const response = await fetch(`${url}/api/v2/heartbeat`, { signal: AbortSignal.timeout(2000) });
    if (!response.ok) throw new Error(`ChromaDB answered ${response.status}`);
    await response.arrayBuffer();
  }

  async startAfresh(): Promise<boolean> {
    await this.#server?.startAfresh();
    return this.#server !== null;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#watch) clearInterval(this.#watch);
    await this.#connection?.destroy();
    await this.#server?.stop();
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
