import { Brackets, type EntityManager, In } from 'typeorm';
import { type Catalogue, type ChunkEntity, DocumentEntity, type DocumentState } from '../documents/index.js';
import { type Database, SharedWrites } from '../platform/database/index.js';
import { asError } from '../platform/errors.js';
import { type ChunkedRevision, type ChunkStore } from './chunk-store.js';
import { type ExtractedDocument } from './reading/blocks.js';

/** Raised when the document is gone or the attempt was given up: there is nothing left to do, and nothing has failed. */
export class DocumentGone extends Error {}

/** One attempt to take a document in. */
export interface Attempt {
  documentId: string;
  /** The revision this attempt builds; where another has begun or it was cancelled, the document's number is past it. */
  revision: number;
  signal: AbortSignal;
}

interface ReadRevision extends Attempt, ChunkedRevision {
  /** Where it is not kept yet. */
  extracted: ExtractedDocument | null;
}

/** Documents of those attempts that are still wanted; an Error for each that was cancelled, begun again, or whose document is gone. */
export async function wanted(tx: EntityManager, attempts: Attempt[]): Promise<(DocumentEntity | Error)[]> {
  const found = await tx.findBy(DocumentEntity, { id: In(attempts.map(({ documentId }) => documentId)) });
  const documents = new Map(found.map((document) => [document.id, document]));
  return attempts.map(({ documentId, revision, signal }) => {
    const document = documents.get(documentId);
    if (signal.aborted) return asError(signal.reason);
    return document && !document.deletedAt && document.lastRevision === revision ? document : new DocumentGone();
  });
}

/** Moves documents from stage to stage, each in the transaction that keeps the stage's results. */
export class DocumentStages {
  readonly #entering: SharedWrites<Attempt, DocumentEntity>;
  readonly #read: SharedWrites<ReadRevision, ChunkEntity[]>;

  constructor(
    private readonly database: Database,
    private readonly catalogue: Catalogue,
    private readonly chunks: ChunkStore,
  ) {
    this.#entering = new SharedWrites(database, async (tx, attempts) => {
      const documents = await wanted(tx, attempts);
      await moveOn(tx, attempts, documents, 'EXTRACTING');
      return documents;
    });
    this.#read = new SharedWrites(database, (tx, revisions) => this.#keepRead(tx, revisions));
  }

  /** Begins with a document. */
  async begin(attempt: Attempt): Promise<DocumentEntity> {
    const document = await this.#entering.add(attempt);
    this.catalogue.changed(attempt.documentId);
    return document;
  }

  /** Keeps what was read of a document, cut into chunks; embedding is next. */
  async keepRead(revision: ReadRevision): Promise<ChunkEntity[]> {
    const kept = await this.#read.add(revision);
    this.catalogue.changed(revision.documentId);
    return kept;
  }

  async #keepRead(tx: EntityManager, revisions: ReadRevision[]): Promise<(ChunkEntity[] | Error)[]> {
    const documents = await wanted(tx, revisions);
    const going = revisions.filter((_revision, i) => !(documents[i] instanceof Error));
    await this.chunks.keepExtracted(
      tx,
      going.flatMap(({ documentId, revision, extracted }) => (extracted ? [{ documentId, revision, extracted }] : [])),
    );
    const kept = await this.chunks.keepChunks(tx, going);
    await moveOn(tx, revisions, documents, 'EMBEDDING');
    return revisions.map((revision, i) => {
      const document = documents[i]!;
      return document instanceof Error ? document : kept[going.indexOf(revision)]!;
    });
  }

  /** Runs a stage's writes unless the attempt was given up meanwhile, and moves the document on with them. */
  async keep<T>({ documentId, revision, signal }: Attempt, next: DocumentState, write: (tx: EntityManager) => Promise<T>): Promise<T> {
    const kept = await this.database.write(async (tx) => {
      signal.throwIfAborted();
      const written = await write(tx);
      const { affected } = await tx
        .createQueryBuilder()
        .update(DocumentEntity)
        .set({ status: next })
        .where('id = :documentId AND lastRevision = :revision AND deletedAt IS NULL', { documentId, revision })
        .execute();
      if (affected === 0) throw new DocumentGone();
      return written;
    });
    this.catalogue.changed(documentId);
    return kept;
  }
}

/** The number is asked for again: on PostgreSQL an attempt can be given up between the look and the write. */
async function moveOn(tx: EntityManager, attempts: Attempt[], documents: (DocumentEntity | Error)[], status: DocumentState): Promise<void> {
  const going = attempts.filter((_attempt, i) => !(documents[i] instanceof Error));
  if (going.length === 0) return;
  const these = new Brackets((where) => {
    for (const [i, { documentId, revision }] of going.entries())
      where.orWhere(`(id = :id${i} AND lastRevision = :revision${i})`, { [`id${i}`]: documentId, [`revision${i}`]: revision });
  });
  const { affected } = await tx.createQueryBuilder().update(DocumentEntity).set({ status, error: null }).where(these).execute();
  if (affected !== going.length) throw new DocumentGone();
}
