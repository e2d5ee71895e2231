import { Arg, Field, Float, Int, Mutation, ObjectType, Query, registerEnumType, Resolver, Root, Subscription } from 'type-graphql';
import { type AnswerCache } from '../platform/cache/index.js';
import { subscribeTo } from '../access/index.js';
import { badInput } from '../platform/errors.js';
import { DateTime } from '../platform/http/graphql-types.js';
import { type Metrics, type MetricsService } from './metrics.service.js';

@ObjectType({ simpleResolvers: true })
export class ProcessMetrics {
  @Field(() => Float, { description: 'Processor time over time: 1 is one core busy.' })
  cpuShare!: number;

  @Field(() => Float, { description: 'Resident memory with the embedding workers, bytes.' })
  memoryBytes!: number;

  @Field(() => Float)
  heapBytes!: number;

  @Field(() => Float)
  uptimeMs!: number;
}

@ObjectType({ simpleResolvers: true, description: 'How late the event loop was in the last second, milliseconds.' })
export class EventLoopMetrics {
  @Field(() => Float)
  delayP50Ms!: number;

  @Field(() => Float)
  delayP99Ms!: number;

  @Field(() => Float)
  delayMaxMs!: number;
}

@ObjectType({ simpleResolvers: true })
export class LibraryMetrics {
  @Field(() => Int)
  documents!: number;

  @Field(() => Int)
  chunks!: number;
}

@ObjectType({ simpleResolvers: true })
export class QueueMetrics {
  @Field(() => Int, { description: 'Jobs waiting.' })
  queued!: number;

  @Field(() => Int)
  running!: number;

  @Field(() => Int, { description: 'Passages waiting for their vectors.' })
  embedding!: number;
}

@ObjectType({ simpleResolvers: true, description: 'Over the last minute.' })
export class SearchMetrics {
  @Field(() => Float)
  perSecond!: number;

  @Field(() => Float, { nullable: true })
  p50Ms!: number | null;

  @Field(() => Float, { nullable: true })
  p95Ms!: number | null;

  @Field(() => Float, { nullable: true })
  p99Ms!: number | null;

  @Field(() => Int, { description: 'Since the start.' })
  total!: number;

  @Field(() => Float, { nullable: true, description: 'Share answered from the cache, 0..1.' })
  cachedShare!: number | null;

  @Field(() => Float, { nullable: true })
  emptyShare!: number | null;
}

enum CacheKindName {
  SEARCH = 'search',
  EMBEDDING = 'embedding',
  METADATA = 'metadata',
}
registerEnumType(CacheKindName, { name: 'CacheKind', description: 'Answers to searches, vectors of queries, figures about the library.' });

@ObjectType({ simpleResolvers: true, description: 'Since the start.' })
export class CacheKindMetrics {
  @Field(() => CacheKindName)
  kind!: string;

  @Field(() => Int)
  hits!: number;

  @Field(() => Int)
  misses!: number;
}

@ObjectType({ simpleResolvers: true })
export class CacheMetrics {
  @Field(() => String, { description: 'memory or redis' })
  backend!: string;

  @Field(() => [CacheKindMetrics])
  kinds!: CacheKindMetrics[];
}

@ObjectType('Metrics', { simpleResolvers: true })
export class MetricsType {
  @Field(() => DateTime)
  at!: Date;

  @Field(() => ProcessMetrics)
  process!: ProcessMetrics;

  @Field(() => EventLoopMetrics)
  eventLoop!: EventLoopMetrics;

  @Field(() => LibraryMetrics)
  library!: LibraryMetrics;

  @Field(() => QueueMetrics)
  queue!: QueueMetrics;

  @Field(() => SearchMetrics)
  search!: SearchMetrics;

  @Field(() => CacheMetrics)
  cache!: CacheMetrics;
}

const shortestIntervalMs = 250;
const defaultIntervalMs = 2000;

@Resolver()
export class MetricsResolver {
  constructor(
    private readonly service: MetricsService,
    private readonly cache: AnswerCache,
  ) {}

  @Query(() => MetricsType)
  metrics(): Promise<Metrics> {
    return this.service.current();
  }

  @Mutation(() => Boolean, { description: 'Forgets kept answers, of the kinds given or of all; they are computed again when asked for.' })
  async clearCache(@Arg('kinds', () => [CacheKindName], { nullable: true }) kinds: CacheKindName[] | null): Promise<boolean> {
    await this.cache.clear(kinds ?? undefined);
    return true;
  }

  @Subscription(() => MetricsType, {
    subscribe: subscribeTo((args: { intervalMs?: number | null }, { subscriptions }) => {
      const intervalMs = args.intervalMs ?? defaultIntervalMs;
      if (intervalMs < shortestIntervalMs) throw badInput(`intervalMs must be at least ${shortestIntervalMs}, not ${intervalMs}.`);
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
