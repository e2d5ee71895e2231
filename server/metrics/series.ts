/** How several values of a series become one: their mean, the worst of them, the newest, or the share of the time that they cover. */
export type Combine = 'mean' | 'max' | 'last' | 'covered';

interface Series {
  combine: Combine;
  /** What it tells, with its unit. */
  about: string;
}

/**
 * Everything that is kept over time, in the order in which a kept row lists its values: new series go to the end, and none is
 * ever removed or moved.
 */
export const series = {
  hostCpuShare: { combine: 'mean', about: 'Processor time of the machine in use, 0..1 of all its cores.' },
  hostMemoryShare: { combine: 'mean', about: 'Memory of the machine in use, 0..1.' },
  diskUsedShare: { combine: 'last', about: 'Space in use on the disk that holds DATA_DIR, 0..1.' },
  diskFreeBytes: { combine: 'last', about: 'Free space on the disk that holds DATA_DIR, bytes.' },
  diskReadBytesPerSecond: { combine: 'mean', about: 'What our processes read from disk, bytes a second.' },
  diskWriteBytesPerSecond: { combine: 'mean', about: 'What our processes write to disk, bytes a second.' },
  networkReceivedBytesPerSecond: { combine: 'mean', about: 'What the machine receives, without loopback, bytes a second.' },
  networkSentBytesPerSecond: { combine: 'mean', about: 'What the machine sends, without loopback, bytes a second.' },
  openSockets: { combine: 'max', about: 'Open sockets of the server process.' },
  cpuShare: { combine: 'mean', about: 'Processor time of the server process over time: 1 is one core busy.' },
  memoryBytes: { combine: 'max', about: 'Resident memory of the server process with its embedding workers, bytes.' },
  heapBytes: { combine: 'max', about: 'JavaScript heap in use, bytes.' },
  allMemoryBytes: { combine: 'max', about: 'Resident memory of the server and all its child processes, bytes.' },
  eventLoopDelayP99Ms: { combine: 'max', about: 'How late the event loop was, 99th percentile, milliseconds.' },
  gcShare: { combine: 'mean', about: 'Time spent collecting garbage, 0..1.' },
  requestsPerSecond: { combine: 'mean', about: 'GraphQL operations a second, over the last minute.' },
  requestP50Ms: { combine: 'mean', about: 'Median time of GraphQL operations, milliseconds.' },
  requestP95Ms: { combine: 'max', about: '95th percentile of the time of GraphQL operations, milliseconds.' },
  errorShare: { combine: 'mean', about: 'Share of GraphQL operations that failed by our fault, 0..1.' },
  searchesPerSecond: { combine: 'mean', about: 'Searches a second, over the last minute.' },
  searchP50Ms: { combine: 'mean', about: 'Median time of searches, milliseconds.' },
  searchP95Ms: { combine: 'max', about: '95th percentile of the time of searches, milliseconds.' },
  searchP99Ms: { combine: 'max', about: '99th percentile of the time of searches, milliseconds.' },
  searchCachedShare: { combine: 'mean', about: 'Share of searches answered from the cache, 0..1.' },
  searchEmptyShare: { combine: 'mean', about: 'Share of searches that found nothing, 0..1.' },
  jobsQueued: { combine: 'max', about: 'Jobs waiting.' },
  jobsRunning: { combine: 'max', about: 'Jobs running.' },
  embeddingQueued: { combine: 'max', about: 'Passages waiting for their vectors.' },
  chunksPerSecond: { combine: 'mean', about: 'Passages taken in, a second.' },
  ingestionsFailedPerSecond: { combine: 'mean', about: 'Documents that could not be taken in, a second.' },
  documents: { combine: 'last', about: 'Documents in the library.' },
  chunks: { combine: 'last', about: 'Passages that answer.' },
  databaseBytes: { combine: 'last', about: 'Size of the database, bytes.' },
  pendingWrites: { combine: 'max', about: 'Writes to the database waiting or running.' },
  webSockets: { combine: 'max', about: 'Open WebSocket connections.' },
  responsesPerSecond: { combine: 'mean', about: 'Answers over HTTP a second, pages and their files included, over the last minute.' },
  responseP95Ms: { combine: 'max', about: '95th percentile of the time of answers over HTTP, milliseconds.' },
  responseErrorShare: { combine: 'mean', about: 'Share of answers over HTTP with a status of 500 or more, 0..1.' },
  databaseLatencyMs: { combine: 'max', about: 'Time in which the database answered the last look at its health, milliseconds.' },
  vectorStoreLatencyMs: { combine: 'max', about: 'Time in which ChromaDB answered the last look at its health, milliseconds.' },
  embeddingLatencyMs: { combine: 'max', about: 'Median time in which the model turned a query into its vector, over the last minute, milliseconds.' },
  limitUsedShare: { combine: 'max', about: 'Share of RATE_LIMIT_GLOBAL that is used in the hour, 0..1; null where nothing is limited.' },
  refusalsPerSecond: { combine: 'mean', about: 'Requests a second that a rate limit refused.' },
  requestP99Ms: { combine: 'max', about: '99th percentile of the time of GraphQL operations, milliseconds.' },
  searchHybridShare: { combine: 'mean', about: 'Share of searches answered by meaning and words, 0..1.' },
  searchSemanticShare: { combine: 'mean', about: 'Share of searches answered by meaning alone, 0..1.' },
  searchKeywordShare: { combine: 'mean', about: 'Share of searches answered by words alone, asked for or for want of model or vectors, 0..1.' },
  searchCacheHitsPerSecond: { combine: 'mean', about: 'Answers to searches found in the cache, a second.' },
  searchCacheMissesPerSecond: { combine: 'mean', about: 'Answers to searches not found in the cache, a second.' },
  embeddingCacheHitsPerSecond: { combine: 'mean', about: 'Vectors of queries found in the cache, a second.' },
  embeddingCacheMissesPerSecond: { combine: 'mean', about: 'Vectors of queries not found in the cache, a second.' },
  metadataCacheHitsPerSecond: { combine: 'mean', about: 'Figures about the library found in the cache, a second.' },
  metadataCacheMissesPerSecond: { combine: 'mean', about: 'Figures about the library not found in the cache, a second.' },
  sampledShare: { combine: 'covered', about: 'Share of the time for which there are samples, 0..1: less where the server did not run.' },
} as const satisfies Record<string, Series>;

export type SeriesName = keyof typeof series;
export const seriesNames = Object.keys(series) as SeriesName[];

/** One moment's values; null where there is nothing to tell, such as the time of searches when there was none. */
export type SampleValues = Record<SeriesName, number | null>;

/** Values of several moments as one. @param partOfWhole which part of the time that they stand for each of them takes, 0..1 */
export function combined(samples: Partial<SampleValues>[], partOfWhole = 1 / Math.max(1, samples.length)): SampleValues {
  const one = (name: SeriesName): number | null => {
    const values = samples.flatMap((sample) => sample[name] ?? []);
    if (values.length === 0) return null;
    const { combine } = series[name];
    if (combine === 'last') return values.at(-1)!;
    if (combine === 'covered') return Math.min(1, values.reduce((sum, value) => sum + value, 0) * partOfWhole);
    return combine === 'max' ? Math.max(...values) : values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  return Object.fromEntries(seriesNames.map((name) => [name, one(name)])) as SampleValues;
}
