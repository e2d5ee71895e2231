import { type EntityManager } from 'typeorm';
import { type KnowledgeIndex } from '../indexing/index.js';
import { type Database, SharedWrites } from '../platform/database/index.js';
import { type ChunkStore, type ChunkVector, type RevisionToActivate } from './chunk-store.js';
import { type Attempt, wanted } from './document-stages.js';
import { type ExtractedDocument } from './reading/blocks.js';
import { type Removal } from './removal.js';

interface ActivationParts {
  database: Database;
  index: KnowledgeIndex;
  chunks: ChunkStore;
  removal: Removal;
}

/** An attempt whose chunks are embedded and stand in the vector index. */
export interface CompleteRevision extends Attempt {
  extracted: ExtractedDocument;
  chunkCount: number;
  /** Vectors not kept so far, and the model all vectors of the revision were made by. */
  vectors: ChunkVector[];
  model: string;
}

/** Makes revisions the ones that answer. */
export class Activation {
  readonly #waiting: SharedWrites<CompleteRevision, boolean>;

  constructor(private readonly parts: ActivationParts) {
    this.#waiting = new SharedWrites(parts.database, (tx, revisions) => this.#activate(tx, revisions));
  }

  /**
   * @returns false where another model answers by now, under which the vectors are to be made again
   * @throws DocumentGone where the document was deleted, or the attempt cancelled or begun again
   */
  activate(revision: CompleteRevision): Promise<boolean> {
    return this.#waiting.add(revision);
  }

  async #activate(tx: EntityManager, revisions: CompleteRevision[]): Promise<(boolean | Error)[]> {
    const model = await this.parts.index.activeModel(tx);
    const documents = await wanted(tx, revisions);
    const whole: (CompleteRevision & RevisionToActivate)[] = [];
    const outcomes = revisions.map((revision, i) => {
      const document = documents[i]!;
      if (document instanceof Error) return document;
      if (revision.model === model) whole.push({ ...revision, document });
      return revision.model === model;
    });
    const vectors = whole.flatMap((revision) => revision.vectors);
    await this.parts.chunks.keepVectors(tx, model, vectors);
    await this.parts.chunks.activate(tx, whole);
    for (const { document, revision } of whole) {
      // An attempt that was cut off after this, and before its job had ended, comes here a second time: its own passages answer by now.
      if (document.revision > 0 && document.revision !== revision) await this.parts.removal.scheduleRevision(tx, document.id, document.revision);
    }
    return outcomes;
  }
}
