import { type SelectQueryBuilder } from 'typeorm';
import { ChunkEntity, ChunkVectorEntity, DocumentEntity, vectorFromBytes } from '../documents/index.js';
import { type Database } from '../platform/database/index.js';
import { AppError } from '../platform/errors.js';
import { type Logger } from '../platform/logging/index.js';
import { type GenerationEntity } from './generation.entity.js';
import { type KnowledgeIndex } from './knowledge-index.js';

const idsAtOnce = 5000;
const vectorsAtOnce = 500;
const retryMs = 500;

/**
 * Keeps the vector index and the passages that answer the same: what ChromaDB has lost (a collection dropped by hand, a
 * new directory, a restored database) is put back from the database without embedding anything again, and vectors of
 * passages that no longer exist are taken away.
 */
export class IndexRepair {
  #missing = 0;
  #unembedded = 0;
  #running: Promise<void> | null = null;
  #again = false;
  readonly #stop = new AbortController();

  constructor(
    private readonly database: Database,
    private readonly index: KnowledgeIndex,
    private readonly log: Logger,
  ) {}

  /** Vectors known to be missing and not put back yet. */
  get missing(): number {
    return this.#missing;
  }

  /** Passages that have no vector in the database either: only embedding them again helps. */
  get unembedded(): number {
    return this.#unembedded;
  }

  /** Compares now, and whenever ChromaDB comes back or a collection is found to be gone. */
  start(): void {
    const { vectors } = this.index;
    vectors.onAvailabilityChange((available) => available && this.run());
    vectors.onCollectionLost((collection) => collection === this.index.active.collection && this.run());
    if (vectors.available) this.run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Compares the numbers only, and repairs where vectors are missing. Throws AppError UNAVAILABLE while ChromaDB is down. */
  async look(): Promise<void> {
    // In this order: a passage's vector is there before it counts, and goes after it has stopped to count.
    const expected = await this.#expected().getCount();
    if ((await this.index.vectors.count(this.index.active.collection)) < expected - this.#unembedded) this.run();
  }

  /** Compares and repairs in the background; a call during a run makes another one follow. */
  run(): void {
    this.#again = true;
    this.#running ??= this.#untilWell().finally(() => (this.#running = null));
  }

  async #untilWell(): Promise<void> {
    const { signal } = this.#stop;
    while (this.#again && !signal.aborted) {
      this.#again = false;
      try {
        await this.index.vectors.whenAvailable(signal);
        await this.#repair(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof AppError && error.code === 'UNAVAILABLE')) {
          this.log.error({ err: error }, 'the vector index could not be compared with the database');
          return;
        }
        this.#again = true; // It went away meanwhile.
        await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    }
  }

  async #repair(signal: AbortSignal): Promise<void> {
    const generation = this.index.active;
    await this.index.ensureCollection();
    const expected = new Set((await this.#expected().select('chunk.id', 'id').getRawMany<{ id: number }>()).map(({ id }) => String(id)));
    const strangers: string[] = [];
    for (let offset = 0; ; offset += idsAtOnce) {
      signal.throwIfAborted();
      const ids = await this.index.vectors.ids(generation.collection, idsAtOnce, offset);
      for (const id of ids) if (!expected.delete(id)) strangers.push(id);
      if (ids.length < idsAtOnce) break;
    }
    const missing = [...expected].map(Number);
    this.#missing = missing.length;
    this.#unembedded = 0;
    if (missing.length > 0) {
      this.log.warn({ missing: missing.length }, 'the vector index lacks vectors; they are put back from the database');
      await this.#putBack(generation, missing, signal);
    }
    const removed = await this.#removeOrphans(generation.collection, strangers, signal);
    if (removed > 0) this.log.warn({ removed }, 'vectors of passages that no longer exist were removed from the vector index');
  }

  async #putBack(generation: GenerationEntity, missing: number[], signal: AbortSignal): Promise<void> {
    for (let at = 0; at < missing.length; at += vectorsAtOnce) {
      signal.throwIfAborted();
      const ids = missing.slice(at, at + vectorsAtOnce);
      const rows = await storedVectors(this.#expected(), generation.model).andWhere('chunk.id IN (:...ids)', { ids }).getRawMany<StoredVector>();
      await this.index.vectors.upsert(generation.collection, rows.map(vectorRow));
      // A document deleted meanwhile had its vectors removed before these came.
      const still = await this.#expected().andWhere('chunk.id IN (:...ids)', { ids }).select('chunk.id', 'id').getRawMany<{ id: number }>();
      const kept = new Set(still.map(({ id }) => id));
      await this.index.vectors.remove(
        generation.collection,
        rows.filter(({ id }) => !kept.has(id)).map(({ id }) => String(id)),
      );
      this.#missing -= ids.length;
      this.#unembedded += kept.size - rows.filter(({ id }) => kept.has(id)).length;
    }
  }

  /** Removes the vectors whose chunk has no row at all; those of a document being taken in or away have one. */
  async #removeOrphans(collection: string, ids: string[], signal: AbortSignal): Promise<number> {
    let removed = 0;
    for (let at = 0; at < ids.length; at += vectorsAtOnce) {
      signal.throwIfAborted();
      const part = ids.slice(at, at + vectorsAtOnce);
      const rows = await this.database.read
        .createQueryBuilder(ChunkEntity, 'chunk')
        .select('chunk.id', 'id')
        .where('chunk.id IN (:...ids)', { ids: part.map(Number).filter(Number.isSafeInteger) })
        .getRawMany<{ id: number }>();
      const known = new Set(rows.map(({ id }) => String(id)));
      const orphans = part.filter((id) => !known.has(id));
      await this.index.vectors.remove(collection, orphans);
      removed += orphans.length;
    }
    return removed;
  }

  /** Chunks that answer: of the revision that counts, of documents that are not being deleted. */
  #expected(): SelectQueryBuilder<ChunkEntity> {
    return this.database.read
      .createQueryBuilder(ChunkEntity, 'chunk')
      .innerJoin(DocumentEntity, 'document', 'document.id = chunk.documentId AND document.revision = chunk.revision AND document.deletedAt IS NULL')
      .where('chunk.indexedAt IS NOT NULL');
  }
}

interface StoredVector {
  id: number;
  documentId: string;
  vector: Uint8Array;
}

const vectorRow = ({ id, documentId, vector }: StoredVector) => ({ id: String(id), documentId, vector: vectorFromBytes(vector) });

function storedVectors(chunks: SelectQueryBuilder<ChunkEntity>, model: string): SelectQueryBuilder<ChunkEntity> {
  return chunks
    .innerJoin(ChunkVectorEntity, 'vector', 'vector.chunkId = chunk.id AND vector.model = :model', { model })
    .select(['chunk.id AS id', 'chunk.documentId AS "documentId"', 'vector.vector AS vector']);
}

/** Copies the stored vectors of all indexed chunks into a generation's collection. */
export async function refill(database: Database, index: KnowledgeIndex, generation: GenerationEntity, signal: AbortSignal): Promise<void> {
  for (let after = 0; ;) {
    signal.throwIfAborted();
    const chunks = database.read.createQueryBuilder(ChunkEntity, 'chunk').where('chunk.id > :after AND chunk.indexedAt IS NOT NULL', { after });
    const rows = await storedVectors(chunks, generation.model).orderBy('chunk.id').limit(1000).getRawMany<StoredVector>();
    if (rows.length === 0) return;
    await index.vectors.upsert(generation.collection, rows.map(vectorRow));
    after = rows[rows.length - 1]!.id;
  }
}
