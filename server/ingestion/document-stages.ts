import { type EntityManager } from 'typeorm';
import { type Catalogue, DocumentEntity, type DocumentState } from '../documents/index.js';
import { type Database } from '../platform/database/index.js';

/** Raised when the document is gone or the attempt was given up: there is nothing left to do, and nothing has failed. */
export class DocumentGone extends Error {}

/** Moves a document from stage to stage, each in the transaction that keeps the stage's results. */
export class DocumentStages {
  constructor(
    private readonly database: Database,
    private readonly catalogue: Catalogue,
  ) {}

  /** @param attempt the revision this attempt builds; where another has begun or it was cancelled, the number is past it */
  async enter(documentId: string, attempt: number, status: DocumentState): Promise<DocumentEntity> {
    const document = await this.database.read.findOneBy(DocumentEntity, { id: documentId });
    if (!document || document.deletedAt) throw new DocumentGone();
    const mine = { id: documentId, lastRevision: attempt };
    const { affected } = await this.database.writeOne((manager) => manager.update(DocumentEntity, mine, { status, error: null }));
    if (affected === 0) throw new DocumentGone();
    this.catalogue.changed(documentId);
    return document;
  }

  /** Runs a stage's writes unless the job was cancelled meanwhile, and moves the document on with them. */
  async keep<T>(documentId: string, attempt: number, next: DocumentState, signal: AbortSignal, write: (tx: EntityManager) => Promise<T>): Promise<T> {
    const kept = await this.database.write(async (tx) => {
      signal.throwIfAborted();
      const written = await write(tx);
      const { affected } = await tx
        .createQueryBuilder()
        .update(DocumentEntity)
        .set({ status: next })
        .where('id = :documentId AND lastRevision = :attempt AND deletedAt IS NULL', { documentId, attempt })
        .execute();
      if (affected === 0) throw new DocumentGone();
      return written;
    });
    this.catalogue.changed(documentId);
    return kept;
  }
}
