import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type EntityManager, In } from 'typeorm';
import { type QueryDeepPartialEntity } from 'typeorm/query-builder/QueryPartialEntity.js';
import { type Database } from '../database/index.js';
import { AppError, messageOf, notFound } from '../errors.js';
import { currentScope, type Logger, withScope } from '../logging/index.js';
import { JobEntity, type JobState } from './job.entity.js';
import { type JobProgress, ProgressReporter } from './progress-reporter.js';

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
  /** Called in the transaction that cancels a job of this kind. @returns what is to be done once that is committed */
  onCancelled?(job: JobEntity, tx: EntityManager): Promise<() => void>;
}

/** Thrown by a handler whose failure is the job's outcome, not a fault of the program. */
export class JobFailed extends Error {}

/** Queued jobs read at once, so that each that ends need not look for its successor. */
const readAhead = 32;

const stopReason = Symbol('server is stopping');

interface Running {
  /** Follows the handler's reports. */
  job: JobEntity;
  controller: AbortController;
  finished: Promise<void>;
}

/**
 * The embedded job queue: jobs are rows, oldest first within a kind, each kind with its own bound on concurrency.
 * One process owns the database, so whatever is RUNNING at start was cut off and is queued again.
 */
export class JobQueue {
  readonly #handlers = new Map<string, JobHandler>();
  readonly #running = new Map<string, Running>();
  readonly #busy = new Map<string, Set<string>>();
  #open = false;
  readonly #held = new Set<string>();
  readonly #pumping = new Set<string>();
  readonly #again = new Set<string>();
  /** Oldest queued jobs by kind, read ahead of their turn. */
  readonly #ahead = new Map<string, JobEntity[]>();
  /** Jobs that were running when the last process ended. */
  readonly #interrupted = new Set<string>();

  constructor(
    private readonly database: Database,
    private readonly log: Logger,
    private readonly onChange: (job: JobEntity) => void,
  ) {}

  register(kind: string, handler: JobHandler): void {
    this.#handlers.set(kind, handler);
    this.#busy.set(kind, new Set());
  }

  /** Queues what a crash cut off, then starts to work. */
  async start(): Promise<void> {
    const interrupted = await this.database.read.find(JobEntity, { where: { status: 'RUNNING' }, select: { id: true } });
    for (const { id } of interrupted) this.#interrupted.add(id);
    await this.database.write((tx) => tx.update(JobEntity, { status: 'RUNNING' }, { status: 'QUEUED', startedAt: null }));
    this.#open = true;
    for (const kind of this.#handlers.keys()) this.wake(kind);
  }

  /** Adds a job within the caller's transaction; call `wake` once that is committed. */
  async add(tx: EntityManager, input: JobInput): Promise<JobEntity> {
    return (await this.addAll(tx, [input]))[0]!;
  }

  /** The same for several, in their order. */
  async addAll(tx: EntityManager, inputs: JobInput[]): Promise<JobEntity[]> {
    const jobs = inputs.map(newJob);
    // The payload's open type is beyond TypeORM's partial type; the rows themselves are whole ones.
    if (jobs.length > 0) await tx.insert(JobEntity, jobs as QueryDeepPartialEntity<JobEntity>[]);
    return jobs;
  }

  async enqueue(input: JobInput): Promise<JobEntity> {
    const job = await this.database.write((tx) => this.add(tx, input));
    this.announce(job);
    return job;
  }

  /** Tells subscribers of a new or changed job and looks for work. */
  announce(job: JobEntity): void {
    this.onChange(job);
    this.wake(job.kind);
  }

  /** Begins no more jobs of a kind until it is let go on; those that run end as they would. */
  hold(kind: string, held: boolean): void {
    if (held) this.#held.add(kind);
    else if (this.#held.delete(kind)) this.wake(kind);
  }

  wake(kind: string): void {
    if (!this.#open || this.#held.has(kind)) return;
    if (this.#pumping.has(kind)) {
      this.#again.add(kind);
      return;
    }
    this.#pumping.add(kind);
    void this.#pump(kind)
      .catch((error: unknown) => this.log.error({ err: error, kind }, 'the job queue could not look for work'))
      .finally(() => {
        this.#pumping.delete(kind);
        if (this.#again.delete(kind)) this.wake(kind);
      });
  }

  async #pump(kind: string): Promise<void> {
    const handler = this.#handlers.get(kind);
    const busy = this.#busy.get(kind);
    if (!handler || !busy) return;
    while (this.#open && !this.#held.has(kind) && busy.size < handler.concurrency) {
      const job = await this.#next(kind, busy);
      if (!job || !this.#open) return;
      busy.add(job.id);
      const controller = new AbortController();
      const scope = { jobId: job.id, ...(job.requestId ? { requestId: job.requestId } : {}) };
      const finished = withScope(scope, () => this.#run(job, handler, controller)).finally(() => {
        busy.delete(job.id);
        this.#running.delete(job.id);
        this.wake(kind);
      });
      this.#running.set(job.id, { job, controller, finished });
    }
  }

  async #next(kind: string, busy: Set<string>): Promise<JobEntity | null> {
    let ahead = this.#ahead.get(kind) ?? [];
    if (ahead.length === 0) {
      this.#ahead.set(kind, (ahead = []));
      const read = await this.database.read.find(JobEntity, {
        where: { kind, status: 'QUEUED' },
        order: { createdAt: 'ASC', id: 'ASC' },
        // Some of them are at work already, and not yet marked so where this look sees them.
        take: readAhead + busy.size,
      });
      // Thrown away while it was read: a job in it was cancelled, or queued again.
      if (this.#ahead.get(kind) !== ahead) return this.#next(kind, busy);
      ahead.push(...read.filter(({ id }) => !busy.has(id)));
    }
    return ahead.shift() ?? null;
  }

  async #run(queued: JobEntity, handler: JobHandler, controller: AbortController): Promise<void> {
    const running = { status: 'RUNNING' as const, startedAt: new Date(), error: null, finishedAt: null };
    const { affected } = await this.database.writeOne((manager) => manager.update(JobEntity, { id: queued.id, status: 'QUEUED' }, running));
    if (affected === 0) return;
    const job = Object.assign(queued, running);
    this.log.debug({ event: 'job_started', kind: job.kind }, 'a job was begun');
    this.onChange(job);
    const reporter = new ProgressReporter(job, this.database, this.onChange);
    try {
      const resumed = this.#interrupted.delete(job.id);
      const result = await handler.run({ job, signal: controller.signal, resumed, report: (progress) => reporter.report(progress) });
      await this.#finish(job, { status: 'SUCCEEDED', progress: 1, result });
    } catch (error) {
      if (controller.signal.reason === stopReason) return;
      if (controller.signal.aborted) return; // `cancel` has written the outcome.
      if (!(error instanceof JobFailed)) this.log.error({ err: error, job: job.id, kind: job.kind }, 'a job failed');
      await this.#finish(job, { status: 'FAILED', error: messageOf(error) });
    } finally {
      reporter.close();
    }
  }

  async #finish(job: JobEntity, outcome: Partial<JobEntity>): Promise<void> {
    const finished = { ...outcome, stage: job.stage, message: job.message, finishedAt: new Date() };
    const { affected } = await this.database.writeOne((manager) =>
      manager.update(JobEntity, { id: job.id, status: 'RUNNING' }, finished as QueryDeepPartialEntity<JobEntity>),
    );
    if (affected === 0) return;
    this.log.debug(
      { event: 'job_finished', kind: job.kind, status: outcome.status, tookMs: Number(finished.finishedAt) - Number(job.startedAt) },
      'a job has ended',
    );
    this.onChange(Object.assign(job, finished));
  }

  /** Cancels a job that has not finished; a finished one is returned as it is. */
  async cancel(id: string): Promise<JobEntity> {
    let afterwards: (() => void) | undefined;
    const job = await this.database.write(async (tx) => {
      const found = await tx.findOneBy(JobEntity, { id });
      if (!found) throw notFound('job', id);
      if (found.status !== 'QUEUED' && found.status !== 'RUNNING') return found;
      const cancelled = await tx.save(Object.assign(found, { status: 'CANCELLED' satisfies JobState, finishedAt: new Date() }));
      // Before the abort and in this transaction: the handler can no longer write a different outcome.
      afterwards = await this.#handlers.get(found.kind)?.onCancelled?.(cancelled, tx);
      return cancelled;
    });
    this.#ahead.delete(job.kind);
    afterwards?.();
    const running = this.#running.get(id);
    running?.controller.abort(new Error('cancelled'));
    await running?.finished;
    this.onChange(job);
    return job;
  }

  /** Queues a failed or cancelled job again. */
  async retry(id: string): Promise<JobEntity> {
    const job = await this.database.write(async (tx) => {
      const found = await tx.findOneBy(JobEntity, { id });
      if (!found) throw notFound('job', id);
      if (found.status !== 'FAILED' && found.status !== 'CANCELLED') {
        throw new AppError('CONFLICT', `This job is ${found.status.toLowerCase()}: only a failed or cancelled one can be retried.`);
      }
      return tx.save(
        Object.assign(found, { status: 'QUEUED', progress: 0, stage: null, message: null, error: null, result: null, startedAt: null, finishedAt: null }),
      );
    });
    this.#ahead.delete(job.kind);
    this.announce(job);
    return job;
  }

  /** A job with what its handler reported last: the row is up to a second behind. */
  withProgress(job: JobEntity): JobEntity {
    const running = job.status === 'RUNNING' ? this.#running.get(job.id)?.job : undefined;
    return running ? Object.assign(job, { progress: running.progress, stage: running.stage, message: running.message }) : job;
  }

  /** Unfinished jobs about a subject are cancelled and waited for. */
  async cancelFor(subjectIds: string[]): Promise<void> {
    for (let at = 0; at < subjectIds.length; at += 200) {
      const jobs = await this.database.read.find(JobEntity, {
        where: { subjectId: In(subjectIds.slice(at, at + 200)), status: In(['QUEUED', 'RUNNING']) },
        select: { id: true },
      });
      for (const { id } of jobs) await this.cancel(id);
    }
  }

  /** The newest job about a subject that has not finished. */
  async unfinishedFor(subjectId: string): Promise<JobEntity | null> {
    return this.database.read.findOne(JobEntity, { where: { subjectId, status: In(['QUEUED', 'RUNNING']) }, order: { createdAt: 'DESC' } });
  }

  /** Removes a job's record; a handler may do so for its own. */
  async forget(id: string): Promise<void> {
    await this.database.write((tx) => tx.delete(JobEntity, { id }));
  }

  /** Jobs of a kind that wait for their turn. */
  waiting(kind: string): Promise<number> {
    return this.database.read.countBy(JobEntity, { kind, status: 'QUEUED' });
  }

  async depth(): Promise<{ queued: number; running: number }> {
    const [queued, running] = await Promise.all([
      this.database.read.countBy(JobEntity, { status: 'QUEUED' }),
      this.database.read.countBy(JobEntity, { status: 'RUNNING' }),
    ]);
    return { queued, running };
  }

  /** Stops taking jobs and interrupts those that run; they stay RUNNING and go on at the next start. */
  async stop(): Promise<void> {
    this.#open = false;
    const running = [...this.#running.values()];
    for (const { controller } of running) controller.abort(stopReason);
    await Promise.allSettled(running.map(({ finished }) => finished));
    await nextTurn();
  }
}

function newJob(input: JobInput): JobEntity {
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
    subjectId: input.subjectId ?? null,
    batchId: input.batchId ?? null,
    requestId: currentScope().requestId ?? null,
    createdAt: new Date(),
    startedAt: null,
    finishedAt: null,
  });
}
