import { randomUUID } from 'node:crypto';
import { ToldError } from '../errors.js';
import { type Saying } from '../saying.js';
import { type EntityManager } from 'typeorm';
import { currentScope } from '../logging/index.js';
import { traced } from '../tracing/index.js';
import { JobEntity, type JobState } from './job.entity.js';
import { type JobProgress } from './progress-reporter.js';

export interface JobInput {
  kind: string;
  payload?: Record<string, unknown>;
  subjectId?: string | null;
  batchId?: string | null;
}

export interface JobContext {
  readonly job: JobEntity;
  /** Aborted when the job is cancelled or the server stops. */
  readonly signal: AbortSignal;
  /** An earlier run was cut off and may have left results. */
  readonly resumed: boolean;
  readonly report: (progress: JobProgress) => void;
}

export interface JobHandler {
  /** Jobs of this kind that run at once. */
  concurrency: number;
  /**
   * Does the work. After a crash it is called again for the same job and goes on from what is durable.
   * @returns what the job's `result` shows
   */
  run(context: JobContext): Promise<Record<string, unknown> | null>;
  /** Called in the transaction that queues a failed or cancelled job of this kind again: changes its payload where it is to begin otherwise. */
  onRetried?(job: JobEntity, tx: EntityManager): Promise<void>;
  /** Called in the transaction that cancels a job of this kind. @returns what is to be done once that is committed */
  onCancelled?(job: JobEntity, tx: EntityManager): Promise<() => void>;
}

/** Thrown by a handler whose failure is the job's outcome, not a fault of the program. */
export class JobFailed extends ToldError {
  /** @param result what the job's `result` shows all the same */
  constructor(
    what: Saying,
    readonly result: Record<string, unknown> | null = null,
  ) {
    super(what);
  }
}

export function newJob(input: JobInput): JobEntity {
  return Object.assign(new JobEntity(), {
    id: randomUUID(),
    kind: input.kind,
    status: 'QUEUED' satisfies JobState,
    progress: 0,
    stage: null,
    message: null,
    payload: input.payload ?? {},
    result: null,
    error: null,
    log: null,
    subjectId: input.subjectId ?? null,
    batchId: input.batchId ?? null,
    requestId: currentScope().requestId ?? null,
    owner: currentScope().actor ?? 'system',
    reportedAt: null,
    createdAt: new Date(),
    startedAt: null,
    finishedAt: null,
  });
}

/** Does a job's work as a span of its own, with its stages as events. */
export function runTraced(handler: JobHandler, context: JobContext): Promise<Record<string, unknown> | null> {
  const { id, kind, requestId } = context.job;
  const attributes = { 'job.id': id, 'job.kind': kind, ...(requestId ? { 'http.request.id': requestId } : {}) };
  return traced(`job ${kind}`, id, attributes, (event) => {
    let stage: string | undefined;
    const report = (progress: JobProgress) => {
      if (progress.stage !== undefined && progress.stage !== stage) event((stage = progress.stage));
      context.report(progress);
    };
    return handler.run({ ...context, report });
  });
}
