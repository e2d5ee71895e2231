import { type EntityManager } from 'typeorm';
import { ChunkEntity, DocumentEntity } from '../documents/index.js';
import { type KnowledgeIndex, passageText } from '../indexing/index.js';
import { type Database } from '../platform/database/index.js';
import { AppError } from '../platform/errors.js';
import { type ChunkStore } from './chunk-store.js';
import { DocumentGone, type DocumentStages } from './document-stages.js';
import { type StageReporter } from './ingestion-events.js';
import { type ExtractedDocument } from './reading/blocks.js';
import { type Removal } from './removal.js';

interface IndexerParts {
  database: Database;
  index: KnowledgeIndex;
  chunks: ChunkStore;
  stages: DocumentStages;
  removal: Removal;
}

/** What is to be made findable. */
export interface Passages {
  document: DocumentEntity;
  revision: number;
  title: string;
  chunks: ChunkEntity[];
  /** No earlier run can have embedded any of them. */
  isFresh: boolean;
}

/** Vectors are kept in groups of this many, so that a crash costs no more than one group. */
const embeddingGroup = 32;
const retryMs = 200;

/** The last stages of taking a document in: its chunks embedded, indexed, and made the ones that answer. */
export class PassageIndexer {
  constructor(private readonly parts: IndexerParts) {}

  async run(passages: Passages, extracted: ExtractedDocument, signal: AbortSignal, reporter: StageReporter): Promise<void> {
    for (let isFirst = true; ; isFirst = false) {
      const generation = this.parts.index.active;
      const vectors = await this.#embed({ ...passages, isFresh: passages.isFresh && isFirst }, generation.model, signal, reporter);
      await this.#index(passages, vectors, generation.collection, signal, reporter);
      // Where the model was exchanged meanwhile, the chunks are embedded again.
      if (await this.#activate(passages, extracted, signal)) return;
    }
  }

  async #embed(
    { document, revision, title, chunks, isFresh }: Passages,
    model: string,
    signal: AbortSignal,
    reporter: StageReporter,
  ): Promise<Map<number, Float32Array>> {
    const embedder = await this.parts.index.requireEmbedder();
    const ids = chunks.map((chunk) => chunk.id);
    const known = isFresh ? new Map<number, Float32Array>() : await this.parts.index.storedVectors(ids, model);
    const missing = chunks.filter((chunk) => !known.has(chunk.id));
    let done = chunks.length - missing.length;
    reporter.at('EMBEDDING', done, chunks.length);
    for (let at = 0; at < missing.length; at += embeddingGroup) {
      const group = missing.slice(at, at + embeddingGroup);
      const vectors = await Promise.all(
        group.map(async (chunk) => {
          const vector = await embedder.embedPassage(passageText(title, chunk.headingPath, chunk.text), { signal });
          reporter.at('EMBEDDING', ++done, chunks.length);
          known.set(chunk.id, vector);
          return { chunkId: chunk.id, vector };
        }),
      );
      const isLast = at + embeddingGroup >= missing.length;
      await this.parts.stages.keep(document.id, revision, isLast ? 'INDEXING' : 'EMBEDDING', signal, (tx) => this.parts.chunks.keepVectors(tx, model, vectors));
    }
    return known;
  }

  async #index(
    { document, chunks }: Passages,
    vectors: Map<number, Float32Array>,
    collection: string,
    signal: AbortSignal,
    reporter: StageReporter,
  ): Promise<void> {
    reporter.at('INDEXING');
    const rows = chunks.flatMap((chunk) => {
      const vector = vectors.get(chunk.id);
      return vector ? [{ id: String(chunk.id), documentId: document.id, vector }] : [];
    });
    for (;;) {
      await this.parts.index.vectors.whenAvailable(signal);
      try {
        await this.parts.index.upsert(rows, collection);
        return;
      } catch (error) {
        // The vector index went away: the document waits for it, as the next ones do.
        signal.throwIfAborted();
        if (!(error instanceof AppError && error.code === 'UNAVAILABLE')) throw error;
        await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    }
  }

  /** @returns false where vectors under the model that answers are missing */
  #activate({ document, revision, chunks }: Passages, extracted: ExtractedDocument, signal: AbortSignal): Promise<boolean> {
    return this.parts.database.write(async (tx) => {
      signal.throwIfAborted();
      const current = await tx.findOneBy(DocumentEntity, { id: document.id });
      // Cancelled, or begun again, while the vectors travelled: what this attempt made is being cleared away.
      if (!current || current.deletedAt || current.lastRevision !== revision) throw new DocumentGone();
      if ((await this.#countVectors(tx, document.id, revision)) < chunks.length) return false;
      await this.parts.chunks.activate(tx, current, revision, chunks.length, extracted);
      if (current.revision > 0) await this.parts.removal.scheduleRevision(tx, document.id, current.revision);
      return true;
    });
  }

  #countVectors(tx: EntityManager, documentId: string, revision: number): Promise<number> {
    return tx
      .createQueryBuilder(ChunkEntity, 'chunk')
      .innerJoin(
        'chunk_vectors',
        'vector',
        'vector.chunk_id = chunk.id AND vector.model = (SELECT g.model FROM index_generations g WHERE g.status = :active)',
        { active: 'ACTIVE' },
      )
      .where('chunk.documentId = :documentId AND chunk.revision = :revision', { documentId, revision })
      .getCount();
  }
}
