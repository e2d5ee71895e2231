import { Field, Float, InputType, Int, ObjectType, registerEnumType } from 'type-graphql';
import { DateTime } from '../platform/http/graphql-types.js';
import { series, seriesNames } from './series.js';

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

@ObjectType({ simpleResolvers: true })
abstract class Rates {
  @Field(() => Float)
  perSecond!: number;

  @Field(() => Float, { nullable: true })
  p50Ms!: number | null;

  @Field(() => Float, { nullable: true })
  p95Ms!: number | null;

  @Field(() => Float, { nullable: true })
  p99Ms!: number | null;
}

@ObjectType({ simpleResolvers: true })
export class SearchModeShare {
  @Field(() => String, { description: 'HYBRID, SEMANTIC or KEYWORD.' })
  mode!: string;

  @Field(() => Float, { description: '0..1' })
  share!: number;
}

@ObjectType({ simpleResolvers: true, description: 'Over the last minute.' })
export class SearchMetrics extends Rates {
  @Field(() => Int, { description: 'Since the start.' })
  total!: number;

  @Field(() => Float, { nullable: true, description: 'Share answered from the cache, 0..1.' })
  cachedShare!: number | null;

  @Field(() => Float, { nullable: true })
  emptyShare!: number | null;

  @Field(() => Float, { nullable: true, description: 'Median time in which the model turned a query into its vector, milliseconds.' })
  embedP50Ms!: number | null;

  @Field(() => [SearchModeShare], { description: 'How they were answered: HYBRID becomes KEYWORD where model or vectors are away.' })
  modes!: SearchModeShare[];
}

@ObjectType({ simpleResolvers: true, description: 'Answers over HTTP of the last minute, pages and their files included.' })
export class ResponseMetrics extends Rates {
  @Field(() => Float, { nullable: true, description: 'Share answered with a status of 500 or more, 0..1.' })
  failedShare!: number | null;
}

@ObjectType({ simpleResolvers: true, description: 'GraphQL operations over the last minute.' })
export class RequestMetrics extends Rates {
  @Field(() => Float, { nullable: true, description: 'Share that failed by our fault, 0..1.' })
  failedShare!: number | null;
}

@ObjectType({ simpleResolvers: true, description: 'GraphQL operations of one name over the last minute.' })
export class OperationMetrics extends Rates {
  @Field(() => String, { description: 'As the client named it; anonymous without a name, signed-out for whoever is not known, other beyond a hundred names.' })
  operation!: string;

  @Field(() => Float, { nullable: true, description: 'Share that failed by our fault, 0..1.' })
  failedShare!: number | null;
}

export enum CacheKindName {
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

@ObjectType({ simpleResolvers: true, description: 'The machine, as of the last sample. What its operating system does not tell is null.' })
export class HostMetrics {
  @Field(() => Float, { nullable: true, description: series.hostCpuShare.about })
  hostCpuShare!: number | null;

  @Field(() => Float, { description: series.hostMemoryShare.about })
  hostMemoryShare!: number;

  @Field(() => Float, { nullable: true, description: series.diskUsedShare.about })
  diskUsedShare!: number | null;

  @Field(() => Float, { nullable: true, description: series.diskFreeBytes.about })
  diskFreeBytes!: number | null;

  @Field(() => Float, { nullable: true, description: series.diskReadBytesPerSecond.about })
  diskReadBytesPerSecond!: number | null;

  @Field(() => Float, { nullable: true, description: series.diskWriteBytesPerSecond.about })
  diskWriteBytesPerSecond!: number | null;

  @Field(() => Float, { nullable: true, description: series.networkReceivedBytesPerSecond.about })
  networkReceivedBytesPerSecond!: number | null;

  @Field(() => Float, { nullable: true, description: series.networkSentBytesPerSecond.about })
  networkSentBytesPerSecond!: number | null;

  @Field(() => Int, { nullable: true, description: series.openSockets.about })
  openSockets!: number | null;
}

@ObjectType({ simpleResolvers: true, description: 'One of our processes, as of the last sample.' })
export class ProcessUsage {
  @Field(() => String, { description: 'server, chromadb, reader or backup' })
  name!: string;

  @Field(() => Int)
  pid!: number;

  @Field(() => Float, { description: 'Processor time over time: 1 is one core busy.' })
  cpuShare!: number;

  @Field(() => Float, { description: 'Resident memory, bytes.' })
  memoryBytes!: number;
}

@ObjectType({ simpleResolvers: true, description: 'The values of one step. Null where nothing was measured.' })
export class MetricsPoint {
  @Field(() => DateTime, { description: 'Where the step begins.' })
  at!: Date;
}
for (const name of seriesNames) Field(() => Float, { nullable: true, description: series[name].about })(MetricsPoint.prototype, name);

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

  @Field(() => RequestMetrics)
  requests!: RequestMetrics;

  @Field(() => ResponseMetrics)
  responses!: ResponseMetrics;

  @Field(() => CacheMetrics)
  cache!: CacheMetrics;

  @Field(() => HostMetrics, { nullable: true, description: 'Null before the first sample, and without PERFORMANCE_MONITORING.' })
  host!: HostMetrics | null;

  @Field(() => [ProcessUsage])
  processes!: ProcessUsage[];

  @Field(() => MetricsPoint, {
    nullable: true,
    description: 'Everything that is kept over time, as of the last sample. Null before it, and without PERFORMANCE_MONITORING.',
  })
  sample!: MetricsPoint | null;
}

@InputType({ description: 'Without `to`, until now; without `from`, the hour before.' })
export class MetricsRange {
  @Field(() => DateTime, { nullable: true })
  from?: Date | null;

  @Field(() => DateTime, { nullable: true })
  to?: Date | null;
}

@ObjectType({ simpleResolvers: true })
export class MetricsHistorySize {
  @Field(() => Int)
  samples!: number;

  @Field(() => Float, { description: 'What the samples take in the database, about, bytes.' })
  bytes!: number;

  @Field(() => Int, { description: 'METRICS_RETENTION_DAYS' })
  retentionDays!: number;
}
