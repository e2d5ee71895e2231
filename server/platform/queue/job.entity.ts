import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { dateColumn, jsonColumn } from '../database/index.js';
import { type Saying, sayingColumn } from '../saying.js';

export type JobState = 'QUEUED' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED';

/** One step of a job: what it did, since when, and how far it came in it. */
export interface JobLogLine {
  /** ISO 8601. */
  at: string;
  /** A stage, or BEGUN, RESUMED, SUCCEEDED, FAILED, CANCELLED. */
  step: string;
  message: Saying | null;
}

/** A piece of long work: kept in the database, so that it survives a restart. */
@Entity('jobs')
@Index('jobs_status_kind', ['status', 'kind', 'createdAt'])
@Index('jobs_created', ['createdAt', 'id'])
export class JobEntity {
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id!: string;

  @Column({ type: 'varchar', length: 40 })
  kind!: string;

  @Column({ type: 'varchar', length: 12 })
  status!: JobState;

  /** Share done, 0..1. */
  @Column({ type: 'double precision' })
  progress!: number;

  @Column({ type: 'varchar', length: 40, nullable: true })
  stage!: string | null;

  /** In both languages as JSON, or words that are the same in each. */
  @Column({ type: 'text', nullable: true, transformer: sayingColumn })
  message!: Saying | null;

  @Column(jsonColumn())
  payload!: Record<string, unknown>;

  @Column(jsonColumn({ nullable: true }))
  result!: Record<string, unknown> | null;

  /** As the message. */
  @Column({ type: 'text', nullable: true, transformer: sayingColumn })
  error!: Saying | null;

  /** Its steps, oldest first. */
  @Column(jsonColumn({ nullable: true }))
  log!: JobLogLine[] | null;

  /** What the work is about, e.g. a document's id. */
  @Index('jobs_subject')
  @Column({ type: 'varchar', length: 64, nullable: true, name: 'subject_id' })
  subjectId!: string | null;

  @Column({ type: 'varchar', length: 64, nullable: true, name: 'batch_id' })
  batchId!: string | null;

  /** The HTTP request that asked for it. */
  @Column({ type: 'varchar', length: 64, nullable: true, name: 'request_id' })
  requestId!: string | null;

  /** Who asked for it; `system` where it began by itself. */
  @Column({ type: 'varchar', length: 100, nullable: true })
  owner!: string | null;

  /** When its handler last told how far it is. */
  @Column(dateColumn({ name: 'reported_at', nullable: true }))
  reportedAt!: Date | null;

  @Column(dateColumn({ name: 'created_at' }))
  createdAt!: Date;

  @Column(dateColumn({ name: 'started_at', nullable: true }))
  startedAt!: Date | null;

  @Column(dateColumn({ name: 'finished_at', nullable: true }))
  finishedAt!: Date | null;
}
