import { setTimeout as delay } from 'node:timers/promises';
import { type EntityManager, IsNull } from 'typeorm';
import { type ChunkingEntity, type Chunkings, DocumentChunkingEntity, DocumentEntity, limitsOf, revisionsLock } from '../documents/index.js';
import { clearChunkingKind } from '../indexing/index.js';
import { type Database } from '../platform/database/index.js';
import { AppError, ToldError } from '../platform/errors.js';
import { type JobContext, type JobQueue } from '../platform/queue/index.js';
import { outOf } from '../platform/saying.js';
import { type ChunkStore } from './chunk-store.js';
import { type ReaderPool } from './reader-pool.js';
import { type Removal } from './removal.js';

interface RechunkingParts {
  database: Database;
  chunkings: Chunkings;
  chunks: ChunkStore;
  readers: ReaderPool;
  removal: Removal;
  jobs: JobQueue;
}

type Context = Pick<JobContext, 'signal' | 'report'>;

/** As many as are read at once would hold up the main process while their texts travel. */
const documentsAtOnce = 4;
const clearedAtOnce = 16;
const lookAgainMs = 500;

/** Cuts the documents that answer in another way, beside the passages that answer: from the text that was read of them, not from their originals. */
export class Rechunking {
  constructor(private readonly parts: RechunkingParts) {
    parts.jobs.register(clearChunkingKind, {
      concurrency: 1,
      run: (context) => this.#clear(context),
      onCancelled: () =>
        Promise.reject(new AppError('CONFLICT', { en: 'Clearing away that has begun cannot be cancelled.', ja: '始まった後片付けは取り消せません。' })),
    });
  }

  /** Every document that answers; one that is being read again is waited for. @param tokenizerFolder whose tokens the limits are in */
  async cut(chunking: ChunkingEntity, tokenizerFolder: string, { signal, report }: Context): Promise<void> {
    const { chunkings, database } = this.parts;
    const total = await chunkings.countUncut(chunking.number);
    let done = 0;
    let anyIsRead = false;
    for (let after = ''; ;) {
      signal.throwIfAborted();
      const documents = await chunkings.uncut(database.read, chunking.number, documentsAtOnce, after);
      if (documents.length === 0 && after === '') return;
      after = documents.at(-1)?.id ?? '';
      // Once more from the beginning: what was being read may be ready, and others may have come.
      if (documents.length === 0) {
        if (anyIsRead) await delay(lookAgainMs, undefined, { signal });
        anyIsRead = false;
        continue;
      }
      const settled = documents.filter(isSettled);
      anyIsRead ||= settled.length < documents.length;
      await Promise.all(settled.map((document) => this.#cut(document, chunking, tokenizerFolder, signal)));
      done = Math.min(total, done + settled.length);
      report({ stage: 'CHUNKING', progress: done / Math.max(1, total), message: outOf(done, total, { en: 'documents', ja: '文書' }) });
    }
  }

  async #cut(document: DocumentEntity, chunking: ChunkingEntity, tokenizerFolder: string, signal: AbortSignal): Promise<void> {
    const { database, chunks, readers, removal } = this.parts;
    const { id: documentId, title, revision: sourceRevision } = document;
    const extracted = await chunks.extracted(documentId, sourceRevision);
    const answers = () => database.read.existsBy(DocumentEntity, { id: documentId, revision: sourceRevision, deletedAt: IsNull() });
    if (!extracted && !(await answers())) return;
    if (!extracted)
      throw new ToldError(
        { en: `The text of "${title}" is missing.`, ja: `「${title}」の本文がありません。` },
        { en: 'Run VERIFY_DATA and REPAIR_DATA, then try again.', ja: 'VERIFY_DATA と REPAIR_DATA を実行してから、やり直してください。' },
      );
    const { text, blocks } = extracted;
    const prepared = await readers.chunk({ text, blocks, title, limits: limitsOf(chunking), tokenizerFolder }, signal);
    const firstId = await chunks.reserveIds(prepared.length);
    await database.write(async (tx) => {
      signal.throwIfAborted();
      await database.lock(tx, revisionsLock);
      const revision = await takeRevision(tx, document);
      // Deleted or being read again by now: it is looked at once more.
      if (revision === null) return;
      const number = chunking.number;
      const outdated = await tx.findOneBy(DocumentChunkingEntity, { documentId, chunking: number });
      if (outdated) await removal.scheduleRevision(tx, documentId, outdated.revision);
      await tx.save(Object.assign(new DocumentChunkingEntity(), { documentId, chunking: number, revision, sourceRevision, chunkCount: prepared.length }));
      await chunks.keepExtracted(tx, [{ documentId, revision, extracted }]);
      await chunks.keepChunks(tx, [{ documentId, revision, chunking: number, chunks: prepared, firstId }]);
    });
    removal.wake();
  }

  /** What no generation needs any longer; their collections are gone, so nothing of it can be found. */
  async #clear({ job, signal, report }: JobContext): Promise<Record<string, unknown>> {
    const { database, chunks } = this.parts;
    const { chunking } = job.payload as { chunking: number };
    const total = await database.read.countBy(DocumentChunkingEntity, { chunking });
    for (let done = 0; ;) {
      signal.throwIfAborted();
      const rows = await database.read.find(DocumentChunkingEntity, { where: { chunking }, take: clearedAtOnce });
      if (rows.length === 0) return { chunking, documents: done };
      await database.write(async (tx) => {
        for (const { documentId, revision } of rows) await chunks.remove(tx, documentId, [revision]);
      });
      done += rows.length;
      report({ stage: 'CLEANING_UP', progress: done / Math.max(1, total), message: outOf(done, total, { en: 'documents', ja: '文書' }) });
    }
  }
}

const isSettled = ({ status }: DocumentEntity) => status === 'READY' || status === 'FAILED';

/** The next number of a document that nobody is reading and that still answers as it did; null for any other. */
async function takeRevision(tx: EntityManager, { id, revision }: DocumentEntity): Promise<number | null> {
  const { affected } = await tx
    .createQueryBuilder()
    .update(DocumentEntity)
    .set({ lastRevision: () => 'last_revision + 1' })
    .where(`id = :id AND revision = :revision AND status IN ('READY', 'FAILED') AND deletedAt IS NULL`, { id, revision })
    .execute();
  if (!affected) return null;
  return (await tx.findOneByOrFail(DocumentEntity, { id })).lastRevision;
}
