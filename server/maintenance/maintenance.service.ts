import { In } from 'typeorm';
import { type Database } from '../platform/database/index.js';
import { AppError } from '../platform/errors.js';
import { type JobContext, JobEntity, type JobHandler, type JobQueue } from '../platform/queue/index.js';
import { MaintenanceTask, type TaskParts, tasks } from './tasks.js';

export const maintenanceKind = 'MAINTENANCE';

export interface TaskState {
  task: MaintenanceTask;
  about: string;
  /** The newest run, whatever became of it. */
  lastJob: JobEntity | null;
}

/** Runs maintenance tasks as jobs, one at a time. */
export class MaintenanceService implements JobHandler {
  readonly concurrency = 1;
  readonly #database: Database;

  constructor(
    private readonly jobs: JobQueue,
    private readonly parts: TaskParts,
  ) {
    this.#database = parts.database;
    jobs.register(maintenanceKind, this);
  }

  /** @throws AppError CONFLICT where the task waits or runs already */
  async start(task: MaintenanceTask): Promise<JobEntity> {
    const job = await this.#database.write(async (tx) => {
      await this.#database.lock(tx, subjectOf(task));
      if (await tx.existsBy(JobEntity, { subjectId: subjectOf(task), status: In(['QUEUED', 'RUNNING']) }))
        throw new AppError('CONFLICT', `${task} is under way already.`, 'Wait until it has finished, or cancel its job.');
      return this.jobs.add(tx, { kind: maintenanceKind, subjectId: subjectOf(task), payload: { task } });
    });
    this.jobs.announce(job);
    return job;
  }

  async run({ job, signal, report }: JobContext): Promise<Record<string, unknown>> {
    const task = job.payload['task'] as MaintenanceTask;
    signal.throwIfAborted();
    report({ stage: task, message: tasks[task].about });
    const started = performance.now();
    const result = await tasks[task].run(this.parts, { signal, report });
    return { task, tookMs: Math.round(performance.now() - started), ...result };
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
