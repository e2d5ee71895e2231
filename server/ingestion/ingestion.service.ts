import { type EntityManager } from 'typeorm';
import { type Settings } from '../config/index.js';
import { type Catalogue, ChunkEntity, DocumentEntity, type DocumentFailure, type DocumentState, type IngestPayload } from '../documents/index.js';
import { type KnowledgeIndex, passageText } from '../indexing/index.js';
import { type BlobStore } from '../platform/blobs/index.js';
import { type Database } from '../platform/database/index.js';
import { AppError, messageOf } from '../platform/errors.js';
import { type Logger } from '../platform/logging/index.js';
import { type PubSub } from '../platform/pubsub/index.js';
import { type JobContext, JobEntity, JobFailed, type JobHandler } from '../platform/queue/index.js';
import { ReadingRefused, type WebFetcher } from '../sources/index.js';
import { type ChunkStore } from './chunk-store.js';
import { formatOf } from './format.js';
import { type IngestionTopics, StageReporter } from './ingestion-events.js';
import { type ReaderPool } from './reader-pool.js';
import { type ExtractedDocument, ReadingError } from './reading/blocks.js';
import { type Removal } from './removal.js';

export interface IngestionParts {
  settings: Settings;
  database: Database;
  blobs: BlobStore;
  catalogue: Catalogue;
  index: KnowledgeIndex;
  chunks: ChunkStore;
  readers: ReaderPool;
  fetcher: WebFetcher;
  removal: Removal;
  pubsub: PubSub<IngestionTopics>;
  log: Logger;
}

/** Vectors are kept in groups of this many, so that a crash costs no more than one group. */
const embeddingGroup = 32;

/** Raised when the document is gone: there is nothing left to do, and nothing has failed. */
class DocumentGone extends Error {}

/**
 * Takes a document from its original to being found: fetch, extract, chunk, embed, index. Each stage's result is
 * durable and the next starts from it, so a job cut off by a crash goes on where it was.
 */
export class Ingestion implements JobHandler {
  readonly concurrency: number;

  constructor(private readonly parts: IngestionParts) {
    this.concurrency = parts.settings.INGEST_CONCURRENCY;
  }

  async run(context: JobContext): Promise<Record<string, unknown> | null> {
    const { documentId, revision } = context.job.payload as IngestPayload;
    const reporter = new StageReporter(context, documentId, this.parts.pubsub);
    try {
      const chunks = await this.#takeIn(context, reporter);
      reporter.at('READY');
      return { documentId, chunks };
    } catch (error) {
      if (error instanceof DocumentGone) return { documentId, chunks: 0 };
      if (context.signal.aborted) throw error;
      const failure = failureOf(error, context.job.stage);
      if (failure.code === 'INTERNAL_SERVER_ERROR') this.parts.log.error({ err: error, documentId }, 'a document could not be taken in');
      await this.parts.database.write(async (tx) => {
        await this.#giveUp(tx, context.job, failure);
        await tx.save(Object.assign(new JobEntity(), { id: context.job.id, payload: context.job.payload }));
      });
      this.parts.removal.wake();
      this.parts.catalogue.changed(documentId);
      reporter.at('FAILED');
      this.parts.log.info({ documentId, revision, code: failure.code, stage: failure.stage }, 'a document was not taken in');
      throw new JobFailed(failure.message);
    }
  }

  /** Called in the transaction that cancels the job. */
  async onCancelled(job: JobEntity, tx: EntityManager): Promise<void> {
    await this.#giveUp(tx, job, { code: 'CANCELLED', message: 'Taking the document in was cancelled.', remedy: 'Retry when you want it after all.', stage: job.stage });
    await tx.save(job);
    const { documentId } = job.payload as IngestPayload;
    queueMicrotask(() => this.parts.catalogue.changed(documentId));
    setTimeout(() => this.parts.removal.wake(), 0);
  }

  /** Marks the attempt as failed: what it wrote is cleared away, and what answered before goes on answering. */
  async #giveUp(tx: EntityManager, job: JobEntity, failure: DocumentFailure): Promise<void> {
    const payload = job.payload as IngestPayload;
    const document = await tx.findOneBy(DocumentEntity, { id: payload.documentId });
    if (!document || document.deletedAt) return;
    await this.parts.removal.scheduleRevision(tx, document.id, payload.revision);
    const lastRevision = document.lastRevision + 1;
    job.payload = { ...payload, revision: lastRevision } satisfies IngestPayload;
    const answers = document.revision > 0;
    await tx.update(DocumentEntity, { id: document.id }, { lastRevision, status: answers ? 'READY' : 'FAILED', error: failure, updatedAt: new Date() });
  }

  async #takeIn(context: JobContext, reporter: StageReporter): Promise<number> {
    const { signal } = context;
    const payload = context.job.payload as IngestPayload;
    const document = await this.#enter(payload.documentId, 'EXTRACTING');
    const extracted = (await this.parts.chunks.extracted(document.id, payload.revision)) ?? (await this.#extract(document, payload, signal, reporter));
    const title = document.titleEdited || !extracted.facts.title ? document.title : extracted.facts.title;
    let chunks = await this.parts.chunks.chunks(document.id, payload.revision);
    if (chunks.length === 0) chunks = await this.#chunk(document, payload.revision, extracted, title, signal, reporter);
    for (;;) {
      const generation = this.parts.index.active;
      await this.#embed(document, payload.revision, chunks, title, generation.model, signal, reporter);
      await this.#index(document, chunks, generation, signal, reporter);
      if (await this.#activate(document, payload.revision, chunks, extracted)) break;
    }
    this.parts.catalogue.changed(document.id);
    if (payload.revision > 1) this.parts.removal.wake();
    return chunks.length;
  }

  async #enter(documentId: string, status: DocumentState): Promise<DocumentEntity> {
    const document = await this.parts.database.write(async (tx) => {
      const found = await tx.findOneBy(DocumentEntity, { id: documentId });
      if (!found || found.deletedAt) throw new DocumentGone();
      await tx.update(DocumentEntity, { id: documentId }, { status, error: null });
      return found;
    });
    this.parts.catalogue.changed(documentId);
    return document;
  }

  async #extract(document: DocumentEntity, payload: IngestPayload, signal: AbortSignal, reporter: StageReporter): Promise<ExtractedDocument> {
    if (document.sourceType === 'WEB' && (payload.refetch || !document.sha256)) {
      reporter.at('FETCHING');
      await this.#fetch(document, signal);
    }
    reporter.at('EXTRACTING');
    if (!document.sha256 || !this.parts.blobs.exists(document.sha256)) throw new ReadingError('CORRUPT', 'The original of this document is missing.', 'Upload it again.');
    const extracted = await this.parts.readers.extract(
      { path: this.parts.blobs.path(document.sha256), format: formatOf(document.mimeType), url: document.url, archiveMaxBytes: this.parts.settings.ARCHIVE_MAX_BYTES },
      signal,
    );
    await this.#keep(document.id, 'CHUNKING', signal, (tx) => this.parts.chunks.keepExtracted(tx, document.id, payload.revision, extracted));
    return extracted;
  }

  /** Runs a stage's writes unless the job was cancelled meanwhile, and moves the document on with them. */
  async #keep(documentId: string, next: DocumentState, signal: AbortSignal, write: (tx: EntityManager) => Promise<void>): Promise<void> {
    await this.parts.database.write(async (tx) => {
      signal.throwIfAborted();
      await write(tx);
      const { affected } = await tx.createQueryBuilder().update(DocumentEntity).set({ status: next }).where('id = :documentId AND deletedAt IS NULL', { documentId }).execute();
      if (affected === 0) throw new DocumentGone();
    });
    this.parts.catalogue.changed(documentId);
  }

  async #fetch(document: DocumentEntity, signal: AbortSignal): Promise<void> {
    const page = await this.parts.fetcher.fetchPage(document.url ?? '', signal);
    const received = await this.parts.blobs.receive(page.body());
    await this.parts.database.write(async (tx) => {
      signal.throwIfAborted();
      await this.parts.database.lock(tx, `blob:${received.sha256}`);
      await this.parts.blobs.keep(received);
      await tx.update(DocumentEntity, { id: document.id }, { sha256: received.sha256, sizeBytes: received.sizeBytes });
      if (document.sha256 && document.sha256 !== received.sha256) await this.parts.removal.dropOriginal(tx, document.sha256);
    });
    Object.assign(document, { sha256: received.sha256, sizeBytes: received.sizeBytes });
  }

  async #chunk(document: DocumentEntity, revision: number, extracted: ExtractedDocument, title: string, signal: AbortSignal, reporter: StageReporter): Promise<ChunkEntity[]> {
    reporter.at('CHUNKING');
    const { folder } = await this.parts.index.requireEmbedder();
    const { CHUNK_MAX_TOKENS: maxTokens, CHUNK_OVERLAP: overlap } = this.parts.settings;
    const prepared = await this.parts.readers.chunk({ text: extracted.text, blocks: extracted.blocks, title, limits: { maxTokens, overlap }, tokenizerFolder: folder }, signal);
    await this.#keep(document.id, 'EMBEDDING', signal, (tx) => this.parts.chunks.keepChunks(tx, document.id, revision, prepared));
    return this.parts.chunks.chunks(document.id, revision);
  }

  async #embed(document: DocumentEntity, revision: number, chunks: ChunkEntity[], title: string, model: string, signal: AbortSignal, reporter: StageReporter): Promise<void> {
    const embedder = await this.parts.index.requireEmbedder();
    const embedded = await this.parts.chunks.embeddedIds(document.id, revision, model);
    const missing = chunks.filter((chunk) => !embedded.has(chunk.id));
    let done = chunks.length - missing.length;
    reporter.at('EMBEDDING', done, chunks.length);
    for (let at = 0; at < missing.length; at += embeddingGroup) {
      const group = missing.slice(at, at + embeddingGroup);
      const vectors = await Promise.all(
        group.map(async (chunk) => {
          const vector = await embedder.embedPassage(passageText(title, chunk.headingPath, chunk.text), signal);
          reporter.at('EMBEDDING', ++done, chunks.length);
          return { chunkId: chunk.id, vector };
        }),
      );
      const last = at + embeddingGroup >= missing.length;
      await this.#keep(document.id, last ? 'INDEXING' : 'EMBEDDING', signal, (tx) => this.parts.chunks.keepVectors(tx, model, vectors));
    }
  }

  async #index(document: DocumentEntity, chunks: ChunkEntity[], generation: { collection: string; model: string }, signal: AbortSignal, reporter: StageReporter): Promise<void> {
    reporter.at('INDEXING');
    const vectors = await this.parts.index.storedVectors(chunks.map((chunk) => chunk.id), generation.model);
    const rows = chunks.flatMap((chunk) => {
      const vector = vectors.get(chunk.id);
      return vector ? [{ id: String(chunk.id), documentId: document.id, vector }] : [];
    });
    for (;;) {
      await this.parts.index.vectors.whenAvailable(signal);
      try {
        await this.parts.index.upsert(rows, generation.collection);
        return;
      } catch (error) {
        // The vector index went away: the document waits for it, as the next ones do.
        if (!(error instanceof AppError && error.code === 'UNAVAILABLE')) throw error;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  }

  /** @returns false where the model was exchanged meanwhile and the chunks must be embedded again */
  #activate(document: DocumentEntity, revision: number, chunks: ChunkEntity[], extracted: ExtractedDocument): Promise<boolean> {
    return this.parts.database.write(async (tx) => {
      const current = await tx.findOneBy(DocumentEntity, { id: document.id });
      if (!current || current.deletedAt) throw new DocumentGone();
      const embedded = await this.#countVectors(tx, document.id, revision);
      if (embedded < chunks.length) return false;
      await this.parts.chunks.activate(tx, current, revision, chunks.length, extracted);
      if (current.revision > 0) await this.parts.removal.scheduleRevision(tx, document.id, current.revision);
      return true;
    });
  }

  #countVectors(tx: EntityManager, documentId: string, revision: number): Promise<number> {
    return tx
      .createQueryBuilder(ChunkEntity, 'chunk')
      .innerJoin('chunk_vectors', 'vector', 'vector.chunk_id = chunk.id AND vector.model = (SELECT g.model FROM index_generations g WHERE g.status = :active)', { active: 'ACTIVE' })
      .where('chunk.documentId = :documentId AND chunk.revision = :revision', { documentId, revision })
      .getCount();
  }
}

function failureOf(error: unknown, stage: string | null): DocumentFailure {
  if (error instanceof ReadingError || error instanceof ReadingRefused) return { code: error.code, message: error.message, remedy: error.remedy, stage };
  if (error instanceof AppError) return { code: error.code, message: error.message, remedy: error.remedy, stage };
  return { code: 'INTERNAL_SERVER_ERROR', message: `Something went wrong while the document was taken in: ${messageOf(error)}`, remedy: 'Retry; if it happens again, look at the log.', stage };
}
