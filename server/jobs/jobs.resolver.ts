import { Arg, FieldResolver, ID, Int, Mutation, Query, Resolver, Root, Subscription } from 'type-graphql';
import { subscribeTo } from '../access/index.js';
import { type Connection, Language } from '../platform/http/graphql-types.js';
import { say } from '../platform/saying.js';
import { JobConnection, JobFilter, JobLogLineType, JobType } from './job.type.js';
import { type JobsService } from './jobs.service.js';

@Resolver(() => JobType)
export class JobsResolver {
  constructor(private readonly service: JobsService) {}

  @FieldResolver(() => String, { nullable: true, description: 'How far it is, in words.' })
  message(
    @Root() { message }: JobType,
    @Arg('language', () => Language, { defaultValue: Language.EN, nullable: true }) language: Language | null,
  ): string | null {
    return message && say(message, language ?? Language.EN);
  }

  @FieldResolver(() => String, { nullable: true, description: 'Why it failed, and what to do.' })
  error(@Root() { error }: JobType, @Arg('language', () => Language, { defaultValue: Language.EN, nullable: true }) language: Language | null): string | null {
    return error && say(error, language ?? Language.EN);
  }

  @FieldResolver(() => [JobLogLineType], { description: 'What it has done, step by step, oldest first; of more than 60 steps the first and the newest.' })
  log(@Root() { log }: JobType, @Arg('language', () => Language, { defaultValue: Language.EN, nullable: true }) language: Language | null): JobLogLineType[] {
    return log.map(({ at, step, message }) => ({ at: new Date(at), step, message: message && say(message, language ?? Language.EN) }));
  }

  @Query(() => JobConnection, { description: 'Newest first. Errors: BAD_USER_INPUT for a wrong page size or cursor.' })
  jobs(
    @Arg('first', () => Int, { defaultValue: 20, nullable: true }) first: number | null,
    @Arg('after', () => String, { nullable: true }) after: string | null,
    @Arg('filter', () => JobFilter, { nullable: true }) filter: JobFilter | null,
  ): Promise<Connection<JobType>> {
    return this.service.list(first ?? 20, after, filter ?? {});
  }

  @Query(() => JobType, { nullable: true })
  job(@Arg('id', () => ID) id: string): Promise<JobType | null> {
    return this.service.find(id);
  }

  @Mutation(() => JobType, { description: 'Stops a job that waits or runs; a finished one is answered as it is.' })
  cancelJob(@Arg('id', () => ID) id: string): Promise<JobType> {
    return this.service.cancel(id);
  }

  @Mutation(() => JobType, { description: 'Queues a failed or cancelled job again. Errors: NOT_FOUND, CONFLICT.' })
  retryJob(@Arg('id', () => ID) id: string): Promise<JobType> {
    return this.service.retry(id);
  }

  @Mutation(() => JobType, {
    description: 'Begins a running job again, from what is durable: for one that is stuck. Errors: NOT_FOUND, CONFLICT where it does not run.',
  })
  recoverJob(@Arg('id', () => ID) id: string): Promise<JobType> {
    return this.service.recover(id);
  }

  @Subscription(() => JobType, {
    subscribe: subscribeTo((args: { id?: string | null }, { subscriptions }) => subscriptions.jobProgress(args.id ?? null)),
    description: 'The state of a job now and at every change; of every job where id is null.',
  })
  jobProgress(@Root() job: JobType, @Arg('id', () => ID, { nullable: true }) _id: string | null): JobType {
    return job;
  }
}
