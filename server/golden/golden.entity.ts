import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { dateColumn, jsonColumn } from '../platform/database/index.js';
import { type Saying, sayingColumn } from '../platform/saying.js';

/** A question with the documents that answer it. */
@Entity('golden_queries')
@Index('golden_queries_created', ['createdAt', 'id'])
export class GoldenQueryEntity {
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id!: string;

  @Index('golden_queries_query', { unique: true })
  @Column({ type: 'text' })
  query!: string;

  @Column(jsonColumn({ name: 'document_ids' }))
  documentIds!: string[];

  @Column(dateColumn({ name: 'created_at' }))
  createdAt!: Date;

  /** Rank of the first expected document in the newest run; null where it was not among the first ten. */
  @Column({ type: 'integer', name: 'last_rank', nullable: true })
  lastRank!: number | null;
}

/** Scores of one run, each a mean over the queries, 0..1. */
@Entity('golden_runs')
export class GoldenRunEntity {
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id!: string;

  @Index('golden_runs_at')
  @Column(dateColumn())
  at!: Date;

  @Column({ type: 'varchar', length: 200 })
  model!: string;

  @Column({ type: 'integer' })
  generation!: number;

  @Column({ type: 'integer' })
  queries!: number;

  @Column({ type: 'double precision' })
  ndcg!: number;

  @Column({ type: 'double precision' })
  recall!: number;

  @Column({ type: 'double precision' })
  mrr!: number;

  /** nDCG of what the vector index alone answers: it shows damage that words make up for in a search. */
  @Column({ type: 'double precision', name: 'vector_ndcg' })
  vectorNdcg!: number;

  /** What fell, in words; null where nothing did. */
  @Column({ type: 'text', nullable: true, transformer: sayingColumn })
  alert!: Saying | null;
}
