import { setTimeout as delay } from 'node:timers/promises';
import { type EntityManager, In, IsNull, type SelectQueryBuilder } from 'typeorm';
import { ChunkEntity, ChunkVectorEntity, DocumentEntity, vectorFromBytes, vectorToBytes } from '../documents/index.js';
import { type Database } from '../platform/database/index.js';
import { type Embedder, passageText } from '../platform/embedder/index.js';
import { AppError } from '../platform/errors.js';
import { type JobContext } from '../platform/queue/index.js';
import { outOf } from '../platform/saying.js';
import { type VectorRow } from '../platform/vector-index/index.js';
import { type GenerationEntity } from './generation.entity.js';
import { type KnowledgeIndex } from './knowledge-index.js';
import { passagesBeside } from './passages.js';
import { type CoarseChunk, embedPieces } from './refine.js';

interface MissingChunk extends CoarseChunk {
  documentId: string;
}

interface MadeVector {
  vector: Float32Array;
  pieces: Buffer | null;
}

const chunksAtOnce = 64;
const retryMs = 300;
/** Long documents are cut at other places anyway, and comparing all of their passages with each other takes longer than it saves. */
const mostPassagesCompared = 200;

/** Gives a generation that is being built the vectors that it lacks. */
export class GenerationFilling {
  constructor(
    private readonly database: Database,
    private readonly index: KnowledgeIndex,
  ) {}

  /** Embeds what has no vector under the generation's model yet, and puts it into its collection. */
  async fill(generation: GenerationEntity, embedder: Embedder, signal: AbortSignal, report: JobContext['report']): Promise<void> {
    const { collection, model } = generation;
    const total = await this.#passages(this.database.read, generation).getCount();
    let done = total - (await this.#missingQuery(this.database.read, generation).getCount());
    for (let after = 0; ;) {
      const chunks = await this.missing(this.database.read, generation, chunksAtOnce, after);
      if (chunks.length === 0 && after === 0) return;
      // At the end once more from the beginning: documents may have come, and passages whose numbers lie before those looked at.
      after = chunks.at(-1)?.id ?? 0;
      if (chunks.length === 0) continue;
      signal.throwIfAborted();
      const made = await this.#made(chunks, model, embedder, signal);
      const kept = await this.database.write(async (tx) => {
        // What was deleted or read again while it was embedded is not to come back.
        const there = await this.#present(tx, chunks, true);
        const rows = chunks.flatMap(({ id }, i) =>
          there.has(id) ? [{ chunkId: id, model, vector: vectorToBytes(made[i]!.vector), pieces: made[i]!.pieces }] : [],
        );
        if (rows.length > 0) await tx.upsert(ChunkVectorEntity, rows, ['chunkId', 'model']);
        await tx.update(ChunkEntity, { id: In([...there]), indexedAt: IsNull() }, { indexedAt: new Date() });
        return chunks.flatMap((chunk, i) => (there.has(chunk.id) ? [{ id: String(chunk.id), documentId: chunk.documentId, vector: made[i]!.vector }] : []));
      });
      await this.#put(collection, kept, signal);
      const still = await this.#present(this.database.read, chunks);
      const gone = kept.filter(({ id }) => !still.has(Number(id))).map(({ id }) => id);
      if (gone.length > 0) await this.index.vectors.remove(collection, gone);
      done += chunks.length;
      report({ stage: 'EMBEDDING', progress: total === 0 ? 1 : Math.min(0.98, done / total), message: outOf(done, total, { en: 'chunks', ja: 'チャンク' }) });
    }
  }

  /** Those of the passages that still exist. @param locked they stay until the transaction ends */
  async #present(manager: EntityManager, chunks: MissingChunk[], locked = false): Promise<Set<number>> {
    const held = locked && this.database.dialect === 'postgres' ? 'FOR KEY SHARE' : '';
    const rows = (await manager.query(`SELECT id FROM chunks WHERE id IN (${chunks.map(({ id }) => id).join(', ')}) ${held}`)) as { id: number }[];
    return new Set(rows.map(({ id }) => Number(id)));
  }

  async #made(chunks: MissingChunk[], model: string, embedder: Embedder, signal: AbortSignal): Promise<MadeVector[]> {
    const known = await this.#ofEqualPassages(chunks, model);
    return Promise.all(
      chunks.map(async (chunk) => {
        const equal = known.get(chunk.id);
        const [vector, pieces] = await Promise.all([
          equal?.vector ?? embedder.embedPassage(passageText(chunk.title, chunk.headingPath, chunk.text), { signal }),
          equal?.pieces ?? embedPieces(embedder, chunk, signal, false),
        ]);
        return { vector, pieces };
      }),
    );
  }

  /** Cut in another way, short documents have the same passages as before. */
  async #ofEqualPassages(chunks: MissingChunk[], model: string): Promise<Map<number, MadeVector>> {
    const { active } = this.index;
    if (active.model !== model) return new Map();
    const rows = (await this.database.read.query(
      `SELECT n.id, v.vector, CASE WHEN o.pieces = n.pieces THEN v.pieces END AS pieces FROM chunks n
       JOIN documents d ON d.id = n.document_id AND d.chunk_count <= ${mostPassagesCompared}
       JOIN chunks o ON o.document_id = n.document_id AND o.revision = d.revision AND o.id <> n.id AND o.text = n.text AND o.heading_path = n.heading_path
       JOIN chunk_vectors v ON v.chunk_id = o.id AND v.model = '${model.replaceAll("'", "''")}'
       WHERE n.id IN (${chunks.map(({ id }) => id).join(', ')})`,
    )) as { id: number; vector: Uint8Array; pieces: Buffer | null }[];
    return new Map(rows.map(({ id, vector, pieces }) => [id, { vector: vectorFromBytes(vector), pieces }]));
  }

  /** Waits for ChromaDB where it is down. */
  async #put(collection: string, rows: VectorRow[], signal: AbortSignal): Promise<void> {
    const { vectors } = this.index;
    for (;;) {
      await vectors.whenAvailable(signal);
      try {
        await vectors.upsert(collection, rows);
        return;
      } catch (error) {
        if (!(error instanceof AppError && error.code === 'UNAVAILABLE')) throw error;
        await delay(retryMs, undefined, { signal });
        await vectors.whenAvailable(signal);
        await vectors.ensureCollection(collection);
      }
    }
  }

  /** What a generation is to hold: of its own chunking, what is being cut beside what answers. */
  #passages(manager: EntityManager, { chunking }: GenerationEntity): SelectQueryBuilder<ChunkEntity> {
    if (chunking !== this.index.active.chunking) return passagesBeside(manager, chunking);
    return manager
      .createQueryBuilder(ChunkEntity, 'chunk')
      .innerJoin(DocumentEntity, 'document', 'document.id = chunk.documentId')
      .where('chunk.chunking = :chunking AND chunk.indexedAt IS NOT NULL', { chunking });
  }

  #missingQuery(manager: EntityManager, generation: GenerationEntity): SelectQueryBuilder<ChunkEntity> {
    return this.#passages(manager, generation)
      .leftJoin(ChunkVectorEntity, 'vector', 'vector.chunkId = chunk.id AND vector.model = :model', { model: generation.model })
      .andWhere('vector.chunkId IS NULL');
  }

  async missing(manager: EntityManager, generation: GenerationEntity, limit: number, after = 0): Promise<MissingChunk[]> {
    const rows = await this.#missingQuery(manager, generation)
      .andWhere('chunk.id > :after', { after })
      .select([
        'chunk.id AS id',
        'chunk.documentId AS "documentId"',
        'document.title AS title',
        'chunk.headingPath AS "headingPath"',
        'chunk.text AS text',
        'chunk.pieces AS pieces',
      ])
      .orderBy('chunk.id')
      .limit(limit)
      .getRawMany<{ id: number; documentId: string; title: string; headingPath: string; text: string; pieces: string }>();
    return rows.map((row) => ({ ...row, headingPath: JSON.parse(row.headingPath) as string[], pieces: JSON.parse(row.pieces) as [number, number][] }));
  }
}
