import { setTimeout as delay } from 'node:timers/promises';
import { type EntityManager, In } from 'typeorm';
import { type Settings } from '../config/index.js';
import { ChunkEntity, ChunkVectorEntity, DocumentEntity, vectorToBytes } from '../documents/index.js';
import { type Database } from '../platform/database/index.js';
import { type Embedder } from '../platform/embedder/index.js';
import { AppError } from '../platform/errors.js';
import { type Logger } from '../platform/logging/index.js';
import { type JobContext, JobEntity, type JobHandler, type JobQueue } from '../platform/queue/index.js';
import { type VectorRow } from '../platform/vector-index/index.js';
import { type Embedders } from './embedders.js';
import { type Comparison, type GenerationEntity } from './generation.entity.js';
import { type Generations } from './generations.js';
import { type IndexMirror } from './index-mirror.js';
import { type KnowledgeIndex, type SearchedIndex } from './knowledge-index.js';
import { passageText } from '../platform/embedder/index.js';
import { outOf } from '../platform/saying.js';
import { type CoarseChunk, embedPieces } from './refine.js';

export const reembedKind = 'REEMBED';

interface ReembedParts {
  settings: Pick<Settings, 'INDEX_SWITCH'>;
  database: Database;
  index: KnowledgeIndex;
  embedders: Embedders;
  generations: Generations;
  mirror: IndexMirror;
  jobs: JobQueue;
  /** Scores both by the golden queries; null where there are none. */
  compare: (candidate: SearchedIndex, signal: AbortSignal) => Promise<Comparison | null>;
  log: Logger;
}

interface MissingChunk extends CoarseChunk {
  documentId: string;
}

const chunksAtOnce = 64;
const retryMs = 300;
/** Two scores nearer than this are the same. */
const tolerance = 0.001;

/**
 * Changes the embedding model while serving: the new generation is filled beside the one that answers, compared with it
 * on the golden queries, and both are exchanged in one moment, by itself or on an operator's yes. The one of before is
 * kept, so that the way back is the same job again. Interrupted, it goes on from the vectors stored so far.
 */
export class Reembedding implements JobHandler {
  readonly concurrency = 1;

  constructor(private readonly parts: ReembedParts) {
    parts.jobs.register(reembedKind, this);
  }

  /** Sees to it that exactly the job is under way that brings the index to the configured model, or none where it is there or was declined. */
  async followConfiguredModel(): Promise<void> {
    const { database, index, jobs, generations } = this.parts;
    const wanted = index.configuredModel;
    const unfinished = await database.read.findBy(JobEntity, { kind: reembedKind, status: In(['QUEUED', 'RUNNING']) });
    const fitting = unfinished.find((job) => job.payload['model'] === wanted);
    // An operator's switch goes on, whatever the setting says.
    for (const job of unfinished) if (job !== fitting && !job.payload['generation']) await jobs.cancel(job.id);
    if (wanted === index.active.model || unfinished.some((job) => job === fitting || job.payload['generation'])) return;
    if ((await generations.declinedModel()) === wanted || (await generations.ofModel(wanted))?.status === 'CANDIDATE') return;
    await jobs.enqueue({ kind: reembedKind, payload: { model: wanted } });
  }

  /** An operator's yes: fills what the generation lacks by now, then lets it answer. */
  async switchTo(number: number): Promise<JobEntity> {
    const { model, status } = await this.parts.generations.require(number);
    if (status === 'ACTIVE') throw new AppError('CONFLICT', `Generation ${number} answers searches already.`);
    return this.parts.jobs.enqueue({ kind: reembedKind, payload: { model, generation: number } });
  }

  run(context: JobContext): Promise<Record<string, unknown> | null> {
    return this.parts.index.exclusively(() => this.#run(context), context.signal);
  }

  async #run({ job, signal, report }: JobContext): Promise<Record<string, unknown> | null> {
    const { index, embedders, generations, mirror } = this.parts;
    const model = String(job.payload['model']);
    if (model === index.active.model) return { model, switched: false };
    report({ stage: 'LOADING', message: model });
    const embedder = await embedders.get(model);
    const generation = await generations.begin(model);
    await index.vectors.whenAvailable(signal);
    await index.vectors.ensureCollection(generation.collection);
    await mirror.bring(generation, signal);
    const fill = () => this.#fill(generation, embedder, signal, report);
    await fill();
    const asked = typeof job.payload['generation'] === 'number';
    if (!asked) {
      report({ stage: 'COMPARING', progress: 0.99, message: '' });
      const comparison = await this.parts.compare(index.view(generation, embedder), signal);
      await generations.propose(generation, comparison);
      if (!this.#goesByItself(comparison)) return { model, generation: generation.number, switched: false, comparison };
    }
    await this.#switch(generation, embedder, fill);
    return { model, generation: generation.number, switched: true };
  }

  #goesByItself(comparison: Comparison | null): boolean {
    const { INDEX_SWITCH: policy } = this.parts.settings;
    return policy === 'always' || (policy === 'better' && (!comparison || comparison.candidate.ndcg >= comparison.active.ndcg - tolerance));
  }

  async #switch(generation: GenerationEntity, embedder: Embedder, fill: () => Promise<void>): Promise<void> {
    const { database, index, embedders, generations, log } = this.parts;
    const before = index.active;
    for (;;) {
      // Documents may have become ready since the last look: the switch happens only if none has.
      const switched = await database.write(async (tx) => {
        if ((await this.#missing(tx, generation.model, 1)).length > 0) return false;
        await generations.activate(tx, generation);
        return true;
      });
      if (switched) break;
      await fill();
    }
    index.adopt(generation, embedder);
    log.info({ model: generation.model, generation: generation.number }, 'the index answers under another model');
    embedders.retire(before.model, index.closing).catch(() => undefined); // Closed with all others when the server stops.
    await generations.discardExpired();
  }

  /** Embeds what has no vector under the generation's model yet, and puts it into its collection. */
  async #fill({ collection, model }: GenerationEntity, embedder: Embedder, signal: AbortSignal, report: JobContext['report']): Promise<void> {
    const { database } = this.parts;
    const total = await database.read.createQueryBuilder(ChunkEntity, 'chunk').where('chunk.indexedAt IS NOT NULL').getCount();
    let done = total - (await this.#missingQuery(database.read, model).getCount());
    for (;;) {
      const chunks = await this.#missing(database.read, model, chunksAtOnce);
      if (chunks.length === 0) return;
      signal.throwIfAborted();
      const vectors = await Promise.all(chunks.map((chunk) => embedder.embedPassage(passageText(chunk.title, chunk.headingPath, chunk.text), { signal })));
      const pieces = await Promise.all(chunks.map((chunk) => embedPieces(embedder, chunk, signal, false)));
      await database.write((tx) =>
        tx.upsert(
          ChunkVectorEntity,
          chunks.map((chunk, i) => ({ chunkId: chunk.id, model, vector: vectorToBytes(vectors[i]!), pieces: pieces[i]! })),
          ['chunkId', 'model'],
        ),
      );
      const rows = chunks.map((chunk, i) => ({ id: String(chunk.id), documentId: chunk.documentId, vector: vectors[i]! }));
      await this.#put(collection, rows, signal);
      done += chunks.length;
      report({ stage: 'EMBEDDING', progress: total === 0 ? 1 : Math.min(0.98, done / total), message: outOf(done, total, { en: 'chunks', ja: 'チャンク' }) });
    }
  }

  /** Waits for ChromaDB where it is down. */
  async #put(collection: string, rows: VectorRow[], signal: AbortSignal): Promise<void> {
    const { vectors } = this.parts.index;
    for (;;) {
      await vectors.whenAvailable(signal);
      try {
        await vectors.upsert(collection, rows);
        return;
      } catch (error) {
        if (!(error instanceof AppError && error.code === 'UNAVAILABLE')) throw error;
        await delay(retryMs, undefined, { signal });
        await vectors.whenAvailable(signal);
        await vectors.ensureCollection(collection);
      }
    }
  }

  #missingQuery(manager: EntityManager, model: string) {
    return manager
      .createQueryBuilder(ChunkEntity, 'chunk')
      .innerJoin(DocumentEntity, 'document', 'document.id = chunk.documentId')
      .leftJoin(ChunkVectorEntity, 'vector', 'vector.chunkId = chunk.id AND vector.model = :model', { model })
      .where('chunk.indexedAt IS NOT NULL AND vector.chunkId IS NULL');
  }

  async #missing(manager: EntityManager, model: string, limit: number): Promise<MissingChunk[]> {
    const rows = await this.#missingQuery(manager, model)
      .select([
        'chunk.id AS id',
        'chunk.documentId AS "documentId"',
        'document.title AS title',
        'chunk.headingPath AS "headingPath"',
        'chunk.text AS text',
        'chunk.pieces AS pieces',
      ])
      .limit(limit)
      .getRawMany<{ id: number; documentId: string; title: string; headingPath: string; text: string; pieces: string }>();
    return rows.map((row) => ({ ...row, headingPath: JSON.parse(row.headingPath) as string[], pieces: JSON.parse(row.pieces) as [number, number][] }));
  }
}
