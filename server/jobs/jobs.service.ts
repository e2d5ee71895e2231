import { type SelectQueryBuilder } from 'typeorm';
import { type HealthCheck } from '../health/index.js';
import { type Database } from '../platform/database/index.js';
import { notFound } from '../platform/errors.js';
import { type Connection } from '../platform/http/graphql-types.js';
import { newestFirst } from '../platform/http/index.js';
import { latestValues, type PubSub } from '../platform/pubsub/index.js';
import { JobEntity, type JobQueue } from '../platform/queue/index.js';
import { type JobFilter, type JobType, jobView } from './job.type.js';

export interface JobTopics {
  jobChanged: JobEntity;
}

interface JobsParts {
  database: Database;
  queue: JobQueue;
  pubsub: PubSub<JobTopics>;
  /** Kinds that clear up behind others and are nobody's business. */
  internalKinds: string[];
  /** A running job that reports nothing for so long counts as stuck, milliseconds. */
  silentMs: number;
}

/** Lists, cancels, retries and recovers jobs. */
export class JobsService {
  constructor(private readonly parts: JobsParts) {}

  #view(job: JobEntity): JobType {
    return jobView(this.parts.queue.withProgress(job), this.parts.silentMs);
  }

  async list(first: number, after: string | null, filter: JobFilter): Promise<Connection<JobType>> {
    const page = await newestFirst(() => this.#filtered(filter), { column: 'createdAt', of: ({ createdAt }) => createdAt }, first, after);
    return { ...page, edges: page.edges.map(({ node, cursor }) => ({ node: this.#view(node), cursor })) };
  }

  #filtered(filter: JobFilter): SelectQueryBuilder<JobEntity> {
    const query = this.parts.database.read.createQueryBuilder(JobEntity, 'job').where('job.kind NOT IN (:...internal)', { internal: this.parts.internalKinds });
    if (filter.statuses) query.andWhere(filter.statuses.length > 0 ? 'job.status IN (:...statuses)' : '1 = 0', { statuses: filter.statuses });
    if (filter.kinds) query.andWhere(filter.kinds.length > 0 ? 'job.kind IN (:...kinds)' : '1 = 0', { kinds: filter.kinds });
    if (filter.batchId) query.andWhere('job.batchId = :batchId', { batchId: filter.batchId });
    if (filter.from) query.andWhere('job.createdAt >= :from', { from: filter.from.toISOString() });
    return query;
  }

  async find(id: string): Promise<JobType | null> {
    const job = await this.parts.database.read.findOneBy(JobEntity, { id });
    return job && this.#view(job);
  }

  async require(id: string): Promise<JobType> {
    const job = await this.find(id);
    if (!job) throw notFound('job', id);
    return job;
  }

  async cancel(id: string): Promise<JobType> {
    return jobView(await this.parts.queue.cancel(id));
  }

  /** Begins a running job again. */
  async recover(id: string): Promise<JobType> {
    return jobView(await this.parts.queue.recover(id));
  }

  /** Jobs that have stopped without saying so, and a queue that hands none out, as a part of the system's health. */
  healthCheck(): HealthCheck {
    return {
      name: 'jobs',
      timeoutMs: 3000,
      essential: false,
      check: async () => {
        const problem = await this.parts.queue.problem();
        if (problem) return { status: 'DEGRADED', ...problem };
        const stuck = await this.parts.queue.stuck(this.parts.silentMs);
        if (stuck.length === 0) return { status: 'HEALTHY' };
        const kinds = [...new Set(stuck.map(({ kind }) => kind))].join(', ');
        return {
          status: 'DEGRADED',
          message: {
            en: `${stuck.length} running jobs report nothing any more: ${kinds}.`,
            ja: `実行中のジョブ ${stuck.length} 件から報告が途絶えています: ${kinds}。`,
          },
          remedy: { en: 'Begin them again on the page of jobs.', ja: 'ジョブのページで、もう一度始めてください。' },
        };
      },
    };
  }

  async retry(id: string): Promise<JobType> {
    return jobView(await this.parts.queue.retry(id));
  }

  /** The present state first, then every change; the last state of a job that finishes is always delivered. */
  async progress(id: string | null): Promise<AsyncIterable<JobType>> {
    let isBehind = false;
    let deliver: (job: JobType) => void = () => undefined;
    const states = latestValues<JobType>(
      (push) => {
        deliver = push;
        return this.parts.pubsub.on('jobChanged', (job) => {
          isBehind ||= job.id === id;
          push(jobView(job));
        });
      },
      { keyOf: (job) => job.id, filter: (job) => (id === null ? !this.parts.internalKinds.includes(job.kind) : job.id === id) },
    );
    if (id === null) return states;
    try {
      // Read once changes are listened to: a job that finishes between the two would never be told of.
      const present = await this.require(id);
      if (!isBehind) deliver(present);
      return states;
    } catch (error) {
      await states.return();
      throw error;
    }
  }
}
