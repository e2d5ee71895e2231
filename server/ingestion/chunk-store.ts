import { Brackets, type EntityManager } from 'typeorm';
import { ChunkEntity, ChunkVectorEntity, DocumentChunkingEntity, DocumentEntity, DocumentTextEntity, vectorToBytes } from '../documents/index.js';
import { type Database, takeFromCounter } from '../platform/database/index.js';
import { type FullTextIndex } from '../platform/full-text/index.js';
import { type ExtractedDocument } from './reading/blocks.js';
import { type PreparedChunk, titleOf } from './reading/protocol.js';

const rowsPerStatement = 100;
/** Numbers reserved at once; those left over at the end of the process are never used. */
const numbersReserved = 256;

export interface ChunkVector {
  chunkId: number;
  vector: Float32Array;
}

export interface ChunkedRevision {
  documentId: string;
  revision: number;
  chunks: PreparedChunk[];
  /** Number of the way they are cut. */
  chunking: number;
  /** What `reserveIds` gave for the chunks. */
  firstId: number;
}

export interface RevisionToActivate {
  document: DocumentEntity;
  revision: number;
  chunkCount: number;
  extracted: ExtractedDocument;
}

/** The durable results of ingestion's stages, by document and revision. */
export class ChunkStore {
  #nextId = 1;
  #lastReservedId = 0;
  #reserving: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly fullText: FullTextIndex,
  ) {}

  async extracted(documentId: string, revision: number): Promise<ExtractedDocument | null> {
    const row = await this.database.read.findOneBy(DocumentTextEntity, { documentId, revision });
    return row ? { text: row.text, blocks: row.blocks as ExtractedDocument['blocks'], facts: row.facts as ExtractedDocument['facts'] } : null;
  }

  async keepExtracted(tx: EntityManager, revisions: { documentId: string; revision: number; extracted: ExtractedDocument }[]): Promise<void> {
    if (revisions.length === 0) return;
    const rows = revisions.map(({ documentId, revision, extracted: { text, blocks, facts } }) => ({ documentId, revision, text, blocks, facts }));
    await tx.upsert(DocumentTextEntity, rows, ['documentId', 'revision']);
  }

  /** Numbers nobody has for so many chunks that follow one another. To be called outside a transaction. @returns the first */
  reserveIds(count: number): Promise<number> {
    const reserved = this.#reserving.then(async () => {
      if (this.#nextId + count - 1 > this.#lastReservedId) {
        const block = Math.max(count, numbersReserved);
        this.#nextId = 1 + (await this.database.write((tx) => takeFromCounter(tx, 'chunks.lastId', block)));
        this.#lastReservedId = this.#nextId + block - 1;
      }
      const first = this.#nextId;
      this.#nextId += count;
      return first;
    });
    this.#reserving = reserved.catch(() => undefined);
    return reserved;
  }

  /** Chunks and their full text in one transaction: there is never one without the other. @returns the chunks by revision, as given */
  async keepChunks(tx: EntityManager, revisions: ChunkedRevision[]): Promise<ChunkEntity[][]> {
    const kept = revisions.map(({ documentId, revision, chunking, chunks, firstId }) =>
      chunks.map((chunk) =>
        Object.assign(new ChunkEntity(), {
          id: firstId + chunk.ordinal,
          documentId,
          revision,
          chunking,
          ordinal: chunk.ordinal,
          headingPath: chunk.headingPath,
          pageFrom: chunk.pageFrom,
          pageTo: chunk.pageTo,
          charStart: chunk.charStart,
          charEnd: chunk.charEnd,
          tokenCount: chunk.tokenCount,
          indexedAt: null,
          pieces: chunk.pieces,
          text: chunk.text,
        }),
      ),
    );
    const rows = kept.flat();
    for (let at = 0; at < rows.length; at += rowsPerStatement) {
      await tx
        .createQueryBuilder()
        .insert()
        .into(ChunkEntity)
        .values(rows.slice(at, at + rowsPerStatement))
        .updateEntity(false)
        .execute();
    }
    const fullTexts = revisions.flatMap(({ documentId, revision, chunking, chunks, firstId }) =>
      chunks.map((chunk) => ({
        chunkId: firstId + chunk.ordinal,
        documentId,
        revision,
        chunking,
        terms: chunk.terms,
        packed: chunk.packedTerms,
        length: chunk.termCount,
        words: chunk.words,
      })),
    );
    if (fullTexts.length > 0) await this.fullText.index(tx, fullTexts);
    return kept;
  }

  chunks(documentId: string, revision: number): Promise<ChunkEntity[]> {
    return this.database.read.find(ChunkEntity, { where: { documentId, revision }, order: { ordinal: 'ASC' } });
  }

  async keepVectors(tx: EntityManager, model: string, vectors: ChunkVector[]): Promise<void> {
    for (let at = 0; at < vectors.length; at += rowsPerStatement) {
      const rows = vectors.slice(at, at + rowsPerStatement).map(({ chunkId, vector }) => ({ chunkId, model, vector: vectorToBytes(vector) }));
      await tx.upsert(ChunkVectorEntity, rows, ['chunkId', 'model']);
    }
  }

  /** Makes whole revisions the ones that answer. */
  async activate(tx: EntityManager, revisions: RevisionToActivate[]): Promise<void> {
    if (revisions.length === 0) return;
    const now = new Date();
    const ofRevisions = new Brackets((where) => {
      for (const [i, { document, revision }] of revisions.entries())
        where.orWhere(`(documentId = :id${i} AND revision = :revision${i})`, { [`id${i}`]: document.id, [`revision${i}`]: revision });
    });
    await tx.createQueryBuilder().update(ChunkEntity).set({ indexedAt: now }).where(ofRevisions).execute();
    for (const { document, revision, chunkCount, extracted } of revisions) {
      const { facts } = extracted;
      const publishedAt = facts.publishedAt ? new Date(facts.publishedAt) : null;
      await tx.update(
        DocumentEntity,
        { id: document.id },
        {
          revision,
          chunkCount,
          status: 'READY',
          error: null,
          title: titleOf(document, facts),
          author: facts.author,
          language: facts.language,
          pageCount: facts.pageCount,
          publishedAt,
          datedAt: publishedAt ?? document.createdAt,
          extraction: facts.extraction,
          updatedAt: now,
        },
      );
    }
  }

  /** Ids of chunks of a document, of the revisions given or of all. */
  async chunkIds(manager: EntityManager, documentId: string, revisions: number[] | null): Promise<number[]> {
    const query = manager.createQueryBuilder(ChunkEntity, 'chunk').select('chunk.id', 'id').where('chunk.documentId = :documentId', { documentId });
    if (revisions) query.andWhere('chunk.revision IN (:...revisions)', { revisions });
    return (await query.getRawMany<{ id: number }>()).map((row) => row.id);
  }

  /** Removes rows of chunks, their full text, vectors and the texts they were cut from. */
  async remove(tx: EntityManager, documentId: string, revisions: number[] | null): Promise<void> {
    const ids = await this.chunkIds(tx, documentId, revisions);
    await this.fullText.remove(tx, ids);
    for (let at = 0; at < ids.length; at += 500) {
      const part = ids.slice(at, at + 500);
      // In this order: who is about to keep vectors of a passage holds its row, and they are seen once it lets go.
      await tx.createQueryBuilder().delete().from(ChunkEntity).where('id IN (:...part)', { part }).execute();
      await tx.createQueryBuilder().delete().from(ChunkVectorEntity).where('chunkId IN (:...part)', { part }).execute();
    }
    for (const entity of [DocumentTextEntity, DocumentChunkingEntity]) {
      const rows = tx.createQueryBuilder().delete().from(entity).where('documentId = :documentId', { documentId });
      if (revisions) rows.andWhere('revision IN (:...revisions)', { revisions });
      await rows.execute();
    }
  }
}
