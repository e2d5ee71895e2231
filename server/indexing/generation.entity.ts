import { Column, Entity, PrimaryColumn } from 'typeorm';
import { dateColumn } from '../platform/database/index.js';

/** BUILDING: being filled; CANDIDATE: whole, waiting for a yes; ACTIVE: answers; RETIRED: kept for switching back; REMOVED: its vectors are gone. */
export type GenerationState = 'BUILDING' | 'CANDIDATE' | 'ACTIVE' | 'RETIRED' | 'REMOVED';

/** Means over the golden queries, each 0..1. */
export interface GoldenScores {
  ndcg: number;
  recall: number;
  mrr: number;
}

/** What the golden queries say of a new generation beside the one that answers. */
export interface Comparison {
  queries: number;
  active: GoldenScores;
  candidate: GoldenScores;
}

/** One whole vector index under one model, of passages cut in one way; the active one answers searches. */
@Entity('index_generations')
export class GenerationEntity {
  @PrimaryColumn({ type: 'integer' })
  number!: number;

  @Column({ type: 'varchar', length: 80 })
  collection!: string;

  @Column({ type: 'varchar', length: 200 })
  model!: string;

  /** Number of the way its passages are cut. */
  @Column({ type: 'integer' })
  chunking!: number;

  @Column({ type: 'varchar', length: 10 })
  status!: GenerationState;

  @Column(dateColumn({ name: 'created_at' }))
  createdAt!: Date;

  @Column(dateColumn({ name: 'activated_at', nullable: true }))
  activatedAt!: Date | null;

  /** Null until it was compared, for one that a rebuild made, and where there was no golden query to compare by. */
  @Column({ type: 'simple-json', nullable: true })
  comparison!: Comparison | null;
}
