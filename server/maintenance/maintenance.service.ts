import PQueue from 'p-queue';
import { In } from 'typeorm';
import { type Database } from '../platform/database/index.js';
import { AppError, badInput } from '../platform/errors.js';
import { type JobContext, JobEntity, type JobHandler, type JobQueue } from '../platform/queue/index.js';
import { MaintenanceTask, type TaskContext, type TaskParts, tasks } from './tasks.js';

export const maintenanceKind = 'MAINTENANCE';

export interface TaskState {
  task: MaintenanceTask;
  about: string;
  /** The newest run, whatever became of it. */
  lastJob: JobEntity | null;
}

type OnOutcome = (task: MaintenanceTask, error: string | null) => void;

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
  ) {
    this.#database = parts.database;
    jobs.register(maintenanceKind, this);
  }

  /** Calls `listener` when a task has succeeded, with null, or failed. */
  onOutcome(listener: OnOutcome): void {
    this.#listeners.push(listener);
  }

  /** @throws AppError BAD_USER_INPUT for an option the task does not know, CONFLICT where the task waits or runs already */
  async start(task: MaintenanceTask, options: Record<string, unknown> = {}): Promise<JobEntity> {
    const parsed = tasks[task].options.safeParse(options);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw badInput(
        `${task} cannot be run with options ${JSON.stringify(options)}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim(),
        tasks[task].about,
      );
    }
    const job = await this.#database.write(async (tx) => {
      await this.#database.lock(tx, subjectOf(task));
      if (await tx.existsBy(JobEntity, { subjectId: subjectOf(task), status: In(['QUEUED', 'RUNNING']) }))
        throw new AppError('CONFLICT', `${task} is under way already.`, 'Wait until it has finished, or cancel its job.');
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
    return this.#turns.add(async () => {
      signal.throwIfAborted();
      report({ stage: task, message: tasks[task].about });
      const started = performance.now();
      try {
        const result = await tasks[task].run(this.parts, context, tasks[task].options.parse(options));
        this.#tell(task, null);
        return { task, tookMs: Math.round(performance.now() - started), ...result };
      } catch (error) {
        if (!signal.aborted) this.#tell(task, error instanceof Error ? error.message : String(error));
        throw error;
      }
    });
  }

  #tell(task: MaintenanceTask, error: string | null): void {
    for (const listener of this.#listeners) listener(task, error);
  }

  async states(): Promise<TaskState[]> {
    const all = Object.values(MaintenanceTask);
    const jobs = await this.#database.read.find(JobEntity, {
      where: { kind: maintenanceKind, subjectId: In(all.map(subjectOf)) },
      order: { createdAt: 'DESC', id: 'DESC' },
      take: 500,
    });
    return all.map((task) => ({ task, about: tasks[task].about, lastJob: jobs.find(({ subjectId }) => subjectId === subjectOf(task)) ?? null }));
  }
}

const subjectOf = (task: MaintenanceTask) => `maintenance:${task}`;
