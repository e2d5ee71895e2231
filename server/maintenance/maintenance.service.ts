import { AsyncResource } from 'node:async_hooks';
import PQueue from 'p-queue';
import { In } from 'typeorm';
import { type z } from 'zod';
import { type Database } from '../platform/database/index.js';
import { AppError, asError, badInput, sayingOf } from '../platform/errors.js';
import { type Saying } from '../platform/saying.js';
import { Heartbeat, type JobContext, JobEntity, type JobHandler, type JobQueue } from '../platform/queue/index.js';
import { MaintenanceTask, type TaskContext, type TaskParts, tasks } from './tasks.js';

export const maintenanceKind = 'MAINTENANCE';

export interface TaskState {
  task: MaintenanceTask;
  about: string;
  /** The newest run, whatever became of it. */
  lastJob: JobEntity | null;
}

export interface TaskOutcome {
  task: MaintenanceTask;
  /** Null where it succeeded. */
  error: Saying | null;
  result: Record<string, unknown> | null;
}

type OnOutcome = (outcome: TaskOutcome) => void;

const tellsNothing = new Set([
  MaintenanceTask.VACUUM,
  MaintenanceTask.ANALYZE,
  MaintenanceTask.INTEGRITY_CHECK,
  MaintenanceTask.OPTIMIZE_FULLTEXT,
  MaintenanceTask.REFRESH_STATISTICS,
]);

/** Runs maintenance tasks as jobs, one at a time. */
export class MaintenanceService implements JobHandler {
  readonly concurrency = 1;
  readonly #database: Database;
  /** Tasks of schedules stand in the same row. */
  readonly #turns = new PQueue({ concurrency: 1 });
  readonly #listeners: OnOutcome[] = [];

  constructor(
    private readonly jobs: JobQueue,
    private readonly parts: TaskParts,
    /** Newest runs of tasks that were steps of a schedule, by task. */
    private readonly scheduled: () => Promise<ReadonlyMap<string, JobEntity>>,
  ) {
    this.#database = parts.database;
    jobs.register(maintenanceKind, this);
  }

  /** Calls `listener` when a task has succeeded or failed. */
  onOutcome(listener: OnOutcome): void {
    this.#listeners.push(listener);
  }

  /** @throws AppError BAD_USER_INPUT for an option the task does not know, CONFLICT where the task waits or runs already */
  async start(task: MaintenanceTask, options: Record<string, unknown> = {}): Promise<JobEntity> {
    const parsed = tasks[task].options.safeParse(options);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw badInput(
        {
          en: `${task} cannot be run with options ${JSON.stringify(options)}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim(),
          ja: `${task} はオプション ${JSON.stringify(options)} では実行できません（${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}）。`,
        },
        { en: tasks[task].about, ja: `使えるオプションは次のとおりです: ${Object.keys(shapeOf(task)).join('、') || 'なし'}` },
      );
    }
    const job = await this.#database.write(async (tx) => {
      await this.#database.lock(tx, subjectOf(task));
      if (await tx.existsBy(JobEntity, { subjectId: subjectOf(task), status: In(['QUEUED', 'RUNNING']) }))
        throw new AppError(
          'CONFLICT',
          { en: `${task} is under way already.`, ja: `${task} はすでに実行中です。` },
          { en: 'Wait until it has finished, or cancel its job.', ja: '終わるのを待つか、ジョブを取り消してください。' },
        );
      return this.jobs.add(tx, { kind: maintenanceKind, subjectId: subjectOf(task), payload: { task, options: parsed.data } });
    });
    this.jobs.announce(job);
    return job;
  }

  run(context: JobContext): Promise<Record<string, unknown>> {
    const { task, options = {} } = context.job.payload as { task: MaintenanceTask; options?: Record<string, unknown> };
    return this.perform(task, context, options);
  }

  /** Does a task now, or as soon as the one before has ended. */
  async perform(task: MaintenanceTask, context: TaskContext, options: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const { signal, report } = context;
    const heartbeat = new Heartbeat(() => report({}));
    const aborted = new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(asError(signal.reason)), { once: true }));
    aborted.catch(() => undefined);
    try {
      return await this.#turns.add(
        AsyncResource.bind(async () => {
          // A statement of the database tells nothing on its way; everything else does.
          if (tellsNothing.has(task)) heartbeat.begin();
          else heartbeat.stop();
          report({ stage: task, message: '' });
          const started = performance.now();
          // One that does not hear of its end gives its turn up all the same.
          const result = await Promise.race([tasks[task].run(this.parts, context, tasks[task].options.parse(options)), aborted]);
          this.#tell({ task, error: null, result });
          return { task, tookMs: Math.round(performance.now() - started), ...result };
        }),
        { signal },
      );
    } catch (error) {
      if (!signal.aborted) this.#tell({ task, error: sayingOf(error), result: null });
      throw error;
    } finally {
      heartbeat.stop();
    }
  }

  #tell(outcome: TaskOutcome): void {
    for (const listener of this.#listeners) listener(outcome);
  }

  async states(): Promise<TaskState[]> {
    const { read } = this.#database;
    const scheduled = await this.scheduled();
    return Promise.all(
      Object.values(MaintenanceTask).map(async (task) => {
        const own = await read.findOne(JobEntity, { where: { kind: maintenanceKind, subjectId: subjectOf(task) }, order: { createdAt: 'DESC', id: 'DESC' } });
        const step = scheduled.get(task);
        const isNewer = step && (!own || (own.finishedAt !== null && step.createdAt > own.createdAt));
        return { task, about: tasks[task].about, lastJob: isNewer ? step : own };
      }),
    );
  }
}

/** What a task can be told, by name. */
const shapeOf = (task: MaintenanceTask) => (tasks[task].options as z.ZodObject).shape;

const subjectOf = (task: MaintenanceTask) => `maintenance:${task}`;
