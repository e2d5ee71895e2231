import { type EntityManager, In } from 'typeorm';
import { type Settings } from '../config/index.js';
import { ChunkingEntity, type ChunkingLimits, type Chunkings, ChunkVectorEntity, sameLimits } from '../documents/index.js';
import { AppStateEntity, type Database } from '../platform/database/index.js';
import { AppError, notFound } from '../platform/errors.js';
import { JobEntity, type JobQueue } from '../platform/queue/index.js';
import { type Comparison, GenerationEntity, type GenerationState } from './generation.entity.js';
import { type KnowledgeIndex } from './knowledge-index.js';

/** Clears away the passages of a chunking that no generation needs any longer. */
export const clearChunkingKind = 'CLEAR_CHUNKING';

/** What an index is built for: by which model, and how documents are cut. */
export interface Target {
  model: string;
  limits: ChunkingLimits;
}

const purposeKey = 'index.begun_for';
const declinedKey = 'index.declined_model';
const dayMs = 24 * 3_600_000;
/** Searches that began with a collection have ended after so long. */
export const longestSearchMs = 2000;
/** Those that may come to answer, or do. */
const living: GenerationState[] = ['BUILDING', 'CANDIDATE', 'ACTIVE', 'RETIRED'];

interface GenerationsParts {
  settings: Pick<Settings, 'INDEX_KEEP_DAYS'>;
  database: Database;
  index: KnowledgeIndex;
  chunkings: Chunkings;
  jobs: JobQueue;
}

/** The records of all generations of the index: which is being built, waits for a yes, answers, or is kept for switching back. */
export class Generations {
  /** Number of the one that a job builds or is about to let answer. */
  inUse: number | null = null;

  constructor(private readonly parts: GenerationsParts) {}

  /** Newest first. */
  list(): Promise<GenerationEntity[]> {
    return this.parts.database.read.find(GenerationEntity, { order: { number: 'DESC' }, take: 50 });
  }

  async require(number: number): Promise<GenerationEntity> {
    const generation = await this.parts.database.read.findOneBy(GenerationEntity, { number });
    if (!generation) throw notFound('generation of the index', String(number));
    return generation;
  }

  /** What the settings ask for. */
  get configured(): Target {
    const { configuredModel: model, configuredLimits: limits } = this.parts.index;
    return { model, limits };
  }

  /** Whether the generation that answers is one for this. */
  answers({ model, limits }: Target): boolean {
    const { active, chunking } = this.parts.index;
    return active.model === model && sameLimits(chunking, limits);
  }

  /** One for this that may come to answer. */
  async for({ model, limits }: Target, manager: EntityManager = this.parts.database.read): Promise<GenerationEntity | null> {
    const chunking = await this.parts.chunkings.with(limits, manager);
    if (!chunking) return null;
    return manager.findOne(GenerationEntity, {
      where: { model, chunking: chunking.number, status: In(['BUILDING', 'CANDIDATE', 'RETIRED'] satisfies GenerationState[]) },
      order: { number: 'DESC' },
    });
  }

  /** The generation that is to answer: one that was begun or kept, or a new one. */
  begin({ model, limits }: Target): Promise<{ generation: GenerationEntity; chunking: ChunkingEntity }> {
    const { database, chunkings } = this.parts;
    return database.write(async (tx) => {
      const chunking = await chunkings.begin(tx, limits);
      const kept = await this.for({ model, limits }, tx);
      if (kept) return { generation: kept, chunking };
      // What was begun for anything else is wanted no longer.
      await tx.update(GenerationEntity, { status: 'BUILDING' }, { status: 'RETIRED' });
      return { generation: await tx.save(await this.#founded(tx, model, chunking.number)), chunking };
    });
  }

  /** A new generation like the one that answers, for one purpose: asked for again, it is the one that was begun for it. */
  async beginAgain({ model, chunking }: GenerationEntity, purpose: string): Promise<GenerationEntity> {
    return this.parts.database.write(async (tx) => {
      const begun = await tx.findOneBy(AppStateEntity, { key: purposeKey });
      const [purposeBefore, numberBefore] = begun?.value.split(' ') ?? [];
      if (purposeBefore === purpose) {
        const known = await tx.findOneBy(GenerationEntity, { number: Number(numberBefore), status: In(['BUILDING', 'ACTIVE']) });
        if (known) return known;
      }
      const founded = await this.#founded(tx, model, chunking);
      await tx.save(Object.assign(new AppStateEntity(), { key: purposeKey, value: `${purpose} ${founded.number}` }));
      return tx.save(founded);
    });
  }

  async #founded(tx: EntityManager, model: string, chunking: number): Promise<GenerationEntity> {
    const [newest] = await tx.find(GenerationEntity, { order: { number: 'DESC' }, take: 1 });
    const number = (newest?.number ?? 0) + 1;
    return Object.assign(new GenerationEntity(), {
      number,
      collection: this.parts.index.collectionName(number),
      model,
      chunking,
      status: 'BUILDING',
      createdAt: new Date(),
      activatedAt: null,
      comparison: null,
    } satisfies GenerationEntity);
  }

  /** Those of the same model and passages that answered before, or were begun and given up. */
  retiredLike({ model, chunking }: GenerationEntity): Promise<GenerationEntity[]> {
    return this.parts.database.read.find(GenerationEntity, { where: { model, chunking, status: In(['BUILDING', 'RETIRED']) } });
  }

  async propose({ number }: GenerationEntity, comparison: Comparison | null): Promise<void> {
    await this.parts.database.write((tx) => this.#become(tx, number, { status: 'CANDIDATE', comparison: comparison as never }));
  }

  /** @throws AppError CONFLICT where it was discarded, or has come to answer, meanwhile */
  async #become(tx: EntityManager, number: number, change: Pick<Partial<GenerationEntity>, 'status' | 'activatedAt'> & { comparison?: never }): Promise<void> {
    const from = change.status === 'REMOVED' ? living.filter((status) => status !== 'ACTIVE') : living;
    const { affected } = await tx.update(GenerationEntity, { number, status: In(from) }, change);
    if (!affected) throw new AppError('CONFLICT', { en: `Generation ${number} is another by now.`, ja: `世代 ${number} の状態はその間に変わりました。` });
  }

  /** What the settings do not ask for any longer is to be discarded: what was begun for it, or waits for a yes. @param kept numbers that an operator has chosen */
  async giveUpAllBut({ model, limits }: Target, kept: number[]): Promise<void> {
    const { database, index } = this.parts;
    const wanted = await this.for({ model, limits });
    await database.write(async (tx) => {
      const begun = await tx.findBy(GenerationEntity, { status: In(['BUILDING', 'CANDIDATE'] satisfies GenerationState[]) });
      // One like the one that answers is being made for a rebuild.
      const unwanted = begun.filter(
        ({ number, model: other, chunking }) =>
          number !== wanted?.number && !kept.includes(number) && !(other === index.active.model && chunking === index.active.chunking),
      );
      if (unwanted.length > 0) await tx.update(GenerationEntity, { number: In(unwanted.map(({ number }) => number)) }, { status: 'RETIRED' });
      if (this.answers({ model, limits })) await tx.delete(AppStateEntity, { key: declinedKey });
    });
  }

  /** Makes a generation the one that answers in place of another like it, within the caller's transaction. */
  async replace(tx: EntityManager, { number }: GenerationEntity): Promise<void> {
    await tx.update(GenerationEntity, { status: 'ACTIVE' }, { status: 'RETIRED' });
    await this.#become(tx, number, { status: 'ACTIVE', activatedAt: new Date() });
  }

  /** Makes a generation the one that answers, within the caller's transaction. */
  async activate(tx: EntityManager, generation: GenerationEntity, limits: ChunkingLimits): Promise<void> {
    const { model } = generation;
    await this.replace(tx, generation);
    // Whoever goes back from what is configured does not want to be led to it again at the next start.
    await tx.delete(AppStateEntity, { key: declinedKey });
    const { configured } = this;
    if (model === configured.model && sameLimits(limits, configured.limits)) return;
    await this.#decline(tx);
  }

  /** Whether an operator has gone back from what the settings ask for. */
  async isDeclined(): Promise<boolean> {
    const row = await this.parts.database.read.findOneBy(AppStateEntity, { key: declinedKey });
    if (!row) return false;
    const { configured } = this;
    // An earlier version kept the model alone.
    if (!row.value.startsWith('{')) return row.value === configured.model && sameLimits(this.parts.index.chunking, configured.limits);
    const { model, limits } = JSON.parse(row.value) as Target;
    return model === configured.model && sameLimits(limits, configured.limits);
  }

  /** An operator's no. What the settings ask for is not built again until they ask for something else. Errors as for `discard`. */
  async decline(number: number): Promise<void> {
    const generation = await this.require(number);
    const chunking = await this.parts.chunkings.find(generation.chunking);
    const { configured } = this;
    await this.discard(number);
    if (
      generation.status === 'RETIRED' ||
      !chunking ||
      this.answers(configured) ||
      generation.model !== configured.model ||
      !sameLimits(chunking, configured.limits)
    )
      return;
    await this.parts.database.write((tx) => this.#decline(tx));
  }

  async #decline(tx: EntityManager): Promise<void> {
    const { model, limits } = this.configured;
    await tx.save(Object.assign(new AppStateEntity(), { key: declinedKey, value: JSON.stringify({ model, limits }) }));
  }

  /** Drops a generation's collection, and vectors and passages that no other generation needs. Throws AppError CONFLICT for the one that answers. */
  async discard(number: number): Promise<void> {
    const { database, index, jobs } = this.parts;
    const { collection, model, chunking, status } = await this.require(number);
    if (status === 'ACTIVE')
      throw new AppError(
        'CONFLICT',
        { en: `Generation ${number} answers searches.`, ja: `世代 ${number} は検索に使われています。` },
        { en: 'Switch to another one first.', ja: '先に別の世代へ切り替えてください。' },
      );
    if (number === this.inUse)
      throw new AppError(
        'CONFLICT',
        { en: `A job is at work on generation ${number}.`, ja: `世代 ${number} はジョブが使用中です。` },
        { en: 'Cancel the job first, or wait until it has ended.', ja: '先にジョブを取り消すか、終わるのを待ってください。' },
      );
    await index.vectors.dropCollection(collection);
    const cleared = await database.write(async (tx): Promise<JobEntity | null> => {
      await this.#become(tx, number, { status: 'REMOVED' });
      if ((await tx.countBy(GenerationEntity, { model, status: In(living) })) === 0) await tx.delete(ChunkVectorEntity, { model });
      if ((await tx.countBy(GenerationEntity, { chunking, status: In(living) })) > 0) return null;
      await tx.delete(ChunkingEntity, { number: chunking });
      return jobs.add(tx, { kind: clearChunkingKind, payload: { chunking } });
    });
    if (cleared) jobs.announce(cleared);
  }

  /** Sees to it that passages which no generation needs go, whatever has cut that off. */
  async clearForgotten(): Promise<void> {
    const { chunkings, jobs, database } = this.parts;
    const unfinished = await database.read.findBy(JobEntity, { kind: clearChunkingKind, status: In(['QUEUED', 'RUNNING']) });
    for (const chunking of await chunkings.forgotten())
      if (!unfinished.some(({ payload }) => payload['chunking'] === chunking)) await jobs.enqueue({ kind: clearChunkingKind, payload: { chunking } });
  }

  /** Discards what was kept long enough, and all but the newest of what was kept: there is one way back. */
  async discardExpired(): Promise<void> {
    const retired = await this.parts.database.read.find(GenerationEntity, { where: { status: 'RETIRED' } });
    const newest = retired.filter(({ activatedAt }) => activatedAt).sort((a, b) => Number(b.activatedAt) - Number(a.activatedAt))[0];
    const { activatedAt } = this.parts.index.active;
    const isOver = !activatedAt || Date.now() - activatedAt.getTime() >= this.parts.settings.INDEX_KEEP_DAYS * dayMs;
    for (const generation of retired) if (generation !== newest || isOver) await this.discard(generation.number);
  }
}
