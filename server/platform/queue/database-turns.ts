import { type Database } from '../database/index.js';
import { type Logger } from '../logging/index.js';
import { JobEntity } from './job.entity.js';
import { type Turns } from './turns.js';

/** After the database has failed, it is asked again so much later. */
const failedPauseMs = 2000;
/** Queued jobs read at once, so that each that ends need not look for its successor. */
const readAhead = 32;

/** Turns by the database alone, for the one process that owns it: oldest first within a kind. */
export class DatabaseTurns implements Turns {
  #kinds: ReadonlyMap<string, number> = new Map();
  #begin: (job: JobEntity) => Promise<void> = () => Promise.resolve();
  #open = false;
  /** Turns that were given, by kind and job. */
  readonly #busy = new Map<string, Map<string, Promise<boolean>>>();
  readonly #held = new Set<string>();
  readonly #pumping = new Set<string>();
  readonly #again = new Set<string>();
  /** Oldest queued jobs by kind, read ahead of their turn. */
  readonly #ahead = new Map<string, JobEntity[]>();

  constructor(
    private readonly database: Database,
    private readonly log: Logger,
  ) {}

  start(kinds: ReadonlyMap<string, number>, begin: (job: JobEntity) => Promise<void>): Promise<void> {
    this.#kinds = kinds;
    this.#begin = begin;
    this.#open = true;
    for (const kind of kinds.keys()) {
      this.#busy.set(kind, new Map());
      this.wake(kind);
    }
    return Promise.resolve();
  }

  offer({ kind }: JobEntity): void {
    this.wake(kind);
  }

  wake(kind: string): void {
    if (!this.#open || this.#held.has(kind)) return;
    if (this.#pumping.has(kind)) {
      this.#again.add(kind);
      return;
    }
    this.#pumping.add(kind);
    void this.#pump(kind)
      .catch((error: unknown) => {
        this.log.error({ err: error, kind }, 'the job queue could not look for work');
        this.#wakeLater(kind);
      })
      .finally(() => {
        this.#pumping.delete(kind);
        if (this.#again.delete(kind)) this.wake(kind);
      });
  }

  #wakeLater(kind: string): void {
    setTimeout(() => this.wake(kind), failedPauseMs).unref();
  }

  reread(kind: string): void {
    this.#ahead.delete(kind);
  }

  hold(kind: string, held: boolean): void {
    if (held) this.#held.add(kind);
    else if (this.#held.delete(kind)) this.wake(kind);
  }

  problem(): Promise<null> {
    return Promise.resolve(null);
  }

  async #pump(kind: string): Promise<void> {
    const busy = this.#busy.get(kind);
    if (!busy) return;
    while (this.#open && !this.#held.has(kind) && busy.size < this.#kinds.get(kind)!) {
      const job = await this.#next(kind, busy);
      if (!job || !this.#open) return;
      const turn = this.#begin(job).then(
        () => true,
        () => false,
      );
      busy.set(job.id, turn);
      void turn.then((hasWorked) => {
        // A job that was begun again has a turn of its own.
        if (busy.get(job.id) === turn) busy.delete(job.id);
        if (hasWorked) this.wake(kind);
        else this.#wakeLater(kind);
      });
    }
  }

  async #next(kind: string, busy: ReadonlyMap<string, unknown>): Promise<JobEntity | null> {
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

  async stop(): Promise<void> {
    this.#open = false;
    await Promise.allSettled([...this.#busy.values()].flatMap((turns) => [...turns.values()]));
  }
}
