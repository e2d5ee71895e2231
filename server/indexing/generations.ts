import { type EntityManager, In } from 'typeorm';
import { type Settings } from '../config/index.js';
import { ChunkVectorEntity } from '../documents/index.js';
import { AppStateEntity, type Database } from '../platform/database/index.js';
import { AppError, notFound } from '../platform/errors.js';
import { type Comparison, GenerationEntity } from './generation.entity.js';
import { type KnowledgeIndex } from './knowledge-index.js';

const purposeKey = 'index.begun_for';
const declinedKey = 'index.declined_model';
const dayMs = 24 * 3_600_000;

/** The records of all generations of the index: which is being built, waits for a yes, answers, or is kept for switching back. */
export class Generations {
  constructor(
    private readonly settings: Pick<Settings, 'INDEX_KEEP_DAYS'>,
    private readonly database: Database,
    private readonly index: KnowledgeIndex,
  ) {}

  /** Newest first. */
  list(): Promise<GenerationEntity[]> {
    return this.database.read.find(GenerationEntity, { order: { number: 'DESC' }, take: 50 });
  }

  async require(number: number): Promise<GenerationEntity> {
    const generation = await this.database.read.findOneBy(GenerationEntity, { number });
    if (!generation) throw notFound('generation of the index', String(number));
    return generation;
  }

  /** One that holds a model's vectors and may come to answer. */
  ofModel(model: string): Promise<GenerationEntity | null> {
    return this.database.read.findOne(GenerationEntity, {
      where: { model, status: In(['BUILDING', 'CANDIDATE', 'RETIRED']) },
      order: { number: 'DESC' },
    });
  }

  /** The generation that is to answer under a model: one that was begun or kept, or a new one. */
  async begin(model: string): Promise<GenerationEntity> {
    const kept = await this.ofModel(model);
    if (kept) return kept;
    return this.database.write(async (tx) => {
      // What was begun for yet another model is wanted no longer.
      await tx.update(GenerationEntity, { status: 'BUILDING' }, { status: 'RETIRED' });
      const newest = await tx.find(GenerationEntity, { order: { number: 'DESC' }, take: 1 });
      const number = (newest[0]?.number ?? 0) + 1;
      return tx.save(this.#founded(number, model));
    });
  }

  /** A new generation under the model that answers, for one purpose: asked for again, it is the one that was begun for it. */
  async beginAgain(model: string, purpose: string): Promise<GenerationEntity> {
    return this.database.write(async (tx) => {
      const begun = await tx.findOneBy(AppStateEntity, { key: purposeKey });
      const [purposeBefore, numberBefore] = begun?.value.split(' ') ?? [];
      if (purposeBefore === purpose) {
        const known = await tx.findOneBy(GenerationEntity, { number: Number(numberBefore), status: In(['BUILDING', 'ACTIVE']) });
        if (known) return known;
      }
      const newest = await tx.find(GenerationEntity, { order: { number: 'DESC' }, take: 1 });
      const number = (newest[0]?.number ?? 0) + 1;
      await tx.save(Object.assign(new AppStateEntity(), { key: purposeKey, value: `${purpose} ${number}` }));
      return tx.save(this.#founded(number, model));
    });
  }

  #founded(number: number, model: string): GenerationEntity {
    return Object.assign(new GenerationEntity(), {
      number,
      collection: this.index.collectionName(number),
      model,
      status: 'BUILDING',
      createdAt: new Date(),
      activatedAt: null,
      comparison: null,
    } satisfies GenerationEntity);
  }

  /** Those of a model that answered before, or were begun and given up. */
  retiredOf(model: string): Promise<GenerationEntity[]> {
    return this.database.read.find(GenerationEntity, { where: { model, status: In(['BUILDING', 'RETIRED']) } });
  }

  async propose({ number }: GenerationEntity, comparison: Comparison | null): Promise<void> {
    await this.database.write((tx) => tx.update(GenerationEntity, { number }, { status: 'CANDIDATE', comparison: comparison as never }));
  }

  /** Makes a generation the one that answers, within the caller's transaction. */
  async activate(tx: EntityManager, { number, model }: GenerationEntity): Promise<void> {
    await tx.update(GenerationEntity, { status: 'ACTIVE' }, { status: 'RETIRED' });
    await tx.update(GenerationEntity, { number }, { status: 'ACTIVE', activatedAt: new Date() });
    // Whoever goes back from the configured model does not want to be led to it again at the next start.
    await tx.delete(AppStateEntity, { key: declinedKey });
    const { configuredModel } = this.index;
    if (model !== configuredModel) await tx.save(Object.assign(new AppStateEntity(), { key: declinedKey, value: configuredModel }));
  }

  /** The model that an operator has gone back from. */
  async declinedModel(): Promise<string | null> {
    return (await this.database.read.findOneBy(AppStateEntity, { key: declinedKey }))?.value ?? null;
  }

  /** Drops a generation's collection, and the vectors that no other generation needs. Throws AppError CONFLICT for the one that answers. */
  async discard(number: number): Promise<void> {
    const generation = await this.require(number);
    if (generation.status === 'ACTIVE') throw new AppError('CONFLICT', `Generation ${number} answers searches.`, 'Switch to another one first.');
    await this.index.vectors.dropCollection(generation.collection);
    await this.database.write(async (tx) => {
      await tx.update(GenerationEntity, { number }, { status: 'REMOVED' });
      const others = await tx.countBy(GenerationEntity, { model: generation.model, status: In(['BUILDING', 'CANDIDATE', 'ACTIVE', 'RETIRED']) });
      if (others === 0) await tx.delete(ChunkVectorEntity, { model: generation.model });
    });
  }

  /** Discards what was kept long enough, and all but the newest of what was kept: there is one way back. */
  async discardExpired(): Promise<void> {
    const retired = await this.database.read.find(GenerationEntity, { where: { status: 'RETIRED' } });
    const newest = retired.filter(({ activatedAt }) => activatedAt).sort((a, b) => Number(b.activatedAt) - Number(a.activatedAt))[0];
    const { activatedAt } = this.index.active;
    const isOver = !activatedAt || Date.now() - activatedAt.getTime() >= this.settings.INDEX_KEEP_DAYS * dayMs;
    for (const generation of retired) if (generation !== newest || isOver) await this.discard(generation.number);
  }
}
