import DataLoader from 'dataloader';
import { type EntityManager, In } from 'typeorm';
import { DocumentEntity } from '../documents/index.js';
import { type KnowledgeIndex } from '../indexing/index.js';
import { type Database } from '../platform/database/index.js';
import { type ChunkStore, type ChunkVector } from './chunk-store.js';
import { DocumentGone } from './document-stages.js';
import { type ExtractedDocument } from './reading/blocks.js';
import { type Removal } from './removal.js';

interface ActivationParts {
  database: Database;
  index: KnowledgeIndex;
  chunks: ChunkStore;
  removal: Removal;
}

/** A revision whose chunks are embedded and stand in the vector index. */
export interface CompleteRevision {
  documentId: string;
  revision: number;
  extracted: ExtractedDocument;
  chunkCount: number;
  /** Vectors not kept so far, and the model all vectors of the revision were made by. */
  vectors: ChunkVector[];
  model: string;
  signal: AbortSignal;
}

/** Makes revisions the ones that answer. Those that are complete at the same moment share a transaction: most of its cost is its own. */
export class Activation {
  readonly #waiting: DataLoader<CompleteRevision, boolean>;

  constructor(private readonly parts: ActivationParts) {
    this.#waiting = new DataLoader((revisions) => this.#activate([...revisions]), { cache: false, maxBatchSize: 50 });
  }

  /**
   * @returns false where another model answers by now, under which the vectors are to be made again
   * @throws DocumentGone where the document was deleted, or the attempt cancelled or begun again
   */
  activate(revision: CompleteRevision): Promise<boolean> {
    return this.#waiting.load(revision);
  }

  async #activate(revisions: CompleteRevision[]): Promise<(boolean | Error)[]> {
    try {
      return await this.parts.database.write((tx) => this.#inTransaction(tx, revisions));
    } catch (error) {
      if (revisions.length === 1) throw error;
      // One that cannot be written must not take the others with it.
      const outcomes = await Promise.allSettled(revisions.map((revision) => this.parts.database.write((tx) => this.#inTransaction(tx, [revision]))));
      return outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value[0]! : asError(outcome.reason)));
    }
  }

  async #inTransaction(tx: EntityManager, revisions: CompleteRevision[]): Promise<(boolean | Error)[]> {
    const model = await this.parts.index.activeModel(tx);
    const found = await tx.findBy(DocumentEntity, { id: In(revisions.map(({ documentId }) => documentId)) });
    const documents = new Map(found.map((document) => [document.id, document]));
    const outcomes: (boolean | Error)[] = [];
    const whole: (CompleteRevision & { document: DocumentEntity })[] = [];
    for (const revision of revisions) {
      const document = documents.get(revision.documentId);
      // Cancelled, or begun again, while the vectors travelled: what this attempt made is being cleared away.
      if (revision.signal.aborted) outcomes.push(asError(revision.signal.reason));
      else if (!document || document.deletedAt || document.lastRevision !== revision.revision) outcomes.push(new DocumentGone());
      else {
        outcomes.push(revision.model === model);
        if (revision.model === model) whole.push({ ...revision, document });
      }
    }
    await this.parts.chunks.keepVectors(
      tx,
      model,
      whole.flatMap(({ vectors }) => vectors),
    );
    await this.parts.chunks.activate(tx, whole);
    for (const { document } of whole) if (document.revision > 0) await this.parts.removal.scheduleRevision(tx, document.id, document.revision);
    return outcomes;
  }
}

const asError = (reason: unknown) => (reason instanceof Error ? reason : new Error(String(reason)));
