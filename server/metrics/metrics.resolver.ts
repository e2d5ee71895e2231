import { Arg, FieldResolver, Int, Mutation, Query, Resolver, Root, Subscription } from 'type-graphql';
import { subscribeTo } from '../access/index.js';
import { type AnswerCache } from '../platform/cache/index.js';
import { badInput } from '../platform/errors.js';
import { type NamedOperationRates, type RequestMeter } from '../platform/http/index.js';
import { type HistoryPoint, type MetricsHistory } from './history.js';
import { type Metrics, type MetricsService } from './metrics.service.js';
import { CacheKindName, MetricsHistorySize, MetricsPoint, MetricsRange, MetricsType, OperationMetrics, RequestMetrics } from './metrics.type.js';

const shortestIntervalMs = 250;
const defaultIntervalMs = 2000;
const hourMs = 3_600_000;

@Resolver()
export class MetricsResolver {
  constructor(
    private readonly service: MetricsService,
    private readonly history: MetricsHistory,
    private readonly cache: AnswerCache,
    private readonly retentionDays: number,
  ) {}

  @Query(() => MetricsType)
  metrics(): Promise<Metrics> {
    return this.service.current();
  }

  @Query(() => [MetricsPoint], {
    description:
      'Metrics over time, oldest first: samples of the last day, minutes of the last week, hours of METRICS_RETENTION_DAYS. Errors: BAD_USER_INPUT for a range that ends before it begins, or more than 2000 points.',
  })
  metricsHistory(
    @Arg('range', () => MetricsRange) range: MetricsRange,
    @Arg('step', () => Int, { nullable: true, description: 'Seconds from one point to the next; without it, at most 300 points.' }) step: number | null,
  ): Promise<HistoryPoint[]> {
    const to = range.to ?? new Date();
    return this.history.read(range.from ?? new Date(to.getTime() - hourMs), to, step);
  }

  @Query(() => MetricsPoint, {
    nullable: true,
    description: 'All values of a range as one; null where there are none. Errors: BAD_USER_INPUT for a range that ends before it begins.',
  })
  metricsSummary(@Arg('range', () => MetricsRange) range: MetricsRange): Promise<HistoryPoint | null> {
    const to = range.to ?? new Date();
    return this.history.summary(range.from ?? new Date(to.getTime() - hourMs), to);
  }

  @Query(() => MetricsHistorySize, { description: 'How much is kept.' })
  async metricsHistorySize(): Promise<MetricsHistorySize> {
    return { ...(await this.history.size()), retentionDays: this.retentionDays };
  }

  @Mutation(() => Boolean, { description: 'Forgets kept answers, of the kinds given or of all; they are computed again when asked for.' })
  async clearCache(@Arg('kinds', () => [CacheKindName], { nullable: true }) kinds: CacheKindName[] | null): Promise<boolean> {
    await this.cache.clear(kinds ?? undefined);
    return true;
  }

  @Subscription(() => MetricsType, {
    subscribe: subscribeTo((args: { intervalMs?: number | null }, { subscriptions }) => {
      const intervalMs = args.intervalMs ?? defaultIntervalMs;
      if (intervalMs < shortestIntervalMs)
        throw badInput({
          en: `intervalMs must be at least ${shortestIntervalMs}, not ${intervalMs}.`,
          ja: `intervalMs は ${shortestIntervalMs} 以上にしてください（${intervalMs} は不可）。`,
        });
      return subscriptions.liveMetrics(intervalMs);
    }),
    description: 'Now and every intervalMs (250 at the least).',
  })
  liveMetrics(
    @Root() metrics: Metrics,
    @Arg('intervalMs', () => Int, { defaultValue: defaultIntervalMs, nullable: true }) _intervalMs: number | null,
  ): Metrics {
    return metrics;
  }
}

@Resolver(() => RequestMetrics)
export class RequestMetricsResolver {
  constructor(private readonly meter: Pick<RequestMeter, 'byOperation'>) {}

  @FieldResolver(() => [OperationMetrics], { description: 'The same by the name of the operation; those that take the most time together come first.' })
  operations(): NamedOperationRates[] {
    return this.meter.byOperation();
  }
}
