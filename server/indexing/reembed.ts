import { setTimeout as delay } from 'node:timers/promises';
import { In } from 'typeorm';
import { type Settings } from '../config/index.js';
import { type Catalogue, type ChunkingEntity, type ChunkingLimits, type Chunkings, limitsOf, revisionsLock, sameLimits } from '../documents/index.js';
import { type Database } from '../platform/database/index.js';
import { type Embedder } from '../platform/embedder/index.js';
import { AppError } from '../platform/errors.js';
import { type Logger } from '../platform/logging/index.js';
import { type JobContext, JobEntity, type JobHandler, type JobQueue } from '../platform/queue/index.js';
import { type Embedders } from './embedders.js';
import { type Comparison, type GenerationEntity } from './generation.entity.js';
import { GenerationFilling } from './generation-filling.js';
import { type Generations, longestSearchMs, type Target } from './generations.js';
import { type IndexMirror } from './index-mirror.js';
import { type KnowledgeIndex, type SearchedIndex } from './knowledge-index.js';

export const reembedKind = 'REEMBED';

/** Cuts every document that answers in a way in which it is not cut yet. @param tokenizerFolder whose tokens the limits are in */
export type Recut = (chunking: ChunkingEntity, tokenizerFolder: string, context: Pick<JobContext, 'signal' | 'report'>) => Promise<void>;

interface ReembedParts {
  settings: Pick<Settings, 'INDEX_SWITCH'>;
  database: Database;
  catalogue: Catalogue;
  index: KnowledgeIndex;
  embedders: Embedders;
  generations: Generations;
  chunkings: Chunkings;
  mirror: IndexMirror;
  jobs: JobQueue;
  recut: Recut;
  /** Scores both by the golden queries; null where there are none. */
  compare: (candidate: SearchedIndex, signal: AbortSignal) => Promise<Comparison | null>;
  log: Logger;
}

/** A generation on its way to answering, with all that belongs to it. */
interface Building {
  generation: GenerationEntity;
  chunking: ChunkingEntity;
  embedder: Embedder;
  /** Its passages are cut in another way than those that answer. */
  isCutAnew: boolean;
}

/** Two scores nearer than this are the same. */
const tolerance = 0.001;
/** Where documents are cut anew, the share of the work that this is. */
const shareOfCutting = 0.1;

/**
 * Changes the embedding model, or how documents are cut, while serving: the new generation is filled beside the one that
 * answers, compared with it on the golden queries, and both are exchanged in one moment, by itself or on an operator's yes.
 * The one of before is kept, so that the way back is the same job again. Interrupted, it goes on with what is there.
 */
export class Reembedding implements JobHandler {
  readonly concurrency = 1;
  readonly #filling: GenerationFilling;

  constructor(private readonly parts: ReembedParts) {
    this.#filling = new GenerationFilling(parts.database, parts.index);
    parts.jobs.register(reembedKind, this);
  }

  /** Sees to it that exactly the job is under way that brings the index to what is configured, or none where it is there or was declined. */
  async followSettings(): Promise<void> {
    const { database, jobs, generations } = this.parts;
    const wanted = generations.configured;
    const unfinished = await database.read.findBy(JobEntity, { kind: reembedKind, status: In(['QUEUED', 'RUNNING']) });
    const fitting = unfinished.find((job) => this.#isFor(job, wanted));
    // An operator's switch goes on, whatever the setting says.
    for (const job of unfinished) if (job !== fitting && !job.payload['generation']) await jobs.cancel(job.id);
    await generations.giveUpAllBut(
      wanted,
      unfinished.flatMap((job) => (typeof job.payload['generation'] === 'number' ? [job.payload['generation']] : [])),
    );
    if (generations.answers(wanted) || unfinished.some((job) => job === fitting || job.payload['generation'])) return;
    if (await generations.isDeclined()) return;
    const made = await generations.for(wanted);
    // Whole already: it goes by itself where the policy says so by now and, by `better`, nothing was there to compare it by.
    const { INDEX_SWITCH: policy } = this.parts.settings;
    if (made?.status === 'CANDIDATE' && (policy === 'ask' || (policy === 'better' && made.comparison))) return;
    await jobs.enqueue({ kind: reembedKind, payload: { ...wanted } });
  }

  /** Whether a change is under way or waits for its turn. */
  async isUnderWay(): Promise<boolean> {
    return (await this.parts.database.read.countBy(JobEntity, { kind: reembedKind, status: In(['QUEUED', 'RUNNING']) })) > 0;
  }

  #isFor(job: JobEntity, { model, limits }: Target): boolean {
    const target = this.#targetOf(job);
    return target.model === model && sameLimits(target.limits, limits);
  }

  /** A job of an earlier version changes the model alone. */
  #targetOf({ payload }: JobEntity): Target {
    return { model: String(payload['model']), limits: (payload['limits'] as ChunkingLimits | undefined) ?? limitsOf(this.parts.index.chunking) };
  }

  /** An operator's yes: fills what the generation lacks by now, then lets it answer. */
  async switchTo(number: number): Promise<JobEntity> {
    const { model, status, chunking } = await this.parts.generations.require(number);
    if (status === 'ACTIVE')
      throw new AppError('CONFLICT', { en: `Generation ${number} answers searches already.`, ja: `世代 ${number} はすでに検索に使われています。` });
    const limits = await this.parts.chunkings.find(chunking);
    if (status === 'REMOVED' || !limits)
      throw new AppError(
        'CONFLICT',
        { en: `What generation ${number} held is gone.`, ja: `世代 ${number} の内容は削除されています。` },
        { en: 'Set EMBEDDING_MODEL and the limits of passages, and restart.', ja: 'EMBEDDING_MODEL とチャンクの設定を変えて再起動してください。' },
      );
    return this.parts.jobs.enqueue({ kind: reembedKind, payload: { model, limits: limitsOf(limits), generation: number } });
  }

  run(context: JobContext): Promise<Record<string, unknown> | null> {
    return this.parts.index.exclusively(() => this.#run(context), context.signal);
  }

  async #run(context: JobContext): Promise<Record<string, unknown> | null> {
    const { index, embedders, generations } = this.parts;
    const { signal, report } = context;
    const target = this.#targetOf(context.job);
    const { model } = target;
    if (generations.answers(target)) return { model, switched: false };
    report({ stage: 'LOADING', message: model });
    const embedder = await embedders.get(model);
    signal.throwIfAborted();
    const { generation, chunking } = await generations.begin(target);
    const { number } = generation;
    generations.inUse = number;
    try {
      return await this.#build({ generation, chunking, embedder, isCutAnew: chunking.number !== index.active.chunking }, context);
    } finally {
      // Given up, it may end when another has begun.
      if (generations.inUse === number) generations.inUse = null;
    }
  }

  async #build(building: Building, { job, signal, report }: JobContext): Promise<Record<string, unknown>> {
    const { index, generations, chunkings, mirror } = this.parts;
    const { generation, chunking, embedder, isCutAnew } = building;
    const { model, number } = generation;
    await index.vectors.whenAvailable(signal);
    await index.vectors.ensureCollection(generation.collection);
    const fill = () => this.#fill(building, { signal, report });
    // What an earlier run has made and not put there yet; what is cut from now on is put there as it is embedded.
    await mirror.bring(generation, signal);
    await fill();
    if (typeof job.payload['generation'] !== 'number') {
      report({ stage: 'COMPARING', progress: 0.99, message: '' });
      const revisions = isCutAnew ? await chunkings.revisions(chunking.number) : undefined;
      const comparison = await this.parts.compare(index.view(generation, embedder, revisions), signal);
      await generations.propose(generation, comparison);
      if (!this.#goesByItself(comparison)) return { model, generation: number, switched: false, comparison };
    }
    await this.#switch(building, fill);
    // Searches that began with the collection of before end with it.
    await delay(longestSearchMs, undefined, { signal }).catch(() => undefined);
    // Cancelled, what is over is left to the next look.
    if (!signal.aborted) await generations.discardExpired();
    return { model, generation: number, switched: true };
  }

  async #fill({ generation, chunking, embedder, isCutAnew }: Building, { signal, report }: Pick<JobContext, 'signal' | 'report'>): Promise<void> {
    if (isCutAnew) await this.parts.recut(chunking, embedder.folder, { signal, report: partly(report, 0, shareOfCutting) });
    await this.#filling.fill(generation, embedder, signal, isCutAnew ? partly(report, shareOfCutting, 1) : report);
  }

  #goesByItself(comparison: Comparison | null): boolean {
    const { INDEX_SWITCH: policy } = this.parts.settings;
    return policy === 'always' || (policy === 'better' && (!comparison || comparison.candidate.ndcg >= comparison.active.ndcg - tolerance));
  }

  async #switch(building: Building, fill: () => Promise<void>): Promise<void> {
    const { catalogue, index, embedders, log } = this.parts;
    const { generation, chunking, embedder } = building;
    const before = index.active;
    // Documents may have become ready since the last look: the switch happens only if none has.
    for (let answers = false; !answers;) {
      try {
        await catalogue.pause();
        const revisions = await this.#exchange(building);
        if (revisions) {
          catalogue.exchange(revisions);
          index.adopt(generation, embedder, chunking);
          answers = true;
        }
      } finally {
        catalogue.resume();
      }
      if (!answers) await fill();
    }
    log.info(
      { model: generation.model, generation: generation.number, ...limitsOf(chunking) },
      'the index answers under another model, or with other passages',
    );
    if (before.model !== generation.model) embedders.retire(before.model, index.closing).catch(() => undefined); // Closed with all others when the server stops.
  }

  /** @returns revisions that answer in place of others; null where the generation lacks something */
  #exchange({ generation, chunking, isCutAnew }: Building): Promise<ReadonlyMap<string, number> | null> {
    const { database, index, generations, chunkings } = this.parts;
    return database.write(async (tx) => {
      await database.lock(tx, revisionsLock);
      if (isCutAnew && (await chunkings.uncut(tx, chunking.number, 1)).length > 0) return null;
      if ((await this.#filling.missing(tx, generation, 1)).length > 0) return null;
      const revisions = isCutAnew ? await chunkings.exchange(tx, index.active.chunking, chunking.number) : new Map<string, number>();
      await generations.activate(tx, generation, chunking);
      return revisions;
    });
  }
}

/** Tells a part of the work as a share of the whole. */
function partly(report: JobContext['report'], from: number, to: number): JobContext['report'] {
  return ({ progress, ...rest }) => report({ ...rest, ...(progress === undefined ? {} : { progress: from + progress * (to - from) }) });
}
