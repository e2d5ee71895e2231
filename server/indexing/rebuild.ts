import { setTimeout as delay } from 'node:timers/promises';
import { MoreThan } from 'typeorm';
import { ChunkEntity, ChunkVectorEntity, DocumentEntity, vectorToBytes } from '../documents/index.js';
import { type Database } from '../platform/database/index.js';
import { type JobContext } from '../platform/queue/index.js';
import { availableWithin } from '../platform/vector-index/index.js';
import { type GenerationEntity } from './generation.entity.js';
import { type Generations, longestSearchMs } from './generations.js';
import { type IndexMirror } from './index-mirror.js';
import { type KnowledgeIndex } from './knowledge-index.js';
import { embedPieces } from './refine.js';
import { passageText } from '../platform/embedder/index.js';
import { outOf } from '../platform/saying.js';

export interface RebuildParts {
  database: Database;
  index: KnowledgeIndex;
  generations: Generations;
  mirror: IndexMirror;
}

type Context = Pick<JobContext, 'job' | 'signal' | 'report'>;

const chunksAtOnce = 64;
const longestWaitMs = 600_000;
/** Our own ChromaDB has been started several times by then: its folder is beyond help. */
const hopelessMs = 20_000;

/** Makes the vector index anew while it answers. */
export class IndexRebuild {
  constructor(private readonly parts: RebuildParts) {}

  /**
   * A new collection is filled from the vectors in the database, beside the one that answers, and takes its place in one moment.
   * Interrupted, it goes on with what was filled.
   */
  fromStored(context: Context): Promise<{ generation: number; vectors: number }> {
    return this.parts.index.exclusively(() => this.#fromStored(context), context.signal);
  }

  async #fromStored({ job, signal, report }: Context): Promise<{ generation: number; vectors: number }> {
    const { database, index, generations, mirror } = this.parts;
    const before = index.active;
    const generation = await generations.beginAgain(before, `rebuild:${job.id}`);
    // Interrupted after the switch: what is left is to fill in and to clear away.
    if (generation.number !== before.number) {
      await availableWithin(index.vectors, longestWaitMs, signal);
      await index.vectors.ensureCollection(generation.collection);
      const expected = Math.max(1, await mirror.expected());
      const stop = index.mirrorTo(generation.collection);
      // Nobody may discard it meanwhile.
      generations.inUse = generation.number;
      try {
        await mirror.bring(generation, signal, (missing) =>
          report({
            stage: 'FILLING',
            progress: Math.min(0.95, 1 - missing / expected),
            message: outOf(expected - missing, expected, { en: 'vectors', ja: 'ベクトル' }),
          }),
        );
        await mirror.bring(generation, signal);
        const embedder = await index.requireEmbedder();
        await database.write((tx) => generations.replace(tx, generation));
        index.adopt(generation, embedder);
      } finally {
        generations.inUse = null;
        stop();
      }
    }
    await this.#complete(generation, signal);
    return { generation: generation.number, vectors: await index.vectors.count(generation.collection) };
  }

  /** Searches that began with the collection of before end with it. Documents that became ready in the moment of the switch are in; the collection of before is not needed for going back. */
  async #complete(generation: GenerationEntity, signal: AbortSignal): Promise<void> {
    const { generations, mirror } = this.parts;
    await delay(longestSearchMs, undefined, { signal });
    await mirror.bring(generation, signal);
    for (const other of await generations.retiredLike(generation)) await generations.discard(other.number);
  }

  /** Every passage is embedded again and its vector exchanged; then the collection is made anew from them. */
  byEmbedding(context: Context): Promise<{ generation: number; vectors: number; embedded: number }> {
    return this.parts.index.exclusively(() => this.#byEmbedding(context), context.signal);
  }

  async #byEmbedding(context: Context): Promise<{ generation: number; vectors: number; embedded: number }> {
    const { database, index } = this.parts;
    const { signal, report } = context;
    const { model } = index.active;
    const embedder = await index.requireEmbedder();
    const total = await database.read.count(ChunkEntity);
    let embedded = 0;
    for (let after = 0; ;) {
      signal.throwIfAborted();
      const chunks = await database.read.find(ChunkEntity, { where: { id: MoreThan(after) }, order: { id: 'ASC' }, take: chunksAtOnce });
      if (chunks.length === 0) break;
      after = chunks.at(-1)!.id;
      const titles = await this.#titles(chunks);
      const known = chunks.filter(({ documentId }) => titles.has(documentId));
      const made = await Promise.all(
        known.map(async (chunk) => {
          const title = titles.get(chunk.documentId)!;
          const vector = embedder.embedPassage(passageText(title, chunk.headingPath, chunk.text), { signal });
          const pieces = embedPieces(embedder, { ...chunk, title }, signal, false);
          return { vector: vectorToBytes(await vector), pieces: await pieces };
        }),
      );
      await database.write(async (tx) => {
        // An update makes no vector for a passage that went meanwhile.
        for (const [i, { id }] of known.entries()) await tx.update(ChunkVectorEntity, { chunkId: id, model }, made[i]!);
      });
      index.refined(
        model,
        known.map(({ id }) => id),
      );
      embedded += chunks.length;
      report({
        stage: 'EMBEDDING',
        progress: Math.min(0.9, (embedded / Math.max(1, total)) * 0.9),
        message: outOf(embedded, total, { en: 'passages', ja: 'チャンク' }),
      });
    }
    const rebuilt = await this.#fromStored({ ...context, report: ({ progress = 0, ...rest }) => report({ ...rest, progress: 0.9 + progress / 10 }) });
    return { ...rebuilt, embedded };
  }

  async #titles(chunks: ChunkEntity[]): Promise<Map<string, string>> {
    const ids = [...new Set(chunks.map(({ documentId }) => documentId))];
    const documents = await this.parts.database.read.createQueryBuilder(DocumentEntity, 'document').where('document.id IN (:...ids)', { ids }).getMany();
    return new Map(documents.map(({ id, title }) => [id, title]));
  }

  /** Drops every collection of ours and fills the one that answers from the database; meanwhile searches answer by words, and from memory. */
  reset(context: Context): Promise<{ vectors: number }> {
    return this.parts.index.exclusively(() => this.#reset(context), context.signal);
  }

  async #reset({ signal, report }: Context): Promise<{ vectors: number }> {
    const { index, mirror } = this.parts;
    report({ stage: 'WAITING', progress: 0, message: 'ChromaDB' });
    await availableWithin(index.vectors, hopelessMs, signal).catch(async (error: unknown) => {
      signal.throwIfAborted();
      if (!(await index.vectors.startAfresh())) throw error;
      await availableWithin(index.vectors, longestWaitMs, signal);
    });
    for (const collection of await index.ownCollections()) await index.vectors.dropCollection(collection);
    await index.ensureCollection();
    const expected = Math.max(1, await mirror.expected());
    await mirror.bring(index.active, signal, (missing) =>
      report({ stage: 'FILLING', progress: 1 - missing / expected, message: outOf(expected - missing, expected, { en: 'vectors', ja: 'ベクトル' }) }),
    );
    index.mended();
    return { vectors: await index.vectors.count(index.active.collection) };
  }

  /** Brings the collection in line with the database, clears what is kept no longer, and reads the vectors into memory anew. */
  optimize(context: Context): Promise<{ vectors: number }> {
    return this.parts.index.exclusively(() => this.#optimize(context), context.signal);
  }

  async #optimize({ signal }: Context): Promise<{ vectors: number }> {
    const { index, mirror, generations } = this.parts;
    await availableWithin(index.vectors, longestWaitMs, signal);
    await index.ensureCollection();
    await mirror.bring(index.active, signal);
    await generations.discardExpired();
    await index.warm(signal);
    index.mended();
    return { vectors: await index.vectors.count(index.active.collection) };
  }
}
