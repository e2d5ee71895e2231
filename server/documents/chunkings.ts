import { type EntityManager } from 'typeorm';
import { type Database } from '../platform/database/index.js';
import { ChunkingEntity, DocumentChunkingEntity, firstChunking } from './chunking.entity.js';
import { DocumentEntity } from './document.entity.js';

/** Held by whoever changes which revisions answer, or takes numbers for new ones, so that nobody writes back what was exchanged meanwhile. */
export const revisionsLock = 'documents.revisions';

/** How documents are cut. */
export type ChunkingLimits = Pick<ChunkingEntity, 'maxTokens' | 'overlap' | 'pieceTokens'>;

export const sameLimits = (a: ChunkingLimits, b: ChunkingLimits): boolean =>
  a.maxTokens === b.maxTokens && a.overlap === b.overlap && a.pieceTokens === b.pieceTokens;

export const limitsOf = ({ maxTokens, overlap, pieceTokens }: ChunkingLimits): ChunkingLimits => ({ maxTokens, overlap, pieceTokens });

/** Ways of cutting documents, and which of a document's revisions stands for which. */
export class Chunkings {
  constructor(private readonly database: Database) {}

  /** The way that is numbered so; null where nothing is cut so any more. */
  find(number: number): Promise<ChunkingEntity | null> {
    return this.database.read.findOneBy(ChunkingEntity, { number });
  }

  list(): Promise<ChunkingEntity[]> {
    return this.database.read.find(ChunkingEntity);
  }

  /** The way with these limits; null where nothing is cut so. */
  with(limits: ChunkingLimits, manager: EntityManager = this.database.read): Promise<ChunkingEntity | null> {
    return manager.findOneBy(ChunkingEntity, limitsOf(limits));
  }

  /** The same, begun where it is not known yet. A number is never given twice. */
  async begin(tx: EntityManager, limits: ChunkingLimits): Promise<ChunkingEntity> {
    const known = await this.with(limits, tx);
    if (known) return known;
    const [row] = (await tx.query(
      `SELECT max(number) AS newest FROM (SELECT number FROM chunkings UNION SELECT chunking AS number FROM index_generations) AS numbers`,
    )) as { newest: number | null }[];
    return tx.save(Object.assign(new ChunkingEntity(), { number: (row?.newest ?? firstChunking) + 1, ...limitsOf(limits) }));
  }

  /** Documents that answer and have no passages of this chunking cut from what answers, by their ids. */
  uncut(manager: EntityManager, chunking: number, limit: number, after = ''): Promise<DocumentEntity[]> {
    return this.#uncut(manager, chunking).andWhere('document.id > :after', { after }).orderBy('document.id').limit(limit).getMany();
  }

  countUncut(chunking: number): Promise<number> {
    return this.#uncut(this.database.read, chunking).getCount();
  }

  #uncut(manager: EntityManager, chunking: number) {
    return manager
      .createQueryBuilder(DocumentEntity, 'document')
      .leftJoin(DocumentChunkingEntity, 'cut', 'cut.documentId = document.id AND cut.chunking = :chunking AND cut.sourceRevision = document.revision', {
        chunking,
      })
      .where('document.deletedAt IS NULL AND document.revision > 0 AND cut.documentId IS NULL');
  }

  /** Numbers that passages are kept under although nothing is cut so any more. */
  async forgotten(): Promise<number[]> {
    const rows = (await this.database.read.query('SELECT DISTINCT chunking FROM document_chunkings WHERE chunking NOT IN (SELECT number FROM chunkings)')) as {
      chunking: number;
    }[];
    return rows.map(({ chunking }) => chunking);
  }

  /** Revisions by document that stand for a chunking that does not answer. */
  async revisions(chunking: number): Promise<Map<string, number>> {
    const rows = (await this.database.searchRead.query(
      `SELECT c.document_id AS id, c.revision FROM document_chunkings c JOIN documents d ON d.id = c.document_id AND d.revision = c.source_revision
       WHERE c.chunking = ${chunking}`,
    )) as { id: string; revision: number }[];
    return new Map(rows.map(({ id, revision }) => [id, revision]));
  }

  /** Lets the passages of one chunking answer in place of the other's, which are kept. @returns revisions that answer now, by document */
  async exchange(tx: EntityManager, from: number, to: number): Promise<Map<string, number>> {
    // What is left of an earlier time is of documents that are gone, or have been read again since.
    const cut = `FROM document_chunkings c WHERE c.document_id = d.id AND c.chunking = ${to} AND c.source_revision = d.revision`;
    await tx.query(
      `INSERT INTO document_chunkings (document_id, chunking, revision, source_revision, chunk_count)
       SELECT d.id, ${from}, d.revision, (SELECT c.revision ${cut}), d.chunk_count FROM documents d
       WHERE d.deleted_at IS NULL AND EXISTS (SELECT 1 ${cut})`,
    );
    await tx.query(
      `UPDATE documents AS d SET revision = (SELECT c.revision ${cut}), chunk_count = (SELECT c.chunk_count ${cut})
       WHERE d.deleted_at IS NULL AND EXISTS (SELECT 1 ${cut})`,
    );
    await tx.query(
      `DELETE FROM document_chunkings WHERE chunking = ${to} AND EXISTS
       (SELECT 1 FROM documents d WHERE d.id = document_chunkings.document_id AND d.revision = document_chunkings.revision)`,
    );
    const rows = (await tx.query('SELECT id, revision FROM documents WHERE deleted_at IS NULL AND revision > 0')) as { id: string; revision: number }[];
    return new Map(rows.map(({ id, revision }) => [id, revision]));
  }
}
