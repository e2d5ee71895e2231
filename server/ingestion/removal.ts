import { type EntityManager, In, IsNull } from 'typeorm';
import { type Catalogue, DocumentEntity, DocumentTagEntity, revisionsLock } from '../documents/index.js';
import { type KnowledgeIndex } from '../indexing/index.js';
import { type BlobStore } from '../platform/blobs/index.js';
import { type Database } from '../platform/database/index.js';
import { AppError } from '../platform/errors.js';
import { type Logger } from '../platform/logging/index.js';
import { type JobContext, type JobEntity, type JobHandler, type JobQueue } from '../platform/queue/index.js';
import { outOf } from '../platform/saying.js';
import { type ChunkStore } from './chunk-store.js';

export const deleteKind = 'DELETE';
export const clearRevisionKind = 'CLEAR_REVISION';
/** How long an original without a document is kept aside. */
const orphanKeptMs = 30 * 86_400_000;

interface RemovalParts {
  database: Database;
  blobs: BlobStore;
  catalogue: Catalogue;
  index: KnowledgeIndex;
  chunks: ChunkStore;
  jobs: JobQueue;
  log: Logger;
}

/**
 * Takes away what is no longer wanted, always in the same order: vectors, rows, then the original if nobody else refers
 * to it. Interrupted at any point, the job does the rest at the next start.
 */
export class Removal {
  constructor(private readonly parts: RemovalParts) {
    parts.jobs.register(
      deleteKind,
      this.#handler(1, (context) => this.#deleteDocuments(context)),
    );
    parts.jobs.register(
      clearRevisionKind,
      this.#handler(2, (context) => this.#clearRevision(context)),
    );
  }

  #handler(concurrency: number, run: JobHandler['run']): JobHandler {
    const onCancelled = () =>
      Promise.reject(
        new AppError(
          'CONFLICT',
          { en: 'A deletion that has begun cannot be cancelled.', ja: '始まった削除は取り消せません。' },
          { en: 'Upload the documents again if you want them back.', ja: '必要なら文書をもう一度アップロードしてください。' },
        ),
      );
    return { concurrency, run, onCancelled };
  }

  /** Looks for work that was scheduled in a transaction now committed. */
  wake(): void {
    this.parts.jobs.wake(clearRevisionKind);
  }

  /** Marks documents as deleted, so that they are in no list and no answer from now on, and queues the rest. */
  async deleteDocuments(ids: string[]): Promise<JobEntity> {
    const job = await this.parts.database.write(async (tx) => {
      await this.parts.database.lock(tx, revisionsLock);
      const found: string[] = [];
      for (let at = 0; at < ids.length; at += 500) {
        const documents = await tx.find(DocumentEntity, { where: { id: In(ids.slice(at, at + 500)), deletedAt: IsNull() }, select: { id: true } });
        found.push(...documents.map((document) => document.id));
      }
      for (let at = 0; at < found.length; at += 500) {
        await tx.update(DocumentEntity, { id: In(found.slice(at, at + 500)) }, { deletedAt: new Date(), liveKey: null });
      }
      return this.parts.jobs.add(tx, { kind: deleteKind, payload: { documentIds: found } });
    });
    this.parts.catalogue.changed(...ids);
    this.parts.jobs.announce(job);
    return job;
  }

  /** Schedules one revision of a document to be cleared away, within the caller's transaction. */
  async scheduleRevision(tx: EntityManager, documentId: string, revision: number): Promise<void> {
    await this.parts.jobs.add(tx, { kind: clearRevisionKind, payload: { documentId, revision } });
  }

  async #clearRevision({ job, signal }: JobContext): Promise<null> {
    const { documentId, revision } = job.payload as { documentId: string; revision: number };
    await this.#removeVectors(documentId, [revision], signal);
    await this.parts.database.write((tx) => this.parts.chunks.remove(tx, documentId, [revision]));
    // Done and of no interest to anybody: the list of jobs is for work that people asked for.
    await this.parts.jobs.forget(job.id);
    return null;
  }

  async #deleteDocuments({ job, signal, report }: JobContext): Promise<Record<string, unknown>> {
    const { documentIds } = job.payload as { documentIds: string[] };
    await this.parts.jobs.cancelFor(documentIds);
    for (const [done, id] of documentIds.entries()) {
      signal.throwIfAborted();
      report({ progress: done / documentIds.length, stage: 'DELETING', message: outOf(done, documentIds.length, { en: 'documents', ja: '文書' }) });
      await this.#removeVectors(id, null, signal);
      await this.parts.database.write(async (tx) => {
        await this.parts.chunks.remove(tx, id, null);
        const document = await tx.findOneBy(DocumentEntity, { id });
        await tx.delete(DocumentTagEntity, { documentId: id });
        await tx.delete(DocumentEntity, { id });
        if (document?.sha256) await this.dropOriginal(tx, document.sha256);
      });
    }
    return { documents: documentIds.length };
  }

  async #removeVectors(documentId: string, revisions: number[] | null, signal: AbortSignal): Promise<void> {
    const ids = await this.parts.chunks.chunkIds(this.parts.database.read, documentId, revisions);
    if (ids.length === 0) return;
    for (;;) {
      await this.parts.index.vectors.whenAvailable(signal);
      try {
        await this.parts.index.remove(ids);
        return;
      } catch (error) {
        if (!(error instanceof AppError && error.code === 'UNAVAILABLE')) throw error;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  }

  /** Removes an original that no document refers to. In the transaction, so that the same bytes cannot arrive between look and removal. */
  async dropOriginal(tx: EntityManager, sha256: string): Promise<void> {
    if (await this.#isUnreferred(tx, sha256)) await this.parts.blobs.remove(sha256);
  }

  /** A row whose hash was altered still tells the right one by its key. */
  async #isUnreferred(tx: EntityManager, sha256: string): Promise<boolean> {
    await this.parts.database.lock(tx, `blob:${sha256}`);
    return (await tx.countBy(DocumentEntity, [{ sha256 }, { liveKey: `sha256:${sha256}` }])) === 0;
  }

  /**
   * Removes originals of documents that were deleted while all originals were held, and sets aside those that nobody knows why they
   * have no document: a crash may have left them, or a row was lost. What is set aside is removed after 30 days.
   */
  async sweepOriginals(): Promise<void> {
    const { blobs, database, log } = this.parts;
    for (const sha256 of await this.#unreferred()) {
      const isAside = await database.write(async (tx) => {
        if (!(await this.#isUnreferred(tx, sha256))) return false;
        if (!blobs.isUnwanted(sha256)) return blobs.setOrphanAside(sha256);
        await blobs.remove(sha256);
        return false;
      });
      if (isAside)
        log.warn({ event: 'original_set_aside', sha256 }, 'an original without a document was moved to originals-orphaned; it is removed after 30 days');
    }
    await blobs.forgetOrphans(orphanKeptMs);
  }

  async #unreferred(): Promise<string[]> {
    const kept = await this.parts.blobs.list();
    const found: string[] = [];
    for (let at = 0; at < kept.length; at += 500) {
      const part = kept.slice(at, at + 500);
      const known = await this.parts.database.read.find(DocumentEntity, { where: { sha256: In(part) }, select: { sha256: true } });
      const referred = new Set(known.map(({ sha256 }) => sha256));
      found.push(...part.filter((one) => !referred.has(one)));
    }
    return found;
  }
}
