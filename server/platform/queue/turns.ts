import { type Saying } from '../saying.js';
import { type JobEntity } from './job.entity.js';

/**
 * Hands out turns: decides which queued job begins next, and keeps to each kind's bound on concurrency. The row in the database
 * remains the record of a job and its claim on it the one that counts: a turn given twice, or for a job that is no longer queued,
 * begins nothing.
 */
export interface Turns {
  /**
   * Begins to give turns to what is queued.
   * @param kinds most jobs of a kind that run at once
   * @param begin does a job; the turn lasts until its promise is settled. It rejects where the job's row cannot be written
   */
  start(kinds: ReadonlyMap<string, number>, begin: (job: JobEntity) => Promise<void>): Promise<void>;
  /** There is a queued job. `again`: it has had a turn before. */
  offer(job: JobEntity, again?: boolean): void;
  /** Some jobs of this kind may be queued that nobody has offered. */
  wake(kind: string): void;
  /** A job of this kind was cancelled or queued again: what was read ahead of its turn is out of date. */
  reread(kind: string): void;
  /** Gives a kind no more turns until it is let go on. */
  hold(kind: string, held: boolean): void;
  /** What keeps turns from being given, and the remedy; null where nothing does. */
  problem(): Promise<{ message: Saying; remedy: Saying } | null>;
  /** Gives no more turns, and waits for those that were given. May be called more than once. */
  stop(): Promise<void>;
}
