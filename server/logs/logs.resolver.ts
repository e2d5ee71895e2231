import { Arg, Field, ID, InputType, Int, Mutation, ObjectType, Query, registerEnumType, Resolver, Root, Subscription } from 'type-graphql';
import { subscribeTo } from '../access/index.js';
import { type Connection, connectionOf, DateTime, JSONObject } from '../platform/http/graphql-types.js';
import { type LogEntry } from './log-entry.js';
import { type LogsService } from './logs.service.js';

export enum LogLevel {
  TRACE = 'trace',
  DEBUG = 'debug',
  INFO = 'info',
  WARN = 'warn',
  ERROR = 'error',
  FATAL = 'fatal',
}
registerEnumType(LogLevel, { name: 'LogLevel' });

@ObjectType('LogEntry', { simpleResolvers: true, description: 'One line of the log. It never holds document text, queries, keys or tokens.' })
export class LogEntryType {
  @Field(() => DateTime)
  at!: Date;

  @Field(() => LogLevel)
  level!: string;

  @Field(() => String)
  message!: string;

  @Field(() => String, { nullable: true, description: 'A name to look for: slow_query, high_memory, alert_raised, …' })
  event!: string | null;

  @Field(() => String, { nullable: true, description: 'The part that logged it.' })
  feature!: string | null;

  @Field(() => ID, { nullable: true, description: 'Of the HTTP request that began it; in the header x-request-id of its answer.' })
  requestId!: string | null;

  @Field(() => ID, { nullable: true })
  jobId!: string | null;

  @Field(() => JSONObject, { nullable: true })
  details!: Record<string, unknown> | null;
}

const LogConnection = connectionOf('Log', LogEntryType);

@InputType({ description: 'Any within a field, all across fields.' })
export class LogFilter {
  @Field(() => [LogLevel], { nullable: true })
  levels?: LogLevel[] | null;

  @Field(() => [String], { nullable: true })
  features?: string[] | null;

  @Field(() => DateTime, { nullable: true })
  from?: Date | null;

  @Field(() => DateTime, { nullable: true })
  to?: Date | null;

  @Field(() => String, { nullable: true, description: 'Anywhere in the line, upper and lower case alike.' })
  text?: string | null;
}

@Resolver()
export class LogsResolver {
  constructor(private readonly service: LogsService) {}

  @Query(() => LogConnection, {
    description: 'Newest first, from the files that are kept; totalCount counts only what was read for the page. Errors: BAD_USER_INPUT.',
  })
  logs(
    @Arg('first', () => Int, { defaultValue: 50, nullable: true }) first: number | null,
    @Arg('after', () => String, { nullable: true }) after: string | null,
    @Arg('filter', () => LogFilter, { nullable: true }) filter: LogFilter | null,
  ): Promise<Connection<LogEntry>> {
    return this.service.list(first ?? 50, after, filter ?? {});
  }

  @Query(() => LogLevel, { description: 'What is logged now: this level and those above it.' })
  logLevel(): string {
    return this.service.level;
  }

  @Mutation(() => LogLevel, { description: 'Changes what is logged until the next start, which reads LOG_LEVEL again.' })
  setLogLevel(@Arg('level', () => LogLevel) level: LogLevel): string {
    this.service.setLevel(level);
    return this.service.level;
  }

  @Subscription(() => LogEntryType, {
    subscribe: subscribeTo((args: { filter?: LogFilter | null }, { subscriptions }) => subscriptions.logTail(args.filter ?? {})),
    description: 'Lines as they are logged.',
  })
  logTail(@Root() entry: LogEntry, @Arg('filter', () => LogFilter, { nullable: true }) _filter: LogFilter | null): LogEntry {
    return entry;
  }
}
