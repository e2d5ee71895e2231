import { AsyncResource } from 'node:async_hooks';
import PQueue from 'p-queue';
import { type EntityManager } from 'typeorm';
import { type Settings } from '../config/index.js';
import { ChunkingEntity, type ChunkingLimits, ChunkVectorEntity, firstChunking, revisionsLock, vectorFromBytes } from '../documents/index.js';
import { type Database } from '../platform/database/index.js';
import { canonicalModelName, type Download, type Embedder } from '../platform/embedder/index.js';
import { messageOf } from '../platform/errors.js';
import { type Logger } from '../platform/logging/index.js';
import { type Lull } from '../platform/lull.js';
import { type Neighbour, type VectorIndex, type VectorRow } from '../platform/vector-index/index.js';
import { type Embedders } from './embedders.js';
import { GenerationEntity } from './generation.entity.js';
import { ResidentIndex } from './resident-index.js';
import { UpsertBatcher } from './upsert-batcher.js';

type RefinedListener = (model: string, chunkIds: number[]) => void;

/** The vector side of the knowledge base: which generation answers, under which model, and what goes into it. */
export class KnowledgeIndex {
  #active: GenerationEntity | null = null;
  #chunking: ChunkingEntity | null = null;
  #embedder: Embedder | null = null;
  #embedderFailure: string | null = null;
  readonly #batchers = new Map<string, UpsertBatcher>();
  /** Collection that is filled to take the active one's place. */
  #also: string | null = null;
  readonly #refinedListeners: RefinedListener[] = [];
  readonly #resident: ResidentIndex;
  readonly #closing = new AbortController();
  readonly #turns = new PQueue({ concurrency: 1 });

  constructor(
    private readonly settings: Settings,
    private readonly database: Database,
    readonly vectors: VectorIndex,
    private readonly embedders: Embedders,
    private readonly log: Logger,
    lull: Lull,
  ) {
    this.#resident = new ResidentIndex(database, settings.RESIDENT_VECTORS, lull);
  }

  /** Aborted when the server stops. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  close(): void {
    this.#closing.abort();
  }

  /** The generation that answers searches. */
  get active(): GenerationEntity {
    if (!this.#active) throw new Error('the index has not been opened');
    return this.#active;
  }

  /** How the passages of the generation that answers are cut. */
  get chunking(): ChunkingEntity {
    if (!this.#chunking) throw new Error('the index has not been opened');
    return this.#chunking;
  }

  get configuredLimits(): ChunkingLimits {
    const { CHUNK_MAX_TOKENS: maxTokens, CHUNK_OVERLAP: overlap, CHUNK_PIECE_TOKENS: pieceTokens } = this.settings;
    return { maxTokens, overlap, pieceTokens };
  }

  get configuredModel(): string {
    return canonicalModelName(this.settings.EMBEDDING_MODEL);
  }

  /** Embedder of the active generation's model; null while it loads or has failed. */
  get embedder(): Embedder | null {
    return this.#embedder?.state === 'ready' ? this.#embedder : null;
  }

  get embedderFailure(): string | null {
    return this.#embedder?.failure ?? this.#embedderFailure;
  }

  /** Reads or founds the active generation. */
  async open(): Promise<void> {
    const existing = await this.database.read.findOneBy(GenerationEntity, { status: 'ACTIVE' });
    this.#active =
      existing ??
      (await this.database.write((tx) =>
        tx.save(
          Object.assign(new GenerationEntity(), {
            number: 1,
            collection: this.collectionName(1),
            model: this.configuredModel,
            chunking: firstChunking,
            status: 'ACTIVE',
            createdAt: new Date(),
            activatedAt: new Date(),
            comparison: null,
          }),
        ),
      ));
    const { chunking: number } = this.#active;
    this.#chunking =
      (await this.database.read.findOneBy(ChunkingEntity, { number })) ??
      // A library from before limits were kept: it was cut as the settings say, as far as anybody knows.
      (await this.database.write((tx) => tx.save(Object.assign(new ChunkingEntity(), { number, ...this.configuredLimits }))));
  }

  /** The generation that answers, as the transaction sees it; it stays that until the transaction ends. */
  async activeWithin(tx: EntityManager): Promise<Pick<GenerationEntity, 'model' | 'collection' | 'chunking'>> {
    await this.database.lock(tx, revisionsLock);
    const [row] = (await tx.query(`SELECT model, collection, chunking FROM index_generations WHERE status = 'ACTIVE'`)) as GenerationEntity[];
    return row ?? this.active;
  }

  collectionName(generation: number): string {
    return `${this.settings.CHROMA_COLLECTION}_g${generation}`;
  }

  /** Loads the active model; a failure is kept for health and leaves search by words. */
  async loadEmbedder(): Promise<void> {
    try {
      this.#embedder = await this.embedders.get(this.active.model);
      this.#embedderFailure = null;
    } catch (error) {
      this.#embedderFailure = messageOf(error);
      this.log.error({ err: error, model: this.active.model }, 'the embedding model could not be loaded');
    }
  }

  /** Loads the active model anew; the embedder in use answers until the new one does. Rejects, and keeps it, where that fails. @param download its files come from the hub again first */
  async reloadEmbedder(download: Download | null): Promise<void> {
    const { model } = this.active;
    this.#embedder = await this.embedders.reload(model, this.closing, download);
    this.#embedderFailure = null;
  }

  /** Embedder of the active model, waiting until it is loaded. */
  async requireEmbedder(): Promise<Embedder> {
    return this.embedders.get(this.active.model);
  }

  /** Answers from `generation` from now on; all of its parts change in the same moment. */
  adopt(generation: GenerationEntity, embedder: Embedder, chunking = this.chunking): void {
    this.#active = { ...generation, status: 'ACTIVE', activatedAt: new Date() };
    this.#chunking = chunking;
    this.#embedder = embedder;
    this.#embedderFailure = null;
    this.warm(this.closing).catch((error: unknown) => this.log.error({ err: error }, 'the vectors could not be read into memory'));
  }

  /** Reads the active generation's vectors into memory, where they are few enough; until then ChromaDB is asked. */
  warm(signal: AbortSignal): Promise<void> {
    return this.#resident.load(this.active, signal);
  }

  /** Collection and embedder that belong together: a search takes both at once, so that a change of model never comes between them. */
  get serving(): { collection: string; model: string; embedder: Embedder | null } {
    return { collection: this.active.collection, model: this.active.model, embedder: this.embedder };
  }

  /** Throws AppError UNAVAILABLE while the vector index is down: what is kept in memory may then no longer be what it holds. */
  async nearest(vector: Float32Array, limit: number, documentIds?: string[], collection = this.active.collection): Promise<Neighbour[]> {
    const resident = this.vectors.available ? this.#resident.nearest(collection, vector, limit, documentIds) : null;
    if (resident) return resident;
    return this.vectors.query(collection, vector, limit, documentIds);
  }

  /** Tells that what was missing is there again: answers that were kept meanwhile may lack it. */
  mended(): void {
    this.refined(this.active.model, []);
  }

  /** Tells that chunks have got their finer vectors. */
  refined(model: string, chunkIds: number[]): void {
    for (const listener of this.#refinedListeners) listener(model, chunkIds);
  }

  onRefined(listener: RefinedListener): void {
    this.#refinedListeners.push(listener);
  }

  ensureCollection(): Promise<void> {
    return this.vectors.ensureCollection(this.active.collection);
  }

  /**
   * Another generation as a search sees it, for comparing it with the one that answers.
   * @param revisions of documents whose passages are others there
   */
  view(generation: GenerationEntity, embedder: Embedder, revisions?: ReadonlyMap<string, number>): SearchedIndex {
    return {
      active: generation,
      revisions,
      serving: { collection: generation.collection, model: generation.model, embedder },
      embedder,
      embedderFailure: null,
      vectors: this.vectors,
      nearest: (vector, limit, documentIds) => this.vectors.query(generation.collection, vector, limit, documentIds),
      onRefined: () => undefined,
    };
  }

  /** Adds vectors to the active generation; small calls that come together travel together. */
  async upsert(rows: VectorRow[], collection = this.active.collection): Promise<void> {
    let batcher = this.#batchers.get(collection);
    if (!batcher) this.#batchers.set(collection, (batcher = new UpsertBatcher((batch) => this.vectors.upsert(collection, batch))));
    await batcher.add(rows);
    const also = collection === this.active.collection ? this.#also : null;
    if (also) await this.vectors.upsert(also, rows);
    this.#resident.upserted(collection, rows);
  }

  /** Does what fills, exchanges or drops collections alone: one after another, or not at all once `signal` is aborted. */
  exclusively<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#turns.add(AsyncResource.bind(work), { signal });
  }

  /** What goes into the generation that answers goes into this collection as well. @returns a function that ends that */
  mirrorTo(collection: string): () => void {
    this.#also = collection;
    return () => (this.#also = null);
  }

  /** Tells that upserted vectors are in the database now: a read into memory that began before may have missed them. */
  kept(rows: VectorRow[], collection: string): void {
    this.#resident.upserted(collection, rows);
  }

  /** Removes chunks from every generation. */
  async remove(chunkIds: number[]): Promise<void> {
    const ids = chunkIds.map(String);
    this.#resident.removed(ids);
    if (ids.length === 0) return;
    for (const collection of await this.ownCollections()) await this.vectors.remove(collection, ids);
  }

  async ownCollections(): Promise<string[]> {
    return (await this.vectors.listCollections()).filter((name) => name.startsWith(`${this.settings.CHROMA_COLLECTION}_g`));
  }

  /** Stored vectors of chunks under a model. */
  async storedVectors(chunkIds: number[], model = this.active.model): Promise<Map<number, Float32Array>> {
    const found = new Map<number, Float32Array>();
    for (let at = 0; at < chunkIds.length; at += 500) {
      const rows = await this.database.read
        .createQueryBuilder(ChunkVectorEntity, 'vector')
        .where('vector.model = :model AND vector.chunkId IN (:...ids)', { model, ids: chunkIds.slice(at, at + 500) })
        .getMany();
      for (const row of rows) found.set(row.chunkId, vectorFromBytes(row.vector));
    }
    return found;
  }
}

/** What a search asks of an index. */
export interface SearchedIndex extends Pick<KnowledgeIndex, 'active' | 'serving' | 'embedder' | 'embedderFailure' | 'vectors' | 'nearest' | 'onRefined'> {
  /** Revisions that count in place of those that answer, by document. */
  revisions?: ReadonlyMap<string, number> | undefined;
}
