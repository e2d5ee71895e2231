import { type EntityManager, In, IsNull } from 'typeorm';
import { type Settings } from '../config/index.js';
import { type Catalogue, type ChunkEntity, DocumentEntity, type DocumentFailure, type IngestPayload, limitsOf, revisionsLock } from '../documents/index.js';
import { type KnowledgeIndex, type KnownVectors, type Refinement } from '../indexing/index.js';
import { type BlobStore } from '../platform/blobs/index.js';
import { type Database } from '../platform/database/index.js';
import { type Logger } from '../platform/logging/index.js';
import { type PubSub } from '../platform/pubsub/index.js';
import { type JobContext, JobEntity, JobFailed, type JobHandler } from '../platform/queue/index.js';
import { type WebFetcher } from '../sources/index.js';
import { type ChunkStore } from './chunk-store.js';
import { type Attempt, DocumentGone, DocumentStages } from './document-stages.js';
import { formatOf } from './format.js';
import { type IngestionTopics, StageReporter } from './ingestion-events.js';
import { PassageIndexer } from './passage-indexer.js';
import { type ReaderPool } from './reader-pool.js';
import { failureOf, toldOf } from './failure.js';
import { type ExtractedDocument, ReadingError } from './reading/blocks.js';
import { type ExtractTask, type ReadTask, titleOf } from './reading/protocol.js';
import { type Removal } from './removal.js';

export interface IngestionParts {
  settings: Settings;
  database: Database;
  blobs: BlobStore;
  catalogue: Catalogue;
  index: KnowledgeIndex;
  knownVectors: KnownVectors;
  chunks: ChunkStore;
  readers: ReaderPool;
  fetcher: WebFetcher;
  removal: Removal;
  refinement: Refinement;
  pubsub: PubSub<IngestionTopics>;
  log: Logger;
}

/** Originals up to this size are extracted and chunked in one step. */
const readAtOnceBytes = 256 * 1024;

/**
 * Takes a document from its original to being found: fetch, extract, chunk, embed, index. Each stage's result is
 * durable and the next starts from it, so a job cut off by a crash goes on where it was.
 */
export class Ingestion implements JobHandler {
  readonly concurrency: number;
  readonly #stages: DocumentStages;
  readonly #indexer: PassageIndexer;

  constructor(private readonly parts: IngestionParts) {
    this.concurrency = parts.settings.INGEST_CONCURRENCY;
    this.#stages = new DocumentStages(parts.database, parts.catalogue, parts.chunks);
    this.#indexer = new PassageIndexer({ ...parts, stages: this.#stages });
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
      throw new JobFailed(toldOf(failure));
    }
  }

  /** Called in the transaction that cancels the job. */
  async onCancelled(job: JobEntity, tx: EntityManager): Promise<() => void> {
    await this.#giveUp(tx, job, {
      code: 'CANCELLED',
      message: 'Taking the document in was cancelled.',
      remedy: 'Retry when you want it after all.',
      stage: job.stage,
    });
    await tx.save(job);
    const { documentId } = job.payload as IngestPayload;
    return () => {
      this.parts.catalogue.changed(documentId);
      this.parts.removal.wake();
    };
  }

  /** The number that was set aside for it may be another's by now. */
  async onRetried(job: JobEntity, tx: EntityManager): Promise<void> {
    await this.parts.database.lock(tx, revisionsLock);
    const payload = job.payload as IngestPayload;
    const document = await tx.findOneBy(DocumentEntity, { id: payload.documentId, deletedAt: IsNull(), status: In(['READY', 'FAILED']) });
    // One that is being read by another job, or is gone, is left to that.
    if (!document) return;
    const revision = document.lastRevision + 1;
    await tx.update(DocumentEntity, { id: document.id }, { lastRevision: revision, status: 'QUEUED', error: null });
    job.payload = { ...payload, revision } satisfies IngestPayload;
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

  /** Documents are cut in another way by now: what was made is cleared away. */
  async #startOver(job: JobEntity, { documentId, revision, signal }: Attempt): Promise<void> {
    await this.parts.database.write(async (tx) => {
      signal.throwIfAborted();
      const { affected } = await tx.update(DocumentEntity, { id: documentId, lastRevision: revision, deletedAt: IsNull() }, { lastRevision: revision + 1 });
      if (!affected) throw new DocumentGone();
      await this.parts.removal.scheduleRevision(tx, documentId, revision);
      const payload = { ...(job.payload as IngestPayload), revision: revision + 1, refetch: false } satisfies IngestPayload;
      await tx.update(JobEntity, { id: job.id }, { payload: payload as never });
      job.payload = payload;
    });
  }

  async #takeIn(context: JobContext, reporter: StageReporter): Promise<number> {
    const { signal } = context;
    const payload = context.job.payload as IngestPayload;
    const { revision } = payload;
    const attempt: Attempt = { documentId: payload.documentId, revision, signal };
    const document = await this.#stages.begin(attempt);
    // Only a run that was cut off has left results to go on from.
    const earlier = context.resumed ? await this.parts.chunks.extracted(document.id, revision) : null;
    const kept = earlier ? await this.parts.chunks.chunks(document.id, revision) : [];
    let read: { extracted: ExtractedDocument; chunks: ChunkEntity[] };
    if (earlier) read = { extracted: earlier, chunks: kept.length > 0 ? kept : await this.#chunk(document, attempt, earlier, reporter) };
    else read = await this.#read(document, attempt, payload.refetch, reporter);
    const { extracted, chunks } = read;
    const title = titleOf(document, extracted.facts);
    const chunking = chunks[0]?.chunking ?? this.parts.index.active.chunking;
    if (!(await this.#indexer.run({ attempt, title, chunking, chunks, isFresh: kept.length === 0 }, extracted, reporter))) {
      await this.#startOver(context.job, attempt);
      return this.#takeIn(context, reporter);
    }
    this.parts.catalogue.changed(document.id);
    if (revision > 1) this.parts.removal.wake();
    this.parts.refinement.wakeSoon();
    return chunks.length;
  }

  async #read(
    document: DocumentEntity,
    attempt: Attempt,
    refetch: boolean,
    reporter: StageReporter,
  ): Promise<{ extracted: ExtractedDocument; chunks: ChunkEntity[] }> {
    if (document.sourceType === 'WEB' && (refetch || !this.#hasOriginal(document))) {
      reporter.at('FETCHING');
      await this.#fetch(document, attempt.signal);
    }
    reporter.at('EXTRACTING');
    if (!this.#hasOriginal(document)) throw new ReadingError('CORRUPT', 'The original of this document is missing.', 'Upload it again.');
    const original: ExtractTask = {
      path: this.parts.blobs.path(document.sha256),
      format: formatOf(document.mimeType),
      url: document.url,
      archiveMaxBytes: this.parts.settings.ARCHIVE_MAX_BYTES,
    };
    // What is read in a moment need not be kept halfway.
    if (document.sizeBytes <= readAtOnceBytes) return this.#readAtOnce(document, attempt, original, reporter);
    const { documentId, revision } = attempt;
    const extracted = await this.parts.readers.extract(original, attempt.signal);
    await this.#stages.keep(attempt, 'CHUNKING', (tx) => this.parts.chunks.keepExtracted(tx, [{ documentId, revision, extracted }]));
    return { extracted, chunks: await this.#chunk(document, attempt, extracted, reporter) };
  }

  #hasOriginal(document: DocumentEntity): document is DocumentEntity & { sha256: string } {
    return document.sha256 !== null && this.parts.blobs.exists(document.sha256);
  }

  async #readAtOnce(
    { title, titleEdited }: DocumentEntity,
    attempt: Attempt,
    original: ExtractTask,
    reporter: StageReporter,
  ): Promise<{ extracted: ExtractedDocument; chunks: ChunkEntity[] }> {
    const { chunking, cutting } = await this.#chunking();
    const { extracted, chunks } = await this.parts.readers.read({ ...original, title, titleEdited, ...cutting }, attempt.signal);
    reporter.at('CHUNKING');
    const firstId = await this.parts.chunks.reserveIds(chunks.length);
    return { extracted, chunks: await this.#stages.keepRead({ ...attempt, chunking, extracted, chunks, firstId }) };
  }

  /** As the passages that answer are cut; the settings are followed by all documents together. */
  async #chunking(): Promise<{ chunking: number; cutting: Pick<ReadTask, 'limits' | 'tokenizerFolder'> }> {
    const { folder: tokenizerFolder } = await this.parts.index.requireEmbedder();
    const { chunking } = this.parts.index;
    return { chunking: chunking.number, cutting: { limits: limitsOf(chunking), tokenizerFolder } };
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

  async #chunk(document: DocumentEntity, attempt: Attempt, { text, blocks, facts }: ExtractedDocument, reporter: StageReporter): Promise<ChunkEntity[]> {
    reporter.at('CHUNKING');
    const { chunking, cutting } = await this.#chunking();
    const chunks = await this.parts.readers.chunk({ text, blocks, title: titleOf(document, facts), ...cutting }, attempt.signal);
    const firstId = await this.parts.chunks.reserveIds(chunks.length);
    return this.#stages.keepRead({ ...attempt, chunking, extracted: null, chunks, firstId });
  }
}
