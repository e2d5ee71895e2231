import { type EntityManager } from 'typeorm';
import { ChunkEntity, ChunkVectorEntity, DocumentEntity, DocumentTextEntity, vectorToBytes } from '../documents/index.js';
import { type Database, takeFromCounter } from '../platform/database/index.js';
import { type FullTextIndex } from '../platform/full-text/index.js';
import { type ExtractedDocument } from './reading/blocks.js';
import { type PreparedChunk } from './reading/protocol.js';

const rowsPerStatement = 100;

/** The durable results of ingestion's stages, by document and revision. */
export class ChunkStore {
  constructor(
    private readonly database: Database,
    private readonly fullText: FullTextIndex,
  ) {}

  async extracted(documentId: string, revision: number): Promise<ExtractedDocument | null> {
    const row = await this.database.read.findOneBy(DocumentTextEntity, { documentId, revision });
    return row ? { text: row.text, blocks: row.blocks as ExtractedDocument['blocks'], facts: row.facts as ExtractedDocument['facts'] } : null;
  }

  async keepExtracted(tx: EntityManager, documentId: string, revision: number, { text, blocks, facts }: ExtractedDocument): Promise<void> {
    await tx.upsert(DocumentTextEntity, { documentId, revision, text, blocks, facts }, ['documentId', 'revision']);
  }

  /** Chunks and their full text in one transaction: there is never one without the other. */
  async keepChunks(tx: EntityManager, documentId: string, revision: number, chunks: PreparedChunk[]): Promise<ChunkEntity[]> {
    const firstId = 1 + (await takeFromCounter(tx, 'chunks.lastId', chunks.length));
    const kept = chunks.map((chunk) =>
      Object.assign(new ChunkEntity(), {
        id: firstId + chunk.ordinal,
        documentId,
        revision,
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
    );
    for (let at = 0; at < kept.length; at += rowsPerStatement) {
      await tx
        .createQueryBuilder()
        .insert()
        .into(ChunkEntity)
        .values(kept.slice(at, at + rowsPerStatement))
        .updateEntity(false)
        .execute();
    }
    await this.fullText.index(
      tx,
      chunks.map((chunk) => ({
        chunkId: firstId + chunk.ordinal,
        documentId,
        revision,
        terms: chunk.terms,
        packed: chunk.packedTerms,
        length: chunk.termCount,
      })),
    );
    return kept;
  }

  chunks(documentId: string, revision: number): Promise<ChunkEntity[]> {
    return this.database.read.find(ChunkEntity, { where: { documentId, revision }, order: { ordinal: 'ASC' } });
  }

  async keepVectors(tx: EntityManager, model: string, vectors: { chunkId: number; vector: Float32Array }[]): Promise<void> {
    await tx.upsert(
      ChunkVectorEntity,
      vectors.map(({ chunkId, vector }) => ({ chunkId, model, vector: vectorToBytes(vector) })),
      ['chunkId', 'model'],
    );
  }

  /** Makes a whole revision the one that answers. */
  async activate(tx: EntityManager, document: DocumentEntity, revision: number, chunkCount: number, { facts }: ExtractedDocument): Promise<void> {
    const publishedAt = facts.publishedAt ? new Date(facts.publishedAt) : null;
    await tx.update(ChunkEntity, { documentId: document.id, revision }, { indexedAt: new Date() });
    await tx.update(
      DocumentEntity,
      { id: document.id },
      {
        revision,
        chunkCount,
        status: 'READY',
        error: null,
        title: document.titleEdited || !facts.title ? document.title : facts.title,
        author: facts.author,
        language: facts.language,
        pageCount: facts.pageCount,
        publishedAt,
        datedAt: publishedAt ?? document.createdAt,
        extraction: facts.extraction,
        updatedAt: new Date(),
      },
    );
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
      await tx.createQueryBuilder().delete().from(ChunkVectorEntity).where('chunkId IN (:...part)', { part }).execute();
      await tx.createQueryBuilder().delete().from(ChunkEntity).where('id IN (:...part)', { part }).execute();
    }
    const texts = tx.createQueryBuilder().delete().from(DocumentTextEntity).where('documentId = :documentId', { documentId });
    if (revisions) texts.andWhere('revision IN (:...revisions)', { revisions });
    await texts.execute();
  }
}
