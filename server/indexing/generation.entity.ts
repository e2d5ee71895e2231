import { Column, Entity, PrimaryColumn } from 'typeorm';
import { dateColumn } from '../platform/database/index.js';

export type GenerationState = 'BUILDING' | 'ACTIVE' | 'RETIRED';

/** One whole vector index under one model; the active one answers searches. */
@Entity('index_generations')
export class GenerationEntity {
  @PrimaryColumn({ type: 'integer' })
  number!: number;

  @Column({ type: 'varchar', length: 80 })
  collection!: string;

  @Column({ type: 'varchar', length: 200 })
  model!: string;

  @Column({ type: 'varchar', length: 10 })
  status!: GenerationState;

  @Column(dateColumn({ name: 'created_at' }))
  createdAt!: Date;

  @Column(dateColumn({ name: 'activated_at', nullable: true }))
  activatedAt!: Date | null;
}
