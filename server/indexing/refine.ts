import { setTimeout as delay } from 'node:timers/promises';
import { In } from 'typeorm';
import { ChunkEntity, ChunkVectorEntity, DocumentEntity, ingestKind } from '../documents/index.js';
import { type Database } from '../platform/database/index.js';
import { type Embedder } from '../platform/embedder/index.js';
import { type JobContext, JobEntity, type JobHandler, type JobQueue } from '../platform/queue/index.js';
import { type KnowledgeIndex } from './knowledge-index.js';
import { packVectors } from './packed-vectors.js';
import { passageText } from '../platform/embedder/index.js';

export const refineKind = 'REFINE';

/** A chunk whose pieces want vectors of their own. */
export interface CoarseChunk {
  id: number;
  title: string;
  headingPath: string[];
  text: string;
  /** Ranges of the text, UTF-16 code units. */
  pieces: [number, number][];
}

const chunksAtOnce = 16;
const lookAgainMs = 300;
const waitMs = 500;

/** Embeds a chunk's pieces, each with the title and headings the chunk stands under. @returns null where it is one piece only */
export async function embedPieces(embedder: Embedder, chunk: CoarseChunk, signal: AbortSignal, background: boolean): Promise<Buffer | null> {
  if (chunk.pieces.length < 2) return null;
  const texts = chunk.pieces.map(([start, end]) => passageText(chunk.title, chunk.headingPath, chunk.text.slice(start, end)));
  return packVectors(await Promise.all(texts.map((text) => embedder.embedPassage(text, { signal, background }))));
}

/**
 * Gives chunks their finer grain: documents answer as soon as their chunks are embedded, and when no ingestion is
 * waiting for the model, the pieces of long chunks get vectors too, which sharpen the ranking. Interrupted, it goes on
 * with what is missing.
 */
export class Refinement implements JobHandler {
  readonly concurrency = 1;
  #asked = false;

  constructor(
    private readonly database: Database,
    private readonly index: KnowledgeIndex,
    private readonly jobs: JobQueue,
  ) {
    jobs.register(refineKind, this);
  }

  /** The same in a moment: documents that become ready together cost one look. */
  wakeSoon(): void {
    if (this.#asked) return;
    this.#asked = true;
    setTimeout(() => {
      this.#asked = false;
      void this.wake().catch(() => undefined); // A later document, or the next start, asks again.
    }, lookAgainMs).unref();
  }

  /** Queues the job where there is work and none is under way. */
  async wake(): Promise<void> {
    const unfinished = await this.database.read.findOneBy(JobEntity, { kind: refineKind, status: In(['QUEUED', 'RUNNING']) });
    if (!unfinished && (await this.#missing(this.index.active.model, 0, 1)).length > 0) await this.jobs.enqueue({ kind: refineKind });
  }

  async run({ signal, report }: JobContext): Promise<Record<string, unknown>> {
    const { model } = this.index.active;
    let refined = 0;
    let after = 0;
    for (;;) {
      await this.#untilNothingWaits(signal);
      const chunks = await this.#missing(model, after, chunksAtOnce);
      if (chunks.length === 0 && after === 0) break;
      // At the end once more from the beginning: chunks may have come whose numbers lie before those looked at.
      after = chunks.at(-1)?.id ?? 0;
      if (chunks.length === 0) continue;
      // Asked for each time: it may have been loaded anew, and under another model there is other work.
      const embedder = await this.index.requireEmbedder();
      if (this.index.active.model !== model) break;
      const packed = await Promise.all(chunks.map((chunk) => embedPieces(embedder, chunk, signal, true)));
      await this.database.write(async (tx) => {
        for (const [i, chunk] of chunks.entries()) await tx.update(ChunkVectorEntity, { chunkId: chunk.id, model }, { pieces: packed[i]! });
      });
      this.index.refined(
        model,
        chunks.map((chunk) => chunk.id),
      );
      refined += chunks.length;
      report({ stage: 'EMBEDDING', message: { en: `${refined} chunks`, ja: `チャンク ${refined}` } });
    }
    // A document that became ready between the last look and the end of this job saw it running and queued none. Only
    // here: a job that failed or was cancelled waits for the next document or start.
    this.wakeSoon();
    return { chunks: refined };
  }

  /** Documents that are not found yet come first. */
  async #untilNothingWaits(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    while ((await this.jobs.waiting(ingestKind)) > 0) await delay(waitMs, undefined, { signal });
  }

  async #missing(model: string, after: number, limit: number): Promise<CoarseChunk[]> {
    const rows = await this.database.read
      .createQueryBuilder(ChunkEntity, 'chunk')
      .innerJoin(DocumentEntity, 'document', 'document.id = chunk.documentId')
      .innerJoin(ChunkVectorEntity, 'vector', 'vector.chunkId = chunk.id AND vector.model = :model AND vector.pieces IS NULL', {
        model,
      })
      .where(`chunk.id > :after AND chunk.indexedAt IS NOT NULL AND chunk.chunking = :chunking AND chunk.pieces <> '[]'`, {
        after,
        chunking: this.index.active.chunking,
      })
      .select(['chunk.id AS id', 'document.title AS title', 'chunk.headingPath AS "headingPath"', 'chunk.text AS text', 'chunk.pieces AS pieces'])
      .orderBy('chunk.id')
      .limit(limit)
      .getRawMany<{ id: number; title: string; headingPath: string; text: string; pieces: string }>();
    return rows.map((row) => ({ ...row, headingPath: JSON.parse(row.headingPath) as string[], pieces: JSON.parse(row.pieces) as [number, number][] }));
  }
}
