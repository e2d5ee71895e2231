import { In, LessThan } from 'typeorm';
import { vectorFromBytes } from '../documents/index.js';
import { type Database } from '../platform/database/index.js';
import { passageHash } from '../platform/embedder/index.js';
import { KnownVectorEntity } from './known-vector.entity.js';

/** Vectors of passages that are about to come: made elsewhere by the same model of the same text, they need not be made again. */
export class KnownVectors {
  /** Most of the time there are none, and nobody asks the database. */
  #any = false;

  constructor(private readonly database: Database) {}

  async open(): Promise<void> {
    this.#any = await this.database.read.exists(KnownVectorEntity);
  }

  async add(vectors: Pick<KnownVectorEntity, 'hash' | 'model' | 'vector'>[]): Promise<void> {
    if (vectors.length === 0) return;
    const keptAt = new Date();
    const rows = vectors.map((vector) => ({ ...vector, keptAt }));
    await this.database.write((tx) => tx.createQueryBuilder().insert().into(KnownVectorEntity).values(rows).orIgnore().updateEntity(false).execute());
    this.#any = true;
  }

  /** @returns vectors by the texts that have one */
  async find(model: string, texts: string[]): Promise<Map<string, Float32Array>> {
    const found = new Map<string, Float32Array>();
    if (!this.#any) return found;
    const byHash = new Map(texts.map((text) => [passageHash(text), text]));
    for (const { hash, vector } of await this.database.read.findBy(KnownVectorEntity, { model, hash: In([...byHash.keys()]) }))
      found.set(byHash.get(hash)!, vectorFromBytes(vector));
    return found;
  }

  /** @returns how many were forgotten that were kept longer than `olderThanMs` */
  async forget(olderThanMs: number): Promise<number> {
    if (!this.#any) return 0;
    const { affected } = await this.database.write((tx) => tx.delete(KnownVectorEntity, { keptAt: LessThan(new Date(Date.now() - olderThanMs)) }));
    await this.open();
    return affected ?? 0;
  }
}
