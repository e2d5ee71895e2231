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
  /** Vectors not kept so far, and what all vectors of the revision were made for. */
  vectors: ChunkVector[];
  model: string;
  collection: string;
  chunking: number;
}

/** What became of a revision: it answers; it wants vectors for another index; it wants to be cut in another way. */
export type Outcome = 'ANSWERS' | 'OTHER_INDEX' | 'OTHER_CHUNKING';

/** Makes revisions the ones that answer. */
export class Activation {
  readonly #waiting: SharedWrites<CompleteRevision, Outcome>;

  constructor(private readonly parts: ActivationParts) {
    this.#waiting = new SharedWrites(parts.database, (tx, revisions) => this.#activate(tx, revisions));
  }

  /**
   * @throws DocumentGone where the document was deleted, or the attempt cancelled or begun again
   */
  activate(revision: CompleteRevision): Promise<Outcome> {
    return this.#waiting.add(revision);
  }

  async #activate(tx: EntityManager, revisions: CompleteRevision[]): Promise<(Outcome | Error)[]> {
    const active = await this.parts.index.activeWithin(tx);
    const { model } = active;
    const documents = await wanted(tx, revisions);
    const whole: (CompleteRevision & RevisionToActivate)[] = [];
    const outcomes = revisions.map((revision, i): Outcome | Error => {
      const document = documents[i]!;
      if (document instanceof Error) return document;
      if (revision.chunking !== active.chunking) return 'OTHER_CHUNKING';
      if (revision.model !== model || revision.collection !== active.collection) return 'OTHER_INDEX';
      whole.push({ ...revision, document });
      return 'ANSWERS';
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
