import { type Express } from 'express';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type Authorize, type RequestMeter, route } from '../platform/http/index.js';
import { type SearchMeter } from '../search/index.js';
import { type MetricsService } from './metrics.service.js';

const searchSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** Figures for Prometheus, in base units. https://prometheus.io/docs/practices/naming/ */
function createRegistry({ metrics, searches: meter, requests, backups }: Omit<PrometheusParts, 'authorize'>): {
  registry: Registry;
  refresh: () => Promise<void>;
} {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const searches = new Histogram({
    name: 'erpfts_search_duration_seconds',
    help: 'Time of searches, by whether the answer was kept.',
    labelNames: ['cached'],
    buckets: searchSeconds,
    registers,
  });
  const operations = new Histogram({
    name: 'erpfts_graphql_duration_seconds',
    help: 'Time of GraphQL operations, by the name the client gave them; beyond a hundred names, other.',
    labelNames: ['operation'],
    buckets: searchSeconds,
    registers,
  });
  const failed = new Counter({
    name: 'erpfts_graphql_failures_total',
    help: 'GraphQL operations that failed by our fault, by name.',
    labelNames: ['operation'],
    registers,
  });
  requests.onOperation(({ operation, tookMs, failed: isFailed }) => {
    operations.observe({ operation }, tookMs / 1000);
    if (isFailed) failed.inc({ operation });
  });
  const empty = new Counter({ name: 'erpfts_searches_empty_total', help: 'Searches that found nothing.', registers });
  meter.onSearch(({ tookMs, cached, empty: foundNothing }) => {
    searches.observe({ cached: String(cached) }, tookMs / 1000);
    if (foundNothing) empty.inc();
  });
  const documents = new Gauge({ name: 'erpfts_documents', help: 'Documents in the library.', registers });
  const chunks = new Gauge({ name: 'erpfts_chunks', help: 'Chunks that answer.', registers });
  const jobs = new Gauge({ name: 'erpfts_jobs', help: 'Jobs, by whether they wait or run.', labelNames: ['state'], registers });
  const embedding = new Gauge({ name: 'erpfts_embedding_queue', help: 'Passages waiting for their vectors.', registers });
  const cache = new Counter({
    name: 'erpfts_cache_requests_total',
    help: 'Look-ups in the cache, by kind and result.',
    labelNames: ['kind', 'result'],
    registers,
  });
  const gauge = (name: string, help: string, labelNames: string[] = []) => new Gauge({ name, help, labelNames, registers });
  const disk = gauge('erpfts_disk_free_bytes', 'Free space on the disk that holds DATA_DIR.');
  const diskUsed = gauge('erpfts_disk_used_ratio', 'Space in use on the disk that holds DATA_DIR, 0..1.');
  const hostCpu = gauge('erpfts_host_cpu_ratio', 'Processor time of the machine in use, 0..1 of all its cores.');
  const hostMemory = gauge('erpfts_host_memory_ratio', 'Memory of the machine in use, 0..1.');
  const memory = gauge('erpfts_process_memory_bytes', 'Resident memory of our processes, by what they are.', ['process']);
  const good = gauge(
    'erpfts_backup_last_good_timestamp_seconds',
    'When the newest good backup of documents was taken, seconds since 1970; 0 where there is none.',
  );
  const proven = gauge('erpfts_backup_last_proven_timestamp_seconds', 'When a restore was last proven, seconds since 1970; 0 where none was.');
  const refresh = async () => {
    const { goodAt, provenAt } = await backups();
    good.set((goodAt?.getTime() ?? 0) / 1000);
    proven.set((provenAt?.getTime() ?? 0) / 1000);
    const { library, queue, cache: figures, host, processes } = await metrics.current();
    const known = (one: Gauge, value: number | null | undefined) => {
      if (typeof value === 'number') one.set(value);
    };
    known(disk, host?.diskFreeBytes);
    known(diskUsed, host?.diskUsedShare);
    known(hostCpu, host?.hostCpuShare);
    known(hostMemory, host?.hostMemoryShare);
    memory.reset();
    for (const { name, memoryBytes } of processes) memory.inc({ process: name }, memoryBytes);
    documents.set(library.documents);
    chunks.set(library.chunks);
    jobs.set({ state: 'queued' }, queue.queued);
    jobs.set({ state: 'running' }, queue.running);
    embedding.set(queue.embedding);
    cache.reset();
    for (const { kind, hits, misses } of figures.kinds) {
      cache.inc({ kind, result: 'hit' }, hits);
      cache.inc({ kind, result: 'miss' }, misses);
    }
  };
  return { registry, refresh };
}

export interface PrometheusParts {
  metrics: MetricsService;
  searches: SearchMeter;
  requests: RequestMeter;
  backups: () => Promise<{ goodAt: Date | null; provenAt: Date | null }>;
  authorize: Authorize;
}

/** `GET /metrics` in Prometheus' text format, for the bearer of a key. */
export function prometheusRoute(app: Express, { authorize, ...parts }: PrometheusParts): void {
  const { registry, refresh } = createRegistry(parts);
  app.get(
    '/metrics',
    route(async (request, response) => {
      await authorize(request, 'GET /metrics');
      await refresh();
      response.type(registry.contentType).send(await registry.metrics());
    }),
  );
}
