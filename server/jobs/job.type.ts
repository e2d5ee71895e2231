import { Field, Float, ID, InputType, ObjectType, registerEnumType } from 'type-graphql';
import { connectionOf, DateTime, JSONObject } from '../platform/http/graphql-types.js';
import { type JobEntity, type JobLogLine } from '../platform/queue/index.js';
import { type Saying } from '../platform/saying.js';

export enum JobStatus {
  QUEUED = 'QUEUED',
  RUNNING = 'RUNNING',
  SUCCEEDED = 'SUCCEEDED',
  FAILED = 'FAILED',
  CANCELLED = 'CANCELLED',
}
registerEnumType(JobStatus, { name: 'JobStatus' });

@ObjectType({ simpleResolvers: true, description: 'One step of a job.' })
export class JobLogLineType {
  @Field(() => DateTime)
  at!: Date;

  @Field(() => String, { description: 'A stage, or BEGUN, RESUMED, SUCCEEDED, FAILED, CANCELLED.' })
  step!: string;

  @Field(() => String, { nullable: true, description: 'How far it came in it, in words.' })
  message!: string | null;
}

@ObjectType('Job', { simpleResolvers: true, description: 'A piece of long work. It survives a restart.' })
export class JobType {
  @Field(() => ID)
  id!: string;

  @Field(() => String, { description: 'INGEST, DELETE, REPROCESS, REEMBED, …' })
  kind!: string;

  @Field(() => String, { nullable: true, description: 'Which maintenance task or schedule it is of; null for other kinds.' })
  subject!: string | null;

  @Field(() => JobStatus)
  status!: string;

  @Field(() => Float, { description: 'Share done, 0..1; never falls while a job runs.' })
  progress!: number;

  @Field(() => String, { nullable: true, description: 'What it does at the moment: the task, the step or the part of it.' })
  stage!: string | null;

  /** These are told in the language that is asked for. */
  message!: Saying | null;
  error!: Saying | null;
  log!: JobLogLine[];

  @Field(() => ID, { nullable: true, description: 'The drop or command line run it belongs to.' })
  batchId!: string | null;

  @Field(() => ID, { nullable: true, description: 'Of the HTTP request that asked for it; its lines in the log have the same.' })
  requestId!: string | null;

  @Field(() => String, { nullable: true, description: 'Who asked for it; system where it began by itself.' })
  owner!: string | null;

  @Field(() => Boolean, { description: 'It runs and has reported nothing for JOB_STUCK_MINUTES; `recoverJob` begins it again.' })
  stuck!: boolean;

  @Field(() => DateTime)
  createdAt!: Date;

  @Field(() => DateTime, { nullable: true })
  startedAt!: Date | null;

  @Field(() => DateTime, { nullable: true })
  finishedAt!: Date | null;

  @Field(() => JSONObject, { nullable: true })
  result!: Record<string, unknown> | null;

  /** What the work is about; features turn it into fields of their own. */
  subjectId!: string | null;
}

export const JobConnection = connectionOf('Job', JobType);

@InputType({ description: 'Any within a field, all across fields.' })
export class JobFilter {
  @Field(() => [JobStatus], { nullable: true })
  statuses?: JobStatus[] | null;

  @Field(() => [String], { nullable: true })
  kinds?: string[] | null;

  @Field(() => ID, { nullable: true })
  batchId?: string | null;

  @Field(() => DateTime, { nullable: true, description: 'Only those that were asked for since.' })
  from?: Date | null;
}

/** @param silentMs how long a running job may report nothing */
export function jobView(job: JobEntity, silentMs = Infinity): JobType {
  const { id, kind, status, progress, stage, message, batchId, requestId, owner, createdAt, startedAt, finishedAt, error, result, log, subjectId, reportedAt } =
    job;
  const stuck = status === 'RUNNING' && reportedAt !== null && Date.now() - reportedAt.getTime() > silentMs;
  const { task, schedule } = job.payload;
  const subject = [task, schedule].find((name) => typeof name === 'string') ?? null;
  return {
    id,
    kind,
    subject,
    status,
    progress,
    stage,
    message,
    batchId,
    requestId,
    owner,
    stuck,
    createdAt,
    startedAt,
    finishedAt,
    error,
    result,
    log: log ?? [],
    subjectId,
  };
}
