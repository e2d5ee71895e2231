import { vectorFromBytes } from '../documents/index.js';
import { type Database } from '../platform/database/index.js';
import { type Lull } from '../platform/lull.js';
import { type GenerationEntity } from './generation.entity.js';
import { type Neighbour, ResidentVectors, type VectorRow } from '../platform/vector-index/index.js';

const readAtOnce = 500;

/**
 * The active collection's vectors in this process, for libraries small enough that comparing all of them takes less time
 * than a question to ChromaDB. It follows every change that ChromaDB has accepted, and answers only once it has all.
 */
export class ResidentIndex {
  #vectors: ResidentVectors | null = null;
  #collection: string | null = null;
  #whole = false;

  /** @param limit most vectors kept, 0 for none */
  constructor(
    private readonly database: Database,
    private readonly limit: number,
    private readonly lull: Lull,
  ) {}

  /** Null where ChromaDB has to be asked. */
  nearest(collection: string, vector: Float32Array, limit: number, documentIds?: string[]): Neighbour[] | null {
    return this.#whole && collection === this.#collection ? (this.#vectors?.nearest(vector, limit, documentIds) ?? []) : null;
  }

  upserted(collection: string, rows: VectorRow[]): void {
    if (collection === this.#collection) for (const row of rows) this.#set(row);
  }

  removed(ids: string[]): void {
    for (const id of ids) this.#vectors?.delete(id);
  }

  forget(): void {
    this.#vectors = null;
    this.#collection = null;
    this.#whole = false;
  }

  /**
   * Reads a collection's vectors from the database; those that come meanwhile are told. Passages that do not answer yet are
   * read too: a search leaves them out by their revision.
   */
  async load({ collection, model, chunking }: Pick<GenerationEntity, 'collection' | 'model' | 'chunking'>, signal: AbortSignal): Promise<void> {
    this.forget();
    if (this.limit === 0) return;
    this.#collection = collection;
    let after = 0;
    for (;;) {
      const rows = (await this.database.searchRead.query(
        `SELECT v.chunk_id AS id, c.document_id AS "documentId", v.vector FROM chunk_vectors v JOIN chunks c ON c.id = v.chunk_id AND c.chunking = ${chunking}
         WHERE v.model = '${model.replaceAll("'", "''")}' AND v.chunk_id > ${after} ORDER BY v.chunk_id LIMIT ${readAtOnce}`,
      )) as { id: number; documentId: string; vector: Uint8Array }[];
      if (signal.aborted || this.#collection !== collection) return;
      for (const { id, documentId, vector } of rows) this.#set({ id: String(id), documentId, vector: vectorFromBytes(vector) });
      if (rows.length < readAtOnce) break;
      after = rows.at(-1)!.id;
      await this.lull.come();
    }
    this.#whole = true;
  }

  #set(row: VectorRow): void {
    if (this.#collection === null) return; // Forgotten since: there were too many.
    this.#vectors ??= new ResidentVectors(row.vector.length, this.limit);
    if (!this.#vectors.set(row)) this.forget();
  }
}
