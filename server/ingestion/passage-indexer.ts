import { type ChunkEntity } from '../documents/index.js';
import { type KnowledgeIndex, type KnownVectors } from '../indexing/index.js';
import { type Database } from '../platform/database/index.js';
import { passageText } from '../platform/embedder/index.js';
import { AppError } from '../platform/errors.js';
import { type VectorRow } from '../platform/vector-index/index.js';
import { Activation } from './activation.js';
import { type ChunkStore, type ChunkVector } from './chunk-store.js';
import { type Attempt, type DocumentStages } from './document-stages.js';
import { type StageReporter } from './ingestion-events.js';
import { type ExtractedDocument } from './reading/blocks.js';
import { type Removal } from './removal.js';

interface IndexerParts {
  database: Database;
  index: KnowledgeIndex;
  knownVectors: KnownVectors;
  chunks: ChunkStore;
  stages: DocumentStages;
  removal: Removal;
}

/** What is to be made findable. */
export interface Passages {
  attempt: Attempt;
  title: string;
  /** Number of the way they are cut. */
  chunking: number;
  chunks: ChunkEntity[];
  /** No earlier run can have embedded any of them. */
  isFresh: boolean;
}

/** Vectors are kept in groups of this many, so that a crash costs no more than one group. */
const embeddingGroup = 32;
const retryMs = 200;

/** The last stages of taking a document in: its chunks embedded, indexed, and made the ones that answer. */
export class PassageIndexer {
  readonly #activation: Activation;

  constructor(private readonly parts: IndexerParts) {
    this.#activation = new Activation(parts);
  }

  /** @returns false where other passages are wanted by now: documents are cut in another way */
  async run(passages: Passages, extracted: ExtractedDocument, reporter: StageReporter): Promise<boolean> {
    const { attempt, chunking, chunks } = passages;
    for (let isFirst = true; ; isFirst = false) {
      const { model, chunking: answering } = this.parts.index.active;
      if (answering !== chunking) return false;
      const { all, unkept } = await this.#embed({ ...passages, isFresh: passages.isFresh && isFirst }, model, reporter);
      const { rows, collection } = await this.#index(passages, all, model, reporter);
      const complete = { ...attempt, extracted, chunkCount: chunks.length, vectors: unkept, model, collection, chunking };
      const outcome = await this.#activation.activate(complete);
      if (outcome === 'OTHER_CHUNKING') return false;
      if (outcome === 'ANSWERS') {
        this.parts.index.kept(rows, collection);
        return true;
      }
      // The index was exchanged meanwhile: the chunks are embedded again, or put into the other one.
    }
  }

  /** @returns vectors of all chunks, and those of the last group, which are kept when the revision is activated */
  async #embed(
    { attempt, title, chunks, isFresh }: Passages,
    model: string,
    reporter: StageReporter,
  ): Promise<{ all: Map<number, Float32Array>; unkept: ChunkVector[] }> {
    const embedder = await this.parts.index.requireEmbedder();
    const ids = chunks.map((chunk) => chunk.id);
    const all = isFresh ? new Map<number, Float32Array>() : await this.parts.index.storedVectors(ids, model);
    const missing = chunks.filter((chunk) => !all.has(chunk.id));
    let done = chunks.length - missing.length;
    reporter.at('EMBEDDING', done, chunks.length);
    let unkept: ChunkVector[] = [];
    for (let at = 0; at < missing.length; at += embeddingGroup) {
      const group = missing.slice(at, at + embeddingGroup);
      const texts = group.map((chunk) => passageText(title, chunk.headingPath, chunk.text));
      const known = await this.parts.knownVectors.find(model, texts);
      unkept = await Promise.all(
        group.map(async (chunk, i) => {
          const vector = known.get(texts[i]!) ?? (await embedder.embedPassage(texts[i]!, { signal: attempt.signal }));
          reporter.at('EMBEDDING', ++done, chunks.length);
          all.set(chunk.id, vector);
          return { chunkId: chunk.id, vector };
        }),
      );
      const isLast = at + embeddingGroup >= missing.length;
      // A document of one group need not stop here on its way, unless it is going to wait for the vector index.
      if (isLast && chunks.length <= embeddingGroup && this.parts.index.vectors.available) break;
      await this.parts.stages.keep(attempt, isLast ? 'INDEXING' : 'EMBEDDING', (tx) => this.parts.chunks.keepVectors(tx, model, unkept));
      unkept = [];
    }
    return { all, unkept };
  }

  async #index(
    { attempt: { documentId, signal }, chunks }: Passages,
    vectors: Map<number, Float32Array>,
    model: string,
    reporter: StageReporter,
  ): Promise<{ rows: VectorRow[]; collection: string }> {
    reporter.at('INDEXING');
    const rows = chunks.flatMap((chunk) => {
      const vector = vectors.get(chunk.id);
      return vector ? [{ id: String(chunk.id), documentId, vector }] : [];
    });
    for (;;) {
      await this.parts.index.vectors.whenAvailable(signal);
      // Asked for at each attempt: a rebuilt index has another collection, and the one of before is gone.
      const { active } = this.parts.index;
      if (active.model !== model) return { rows, collection: active.collection };
      try {
        await this.parts.index.upsert(rows, active.collection);
        return { rows, collection: active.collection };
      } catch (error) {
        // The vector index went away: the document waits for it, as the next ones do.
        signal.throwIfAborted();
        if (!(error instanceof AppError && error.code === 'UNAVAILABLE')) throw error;
        await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    }
  }
}
