import { Arg, Field, Float, ID, Int, Mutation, ObjectType, Query, registerEnumType, Resolver } from 'type-graphql';
import { type Connection, connectionOf, DateTime, JSONObject } from '../platform/http/graphql-types.js';
import { type Forecast } from './forecast.js';
import { type ReportEntity } from './report.entity.js';
import { type ReportsService } from './reports.service.js';

export enum ReportKindName {
  PERFORMANCE = 'PERFORMANCE',
  LOG_ANALYSIS = 'LOG_ANALYSIS',
  CAPACITY = 'CAPACITY',
  UPDATE_CHECK = 'UPDATE_CHECK',
}
registerEnumType(ReportKindName, { name: 'ReportKind' });

@ObjectType('Report', { simpleResolvers: true, description: 'What was found over some time. Printable at /reports/<id>.' })
export class ReportType {
  @Field(() => ID)
  id!: string;

  @Field(() => ReportKindName)
  kind!: string;

  @Field(() => DateTime)
  from!: Date;

  @Field(() => DateTime)
  to!: Date;

  @Field(() => DateTime)
  createdAt!: Date;

  @Field(() => JSONObject, { description: '{ sections: [{ title, rows: [[name, value]] }], charts: [{ title, unit, points: [[at, value]] }] }' })
  content!: object;
}

const ReportConnection = connectionOf('Report', ReportType);

@ObjectType({ simpleResolvers: true, description: 'By the straight line that fits the free space of the last 30 days best.' })
export class DiskForecast {
  @Field(() => Float, { nullable: true })
  freeBytes!: number | null;

  @Field(() => Float, { nullable: true, description: 'How fast the free space shrinks; negative where it grows, null before six hours are known.' })
  bytesPerDay!: number | null;

  @Field(() => DateTime, { nullable: true, description: 'Null where it does not shrink, or nobody can tell yet.' })
  fullAt!: Date | null;
}

@Resolver()
export class ReportsResolver {
  constructor(private readonly service: ReportsService) {}

  @Query(() => ReportConnection, { description: 'Newest first. Errors: BAD_USER_INPUT for a wrong page size or cursor.' })
  reports(
    @Arg('first', () => Int, { defaultValue: 20, nullable: true }) first: number | null,
    @Arg('after', () => String, { nullable: true }) after: string | null,
    @Arg('kinds', () => [ReportKindName], { nullable: true }) kinds: ReportKindName[] | null,
  ): Promise<Connection<ReportType>> {
    return this.service.list(first ?? 20, after, kinds);
  }

  @Query(() => DiskForecast, { description: 'When the disk of DATA_DIR will be full.' })
  diskForecast(): Promise<Forecast> {
    return this.service.diskForecast();
  }

  @Mutation(() => ReportType, {
    description: 'Makes a report of the days that end now: 7 for performance, 30 for capacity, and for logs 30 or as many as are kept.',
  })
  makeReport(@Arg('kind', () => ReportKindName) kind: ReportKindName): Promise<ReportEntity> {
    return this.service.make(kind);
  }
}
