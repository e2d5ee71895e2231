import { In, LessThan } from 'typeorm';
import { type Database } from '../database/index.js';
import { JobEntity, type JobState } from './job.entity.js';

/** Jobs as they are kept, whoever runs them. */
export class JobRecords {
  constructor(protected readonly database: Database) {}

  /** Running jobs that have reported nothing for so long. */
  stuck(silentMs: number): Promise<JobEntity[]> {
    return this.database.read.findBy(JobEntity, { status: 'RUNNING', reportedAt: LessThan(new Date(Date.now() - silentMs)) });
  }

  /** The newest job about a subject that has not finished. */
  async unfinishedFor(subjectId: string): Promise<JobEntity | null> {
    return this.database.read.findOne(JobEntity, { where: { subjectId, status: In(['QUEUED', 'RUNNING']) }, order: { createdAt: 'DESC' } });
  }

  /** Removes a job's record; a handler may do so for its own. */
  async forget(id: string): Promise<void> {
    await this.database.write((tx) => tx.delete(JobEntity, { id }));
  }

  /** Removes records of jobs that ended before. @returns how many */
  async forgetEnded(before: Date): Promise<number> {
    const ended = { status: In(['SUCCEEDED', 'FAILED', 'CANCELLED'] satisfies JobState[]), finishedAt: LessThan(before) };
    return (await this.database.write((tx) => tx.delete(JobEntity, ended))).affected ?? 0;
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
}
