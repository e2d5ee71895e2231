import { type SelectQueryBuilder } from 'typeorm';
import { ChunkEntity, ChunkVectorEntity, DocumentEntity, vectorFromBytes } from '../documents/index.js';
import { type Database } from '../platform/database/index.js';
import { type Logger } from '../platform/logging/index.js';
import { type GenerationEntity } from './generation.entity.js';
import { type KnowledgeIndex } from './knowledge-index.js';
import { passagesBeside } from './passages.js';

const idsAtOnce = 5000;
const vectorsAtOnce = 500;

type OnProgress = (missing: number, unembedded: number) => void;

interface StoredVector {
  id: number;
  documentId: string;
  vector: Uint8Array;
}

/** Makes a generation's collection hold exactly what the database holds under its model; nothing is embedded. */
export class IndexMirror {
  constructor(
    private readonly database: Database,
    private readonly index: KnowledgeIndex,
    private readonly log: Logger,
  ) {}

  /** Passages that answer. */
  expected(): Promise<number> {
    return this.#passages(this.index.active).getCount();
  }

  /** @param onProgress told how many vectors are still missing, and how many of these the database does not have either */
  async bring(generation: GenerationEntity, signal: AbortSignal, onProgress: OnProgress = () => undefined): Promise<void> {
    const { collection } = generation;
    const expected = new Set((await this.#passages(generation).select('chunk.id', 'id').getRawMany<{ id: number }>()).map(({ id }) => String(id)));
    const strangers: string[] = [];
    for (let offset = 0; ; offset += idsAtOnce) {
      signal.throwIfAborted();
      const ids = await this.index.vectors.ids(collection, idsAtOnce, offset);
      for (const id of ids) if (!expected.delete(id)) strangers.push(id);
      if (ids.length < idsAtOnce) break;
    }
    const missing = [...expected].map(Number);
    onProgress(missing.length, 0);
    const put = await this.#putBack(generation, missing, signal, onProgress);
    // A generation that is being filled lacks them by its nature.
    if (put > 0)
      this.log[generation.status === 'ACTIVE' ? 'warn' : 'info'](
        { collection, vectors: put },
        'vectors that the index lacked were put there from the database',
      );
    const removed = await this.#removeOrphans(collection, strangers, signal);
    if (removed > 0) this.log.warn({ collection, removed }, 'vectors of passages that no longer exist were removed from the vector index');
  }

  async #putBack(generation: GenerationEntity, missing: number[], signal: AbortSignal, onProgress: OnProgress): Promise<number> {
    const { collection, model } = generation;
    let put = 0;
    let unembedded = 0;
    for (let at = 0; at < missing.length; at += vectorsAtOnce) {
      signal.throwIfAborted();
      const ids = missing.slice(at, at + vectorsAtOnce);
      const rows = await this.#passages(generation)
        .innerJoin(ChunkVectorEntity, 'vector', 'vector.chunkId = chunk.id AND vector.model = :model', { model })
        .select(['chunk.id AS id', 'chunk.documentId AS "documentId"', 'vector.vector AS vector'])
        .andWhere('chunk.id IN (:...ids)', { ids })
        .getRawMany<StoredVector>();
      await this.index.vectors.upsert(
        collection,
        rows.map(({ id, documentId, vector }) => ({ id: String(id), documentId, vector: vectorFromBytes(vector) })),
      );
      // A document deleted meanwhile had its vectors removed before these came.
      const still = await this.#passages(generation).andWhere('chunk.id IN (:...ids)', { ids }).select('chunk.id', 'id').getRawMany<{ id: number }>();
      const kept = new Set(still.map(({ id }) => id));
      const gone = rows.filter(({ id }) => !kept.has(id));
      await this.index.vectors.remove(
        collection,
        gone.map(({ id }) => String(id)),
      );
      put += rows.length - gone.length;
      unembedded += kept.size - (rows.length - gone.length);
      onProgress(missing.length - at - ids.length, unembedded);
    }
    return put;
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

  /** Chunks of a generation: of the revision that counts under its chunking, of documents that are not being deleted. */
  #passages({ chunking }: Pick<GenerationEntity, 'chunking'>): SelectQueryBuilder<ChunkEntity> {
    const { read } = this.database;
    if (chunking !== this.index.active.chunking) return passagesBeside(read, chunking).andWhere('chunk.indexedAt IS NOT NULL');
    return read
      .createQueryBuilder(ChunkEntity, 'chunk')
      .innerJoin(DocumentEntity, 'document', 'document.id = chunk.documentId AND document.revision = chunk.revision AND document.deletedAt IS NULL')
      .where('chunk.indexedAt IS NOT NULL AND chunk.chunking = :chunking', { chunking });
  }
}
