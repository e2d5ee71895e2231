import { Cron } from 'croner';
import { In } from 'typeorm';
import { type Clock, systemClock } from '../platform/clock.js';
import { type Database } from '../platform/database/index.js';
import { AppError, sayingOf } from '../platform/errors.js';
import { say, type Saying } from '../platform/saying.js';
import { type Logger } from '../platform/logging/index.js';
import { type JobContext, JobEntity, JobFailed, type JobHandler, type JobQueue } from '../platform/queue/index.js';
import { ScheduleEntity } from './schedule.entity.js';

export const scheduleKind = 'SCHEDULE';

/** One thing a schedule does. */
export interface ScheduleStep {
  name: string;
  run: (context: JobContext) => Promise<Record<string, unknown> | null>;
}

export interface Schedule {
  name: string;
  about: string;
  /** Cron expression; empty never. https://croner.56k.guru/usage/pattern/ */
  pattern: string;
  steps: ScheduleStep[];
}

export interface ScheduleState {
  schedule: Schedule;
  enabled: boolean;
  nextRunAt: Date | null;
  lastJob: JobEntity | null;
}

interface StepOutcome {
  step: string;
  tookMs: number;
  result: Record<string, unknown> | null;
  error: Saying | null;
}

export interface ScheduleParts {
  database: Database;
  jobs: JobQueue;
  schedules: Schedule[];
  /** IANA name; empty for that of the machine. */
  timeZone: string;
  log: Logger;
  clock: Clock;
}

const lookEveryMs = 15_000;
/** Of one schedule that are looked ahead at. */
const mostRuns = 1000;
/** Newest jobs of a schedule whose steps are told of. */
const runsLookedAt = 3;

/**
 * Runs bundles of work at set times. Each time it is due a schedule is run once, also where the server was down or busy then: what was
 * missed, however often, is caught up by one run. A run that was cut off goes on after its last finished step.
 */
export class SchedulesService implements JobHandler {
  readonly concurrency = 1;
  #timer: NodeJS.Timeout | null = null;

  constructor(private readonly parts: ScheduleParts) {
    parts.jobs.register(scheduleKind, this);
  }

  async start(): Promise<void> {
    const { database, schedules } = this.parts;
    await database.write(async (tx) => {
      const known = new Set((await tx.find(ScheduleEntity)).map(({ name }) => name));
      // A new one is not caught up for the time before there was one.
      const fresh = schedules.filter(({ name }) => !known.has(name)).map(({ name }) => ({ name, enabled: true, lastRunAt: this.parts.clock.now() }));
      if (fresh.length > 0) await tx.save(ScheduleEntity, fresh);
    });
    await this.look();
    if (this.parts.clock === systemClock) this.#timer = setInterval(() => void this.look(), lookEveryMs).unref();
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
  }

  /** Queues what is due and was not run. */
  async look(): Promise<void> {
    try {
      const states = await this.parts.database.read.findBy(ScheduleEntity, { enabled: true });
      for (const { name, lastRunAt } of states) {
        const schedule = this.parts.schedules.find((one) => one.name === name);
        const due = schedule && this.#lastDue(schedule);
        if (due && lastRunAt && due > lastRunAt) await this.#queue(schedule, due, 'schedule');
      }
    } catch (error) {
      this.parts.log.error({ err: error }, 'the schedules could not be looked through');
    }
  }

  #cron({ pattern }: Schedule): Cron | null {
    return pattern === '' ? null : new Cron(pattern, { paused: true, ...(this.parts.timeZone ? { timezone: this.parts.timeZone } : {}) });
  }

  #lastDue(schedule: Schedule): Date | null {
    return this.#cron(schedule)?.previousRuns(1, this.parts.clock.now())[0] ?? null;
  }

  async #queue(schedule: Schedule, due: Date, trigger: 'schedule' | 'operator'): Promise<JobEntity | null> {
    const { database, jobs } = this.parts;
    const job = await database.write(async (tx) => {
      await database.lock(tx, subjectOf(schedule));
      const state = await tx.findOneBy(ScheduleEntity, { name: schedule.name });
      // Another server that shares the database was first.
      if (trigger === 'schedule' && (!state?.enabled || !state.lastRunAt || due <= state.lastRunAt)) return null;
      if (await tx.existsBy(JobEntity, { subjectId: subjectOf(schedule), status: In(['QUEUED', 'RUNNING']) })) return null;
      if (trigger === 'schedule') await tx.update(ScheduleEntity, { name: schedule.name }, { lastRunAt: due });
      return jobs.add(tx, {
        kind: scheduleKind,
        subjectId: subjectOf(schedule),
        payload: { schedule: schedule.name, due: due.toISOString(), trigger, done: [] },
      });
    });
    if (job) jobs.announce(job);
    return job;
  }

  /** Runs a schedule now, beside its times. @throws AppError CONFLICT where it waits or runs already */
  async runNow(name: string): Promise<JobEntity> {
    const job = await this.#queue(this.#require(name), this.parts.clock.now(), 'operator');
    if (!job)
      throw new AppError(
        'CONFLICT',
        { en: `The schedule ${name} is under way already.`, ja: `スケジュール ${name} はすでに実行中です。` },
        { en: 'Wait until it has finished, or cancel its job.', ja: '終わるのを待つか、ジョブを取り消してください。' },
      );
    return job;
  }

  /** Turned on again, a schedule waits for its next time. */
  async enable(name: string, enabled: boolean): Promise<ScheduleState> {
    const schedule = this.#require(name);
    await this.parts.database.write((tx) =>
      tx.save(ScheduleEntity, { name: schedule.name, enabled, ...(enabled ? { lastRunAt: this.parts.clock.now() } : {}) }),
    );
    this.parts.log.info({ event: 'schedule_switched', schedule: schedule.name, enabled }, enabled ? 'a schedule was turned on' : 'a schedule was turned off');
    return (await this.states()).find((state) => state.schedule === schedule)!;
  }

  #require(name: string): Schedule {
    const schedule = this.parts.schedules.find((one) => one.name === name);
    const names = this.parts.schedules.map((one) => one.name).join(', ');
    if (!schedule)
      throw new AppError(
        'NOT_FOUND',
        { en: `There is no schedule "${name}".`, ja: `「${name}」というスケジュールはありません。` },
        { en: `There are ${names}.`, ja: `あるのは ${names} です。` },
      );
    return schedule;
  }

  async states(): Promise<ScheduleState[]> {
    const { database, schedules } = this.parts;
    const rows = new Map((await database.read.find(ScheduleEntity)).map((row) => [row.name, row]));
    return Promise.all(
      schedules.map(async (schedule) => {
        const enabled = rows.get(schedule.name)?.enabled ?? true;
        const [lastJob = null] = await this.#newest(schedule, 1);
        return { schedule, enabled, nextRunAt: enabled ? (this.#cron(schedule)?.nextRun(this.parts.clock.now()) ?? null) : null, lastJob };
      }),
    );
  }

  /** Its newest runs, the newest first. @throws AppError NOT_FOUND */
  async history(name: string, first: number): Promise<JobEntity[]> {
    return this.#newest(this.#require(name), first);
  }

  #newest(schedule: Schedule, take: number): Promise<JobEntity[]> {
    return this.parts.database.read.find(JobEntity, { where: { subjectId: subjectOf(schedule) }, order: { createdAt: 'DESC' }, take });
  }

  /** Times until `until` at which a schedule that is switched on will be due. */
  async runs(name: string, until: Date): Promise<Date[]> {
    const row = await this.parts.database.read.findOneBy(ScheduleEntity, { name });
    const cron = row?.enabled === false ? null : this.#cron(this.#require(name));
    const due: Date[] = [];
    for (let at = cron?.nextRun(this.parts.clock.now()); at && at <= until && due.length < mostRuns; at = cron?.nextRun(at)) due.push(at);
    return due;
  }

  /** The newest run of each step, as if the schedule's job had been for it alone. */
  async stepRuns(): Promise<Map<string, JobEntity>> {
    // The newest may not have come to all of its steps.
    const lists = await Promise.all(this.parts.schedules.map((schedule) => this.#newest(schedule, runsLookedAt)));
    const jobs = lists.flat().sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
    const runs = new Map<string, JobEntity>();
    for (const job of jobs) {
      const { done = [] } = job.payload as { done?: StepOutcome[] };
      for (const { step, result, error } of done) {
        if (runs.has(step)) continue;
        const outcome = { status: error === null ? ('SUCCEEDED' as const) : ('FAILED' as const), result, error };
        runs.set(step, Object.assign(new JobEntity(), job, { ...outcome, finishedAt: job.finishedAt ?? job.reportedAt }));
      }
    }
    return runs;
  }

  async run(context: JobContext): Promise<Record<string, unknown>> {
    const { job, signal, report } = context;
    const { schedule: name, due, trigger, done: known = [] } = job.payload as { schedule: string; due: string; trigger: string; done?: StepOutcome[] };
    // Retried, what failed is tried again; cut off, nothing is taken twice.
    const done = context.resumed ? known : known.filter(({ error }) => error === null);
    const { steps } = this.#require(name);
    for (const [i, step] of steps.entries()) {
      signal.throwIfAborted();
      if (done.some((outcome) => outcome.step === step.name)) continue;
      report({ stage: step.name, progress: i / steps.length, message: '' });
      const inner: JobContext = {
        ...context,
        report: ({ progress = 0, message }) => report({ stage: step.name, progress: (i + progress) / steps.length, message }),
      };
      const started = performance.now();
      const outcome = await step.run(inner).then(
        (result): Omit<StepOutcome, 'tookMs'> => ({ step: step.name, result, error: null }),
        (error: unknown): Omit<StepOutcome, 'tookMs'> => {
          signal.throwIfAborted();
          return { step: step.name, result: null, error: sayingOf(error) };
        },
      );
      done.push({ ...outcome, tookMs: Math.round(performance.now() - started) });
      // Kept at once: after a crash the step is not taken a second time.
      const payload = { schedule: name, due, trigger, done };
      await this.parts.database.write((tx) => tx.update(JobEntity, { id: job.id }, { payload: payload as never }));
    }
    const failed = done.filter(({ error }) => error !== null);
    const result = { schedule: name, due, trigger, steps: done.map((outcome) => ({ ...outcome, error: outcome.error && say(outcome.error) })) };
    if (failed.length > 0) throw new JobFailed(togetherOf(failed), result);
    return result;
  }
}

const togetherOf = (failed: StepOutcome[]): Saying => {
  const told = (language: 'en' | 'ja') => failed.map(({ step, error }) => `${step}: ${say(error ?? '', language)}`).join('; ');
  return { en: told('en'), ja: told('ja') };
};

const subjectOf = ({ name }: Schedule) => `schedule:${name}`;
