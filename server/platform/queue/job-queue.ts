import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { type EntityManager, In } from 'typeorm';
import { type QueryDeepPartialEntity } from 'typeorm/query-builder/QueryPartialEntity.js';
import { type Database } from '../database/index.js';
import { AppError, notFound, sayingOf } from '../errors.js';
import { type Logger, withScope } from '../logging/index.js';
import { rememberOrigin } from '../tracing/index.js';
import { JobFailed, type JobHandler, type JobInput, newJob, runTraced } from './job.js';
import { withStep } from './job-log.js';
import { JobRecords } from './job-records.js';
import { JobEntity, type JobState } from './job.entity.js';
import { ProgressReporter } from './progress-reporter.js';
import { type Turns } from './turns.js';

const stopReason = Symbol('server is stopping');
const recoverReason = Symbol('begun again');
/** Pauses before the outcome of a job is written once more. */
const outcomePausesMs = [500, 2000, 5000, 10_000, 20_000];
/** What a stuck handler is given to end by itself. */
const longestEndMs = 5000;

interface Running {
  /** Follows the handler's reports. */
  job: JobEntity;
  controller: AbortController;
  finished: Promise<void>;
  /** Lets its turn end although the handler does not. */
  giveUp: () => void;
}

/**
 * Long work: jobs are rows, each kind with its own bound on concurrency, begun in the turns that `Turns` hands out.
 * One process owns the database, so whatever is RUNNING at start was cut off and is queued again.
 */
export class JobQueue extends JobRecords {
  readonly #handlers = new Map<string, JobHandler>();
  readonly #running = new Map<string, Running>();
  #open = false;
  readonly #recovering = new Map<string, Promise<JobEntity>>();

  constructor(
    database: Database,
    private readonly turns: Turns,
    private readonly log: Logger,
    private readonly onChange: (job: JobEntity) => void,
  ) {
    super(database);
  }

  register(kind: string, handler: JobHandler): void {
    this.#handlers.set(kind, handler);
  }

  /** Queues what a crash cut off, then starts to work. */
  async start(): Promise<void> {
    await this.database.write((tx) => tx.update(JobEntity, { status: 'RUNNING' }, { status: 'QUEUED', startedAt: null }));
    this.#open = true;
    await this.turns.start(new Map([...this.#handlers].map(([kind, { concurrency }]) => [kind, concurrency])), (job) => this.#begin(job));
  }

  /** Adds a job within the caller's transaction; call `wake` once that is committed. */
  async add(tx: EntityManager, input: JobInput): Promise<JobEntity> {
    return (await this.addAll(tx, [input]))[0]!;
  }

  /** The same for several, in their order. */
  async addAll(tx: EntityManager, inputs: JobInput[]): Promise<JobEntity[]> {
    const jobs = inputs.map(newJob);
    for (const { id } of jobs) rememberOrigin(id);
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
    this.turns.offer(job);
  }

  /** Begins no more jobs of a kind until it is let go on; those that run end as they would. */
  hold(kind: string, held: boolean): void {
    this.turns.hold(kind, held);
  }

  /** Looks for queued jobs of a kind. */
  wake(kind: string): void {
    this.turns.wake(kind);
  }

  /** What keeps queued jobs from being begun, and the remedy. */
  problem(): ReturnType<Turns['problem']> {
    return this.turns.problem();
  }

  async #begin(job: JobEntity): Promise<void> {
    const handler = this.#handlers.get(job.kind);
    if (!this.#open || !handler || this.#running.has(job.id)) return;
    const controller = new AbortController();
    let giveUp = (): void => undefined;
    const givenUp = new Promise<void>((resolve) => (giveUp = resolve));
    const scope = { jobId: job.id, ...(job.requestId ? { requestId: job.requestId } : {}) };
    const ran = withScope(scope, () => this.#run(job, handler, controller));
    let unwritten: unknown = null;
    // Its row could not be written, as on a full disk: it stays as it is, and `recoverJob` or the next start begins it again.
    const finished = ran.catch((error: unknown) => {
      unwritten = error ?? true;
      this.log.error({ err: error, job: job.id, kind: job.kind }, 'the state of a job could not be kept');
    });
    this.#running.set(job.id, { job, controller, finished, giveUp });
    await Promise.race([finished, givenUp]);
    // One that was given up may end when the job has long been begun again.
    if (this.#running.get(job.id)?.controller === controller) this.#running.delete(job.id);
    if (unwritten !== null) throw new Error(`the state of the job ${job.id} could not be kept`);
  }

  async #run(queued: JobEntity, handler: JobHandler, controller: AbortController): Promise<void> {
    // It was begun before, whichever process did so.
    const resumed = queued.reportedAt !== null;
    const log = withStep(queued, resumed ? 'RESUMED' : 'BEGUN');
    const running = { status: 'RUNNING' as const, startedAt: new Date(), reportedAt: new Date(), error: null, finishedAt: null, log };
    const begun = running as QueryDeepPartialEntity<JobEntity>;
    const { affected } = await this.database.writeOne((manager) => manager.update(JobEntity, { id: queued.id, status: 'QUEUED' }, begun));
    if (affected === 0) return;
    const job = Object.assign(queued, running);
    this.log.info({ event: 'job_started', kind: job.kind }, resumed ? 'a job goes on' : 'a job was begun');
    this.onChange(job);
    const reporter = new ProgressReporter(job, this.database, this.onChange);
    let outcome: Partial<JobEntity>;
    try {
      const result = await runTraced(handler, { job, signal: controller.signal, resumed, report: (progress) => reporter.report(progress) });
      if (controller.signal.reason === recoverReason) return;
      outcome = { status: 'SUCCEEDED', progress: 1, result };
    } catch (error) {
      // At a stop it stays RUNNING; `cancel` has written the outcome.
      if (controller.signal.aborted) return;
      if (!(error instanceof JobFailed)) this.log.error({ err: error, job: job.id, kind: job.kind }, 'a job failed');
      outcome = { status: 'FAILED', error: sayingOf(error), result: error instanceof JobFailed ? error.result : null };
    } finally {
      reporter.close();
    }
    await this.#finish(job, outcome);
  }

  async #finish(job: JobEntity, outcome: Partial<JobEntity>): Promise<void> {
    const log = withStep(job, outcome.status ?? 'FAILED');
    const finished = { ...outcome, stage: job.stage, message: job.message, log, finishedAt: new Date() };
    const { affected } = await this.#persistently(() =>
      this.database.writeOne((manager) => manager.update(JobEntity, { id: job.id, status: 'RUNNING' }, finished as QueryDeepPartialEntity<JobEntity>)),
    );
    if (affected === 0) return;
    this.log.info(
      { event: 'job_finished', kind: job.kind, status: outcome.status, tookMs: Number(finished.finishedAt) - Number(job.startedAt) },
      'a job has ended',
    );
    this.onChange(Object.assign(job, finished));
  }

  /** Writes again for a while where it fails: a database that starts anew must not leave a job that never ends. */
  async #persistently<T>(write: () => Promise<T>): Promise<T> {
    for (const pauseMs of outcomePausesMs) {
      try {
        return await write();
      } catch (error) {
        if (!this.#open) throw error;
        await delay(pauseMs, undefined, { ref: false });
      }
    }
    return write();
  }

  /** Cancels a job that has not finished; a finished one is returned as it is. */
  async cancel(id: string): Promise<JobEntity> {
    let afterwards: (() => void) | undefined;
    const job = await this.database.write(async (tx) => {
      const found = await tx.findOneBy(JobEntity, { id });
      if (!found) throw notFound('job', id);
      if (found.status !== 'QUEUED' && found.status !== 'RUNNING') return found;
      const cancelled = await tx.save(
        Object.assign(found, {
          status: 'CANCELLED' satisfies JobState,
          log: withStep(this.#running.get(id)?.job ?? found, 'CANCELLED'),
          finishedAt: new Date(),
        }),
      );
      // Before the abort and in this transaction: the handler can no longer write a different outcome.
      afterwards = await this.#handlers.get(found.kind)?.onCancelled?.(cancelled, tx);
      return cancelled;
    });
    this.turns.reread(job.kind);
    afterwards?.();
    const running = this.#running.get(id);
    running?.controller.abort(new Error('cancelled'));
    // However long it takes: what is deleted next must not be written again.
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
        throw new AppError('CONFLICT', {
          en: `This job is ${found.status.toLowerCase()}: only a failed or cancelled one can be retried.`,
          ja: '再試行できるのは、失敗したか取り消されたジョブだけです。',
        });
      }
      await this.#handlers.get(found.kind)?.onRetried?.(found, tx);
      return tx.save(
        Object.assign(found, {
          status: 'QUEUED',
          progress: 0,
          stage: null,
          message: null,
          error: null,
          result: null,
          reportedAt: null,
          startedAt: null,
          finishedAt: null,
        }),
      );
    });
    this.#announceAgain(job);
    return job;
  }

  /** Begins a running job again: its handler is told to stop, and given up where it does not. Two who ask begin it once. */
  recover(id: string): Promise<JobEntity> {
    const known = this.#recovering.get(id);
    if (known) return known;
    const recovered = this.#recover(id).finally(() => this.#recovering.delete(id));
    this.#recovering.set(id, recovered);
    return recovered;
  }

  async #recover(id: string): Promise<JobEntity> {
    const running = this.#running.get(id);
    const job = running?.job ?? (await this.database.read.findOneBy(JobEntity, { id }));
    if (!job) throw notFound('job', id);
    // One that nobody runs is RUNNING where its end could not be written.
    if (job.status !== 'RUNNING')
      throw new AppError('CONFLICT', {
        en: `This job is ${job.status.toLowerCase()}: only a running one can be begun again.`,
        ja: 'やり直せるのは実行中のジョブだけです。',
      });
    if (running) {
      running.controller.abort(recoverReason);
      await Promise.race([running.finished, delay(longestEndMs, undefined, { ref: false })]);
      this.#running.delete(id);
      running.giveUp();
    }
    await this.database.writeOne((manager) => manager.update(JobEntity, { id, status: 'RUNNING' }, { status: 'QUEUED', startedAt: null }));
    const again = await this.database.read.findOneByOrFail(JobEntity, { id });
    this.log.warn({ event: 'job_recovered', kind: job.kind, job: id }, 'a job was begun again');
    this.#announceAgain(again);
    return again;
  }

  #announceAgain(job: JobEntity): void {
    this.turns.reread(job.kind);
    this.onChange(job);
    this.turns.offer(job, true);
  }

  /** A job with what its handler reported last: the row is up to a second behind. */
  withProgress(job: JobEntity): JobEntity {
    const running = job.status === 'RUNNING' ? this.#running.get(job.id)?.job : undefined;
    return running ? Object.assign(job, { progress: running.progress, stage: running.stage, message: running.message, log: running.log }) : job;
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

  /** Kinds of the jobs that run in this process. */
  runningKinds(): string[] {
    return [...this.#running.values()].map(({ job }) => job.kind);
  }

  /** Stops taking jobs and interrupts those that run; they stay RUNNING and go on at the next start. */
  async stop(): Promise<void> {
    this.#open = false;
    const running = [...this.#running.values()];
    const stopped = this.turns.stop();
    for (const { controller } of running) controller.abort(stopReason);
    await Promise.allSettled(running.map(({ finished }) => finished));
    await stopped;
    await nextTurn();
  }
}
