import { type EntityManager, In } from 'typeorm';
import { ChunkEntity, ChunkVectorEntity, DocumentEntity, vectorToBytes } from '../documents/index.js';
import { type Database } from '../platform/database/index.js';
import { type Logger } from '../platform/logging/index.js';
import { type JobContext, JobEntity, type JobHandler, type JobQueue } from '../platform/queue/index.js';
import { type Embedders } from './embedders.js';
import { GenerationEntity } from './generation.entity.js';
import { refill } from './index-repair.js';
import { type KnowledgeIndex } from './knowledge-index.js';
import { passageText } from './passage-text.js';
import { type CoarseChunk, embedPieces } from './refine.js';

export const reembedKind = 'REEMBED';

/** Sees to it that exactly the job is under way that brings the index to the configured model, or none where it is there. */
export async function followConfiguredModel(database: Database, index: KnowledgeIndex, jobs: JobQueue): Promise<void> {
  const wanted = index.configuredModel;
  const unfinished = await database.read.findBy(JobEntity, { kind: reembedKind, status: In(['QUEUED', 'RUNNING']) });
  const fitting = unfinished.find((job) => job.payload['model'] === wanted);
  for (const job of unfinished) if (job !== fitting) await jobs.cancel(job.id);
  if (wanted !== index.active.model && !fitting) await jobs.enqueue({ kind: reembedKind, payload: { model: wanted } });
}

interface MissingChunk extends CoarseChunk {
  documentId: string;
}

/**
 * Changes the embedding model while serving: the new generation is filled beside the old one, which answers until the
 * new one lacks nothing, and both are exchanged in one moment. Interrupted, it goes on from the vectors stored so far.
 */
export class Reembedding implements JobHandler {
  readonly concurrency = 1;

  constructor(
    private readonly database: Database,
    private readonly index: KnowledgeIndex,
    private readonly embedders: Embedders,
    private readonly log: Logger,
  ) {}

  async run({ job, signal, report }: JobContext): Promise<Record<string, unknown> | null> {
    const model = String(job.payload['model']);
    if (model === this.index.active.model) return { model, chunks: 0 };
    report({ stage: 'LOADING', message: `Loading ${model}` });
    const embedder = await this.embedders.get(model);
    const generation = await this.#generation(model);
    await this.index.vectors.whenAvailable(signal);
    await this.index.vectors.ensureCollection(generation.collection);
    await refill(this.database, this.index, generation, signal);
    const total = await this.#indexedChunks();
    let done = total - (await this.#countMissing(model));
    const embedAll = async () => {
      for (;;) {
        const chunks = await this.#missing(this.database.read, model, 64);
        if (chunks.length === 0) return;
        signal.throwIfAborted();
        const vectors = await Promise.all(chunks.map((chunk) => embedder.embedPassage(passageText(chunk.title, chunk.headingPath, chunk.text), { signal })));
        const pieces = await Promise.all(chunks.map((chunk) => embedPieces(embedder, chunk, signal, false)));
        await this.database.write((tx) =>
          tx.upsert(
            ChunkVectorEntity,
            chunks.map((chunk, i) => ({ chunkId: chunk.id, model, vector: vectorToBytes(vectors[i]!), pieces: pieces[i]! })),
            ['chunkId', 'model'],
          ),
        );
        await this.index.vectors.whenAvailable(signal);
        await this.index.vectors.upsert(
          generation.collection,
          chunks.map((chunk, i) => ({ id: String(chunk.id), documentId: chunk.documentId, vector: vectors[i]! })),
        );
        done += chunks.length;
        report({ stage: 'EMBEDDING', progress: total === 0 ? 1 : Math.min(0.99, done / total), message: `${done} of ${total} chunks` });
      }
    };
    for (;;) {
      await embedAll();
      // Documents may have become ready since the last look: the switch happens only if none has.
      const switched = await this.database.write(async (tx) => {
        if ((await this.#missing(tx, model, 1)).length > 0) return false;
        await this.index.activate(tx, generation);
        return true;
      });
      if (switched) break;
    }
    const before = this.index.active;
    this.index.adopt(generation, embedder);
    await this.#cleanUp(before, generation, signal);
    this.log.info({ model, generation: generation.number, chunks: total }, 'the index answers under the new model');
    return { model, chunks: total, generation: generation.number };
  }

  async #generation(model: string): Promise<GenerationEntity> {
    return this.database.write(async (tx) => {
      const building = await tx.findOneBy(GenerationEntity, { status: 'BUILDING' });
      if (building?.model === model) return building;
      if (building) await tx.update(GenerationEntity, { number: building.number }, { status: 'RETIRED' });
      const newest = await tx.find(GenerationEntity, { order: { number: 'DESC' }, take: 1 });
      const number = (newest[0]?.number ?? 0) + 1;
      return tx.save(
        Object.assign(new GenerationEntity(), {
          number,
          collection: this.index.collectionName(number),
          model,
          status: 'BUILDING',
          createdAt: new Date(),
          activatedAt: null,
        }),
      );
    });
  }

  /** The chunks the switch made unreachable: vectors of other models, collections of other generations. */
  async #cleanUp(before: GenerationEntity, now: GenerationEntity, signal: AbortSignal): Promise<void> {
    await this.embedders.release(before.model);
    await this.index.vectors.whenAvailable(signal);
    for (const collection of await this.index.ownCollections()) {
      if (collection !== now.collection) await this.index.vectors.dropCollection(collection);
    }
    await this.database.write((tx) => tx.createQueryBuilder().delete().from(ChunkVectorEntity).where('model <> :model', { model: now.model }).execute());
  }

  #indexedChunks(): Promise<number> {
    return this.database.read.createQueryBuilder(ChunkEntity, 'chunk').where('chunk.indexedAt IS NOT NULL').getCount();
  }

  #missingQuery(manager: EntityManager, model: string) {
    return manager
      .createQueryBuilder(ChunkEntity, 'chunk')
      .innerJoin(DocumentEntity, 'document', 'document.id = chunk.documentId')
      .leftJoin(ChunkVectorEntity, 'vector', 'vector.chunkId = chunk.id AND vector.model = :model', { model })
      .where('chunk.indexedAt IS NOT NULL AND vector.chunkId IS NULL');
  }

  #countMissing(model: string): Promise<number> {
    return this.#missingQuery(this.database.read, model).getCount();
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
