import { Arg, Field, FieldResolver, Int, Mutation, ObjectType, Query, Resolver, Root } from 'type-graphql';
import { JobType, jobView } from '../jobs/index.js';
import { DateTime, pageSize } from '../platform/http/graphql-types.js';
import { type ScheduleState, type SchedulesService } from './schedules.service.js';

@ObjectType('Schedule', { simpleResolvers: true, description: 'Work that is done by itself at set times.' })
export class ScheduleType {
  @Field(() => String)
  name!: string;

  @Field(() => String)
  about!: string;

  @Field(() => String, { description: 'Cron expression, in the time zone of TIME_ZONE; set by SCHEDULE_<name>; empty where that is off.' })
  pattern!: string;

  @Field(() => [String], { description: 'What it does, in this order.' })
  steps!: string[];

  @Field(() => Boolean)
  enabled!: boolean;

  @Field(() => DateTime, { nullable: true })
  nextRunAt!: Date | null;

  @Field(() => JobType, { nullable: true, description: 'The newest run, with each step’s time and result; null where there was none.' })
  lastJob!: JobType | null;
}

function scheduleView({ schedule: { name, about, pattern, steps }, enabled, nextRunAt, lastJob }: ScheduleState): ScheduleType {
  return { name, about, pattern, steps: steps.map((step) => step.name), enabled, nextRunAt, lastJob: lastJob && jobView(lastJob) };
}

@Resolver(() => ScheduleType)
export class SchedulesResolver {
  constructor(private readonly service: SchedulesService) {}

  @Query(() => [ScheduleType])
  async schedules(): Promise<ScheduleType[]> {
    return (await this.service.states()).map(scheduleView);
  }

  @FieldResolver(() => [JobType], {
    description: 'Its newest runs, the newest first, each with the time and the result of every step; kept for JOB_RETENTION_DAYS. `first`: 1..100.',
  })
  async history(@Root() { name }: ScheduleType, @Arg('first', () => Int, { defaultValue: 10, nullable: true }) first: number | null): Promise<JobType[]> {
    return (await this.service.history(name, pageSize(first ?? 10))).map((job) => jobView(job));
  }

  @Mutation(() => JobType, { description: 'Runs a schedule now, beside its times. Errors: NOT_FOUND, CONFLICT where it waits or runs already.' })
  async runSchedule(@Arg('name', () => String) name: string): Promise<JobType> {
    return jobView(await this.service.runNow(name));
  }

  @Mutation(() => ScheduleType, { description: 'Turns a schedule on or off. Turned on, it waits for its next time. Errors: NOT_FOUND.' })
  async enableSchedule(@Arg('name', () => String) name: string, @Arg('enabled', () => Boolean) enabled: boolean): Promise<ScheduleType> {
    return scheduleView(await this.service.enable(name, enabled));
  }
}
