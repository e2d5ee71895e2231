import { type Express } from 'express';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type ComponentHealth } from '../health/index.js';
import { type Authorize, type RequestMeter, type ResponseMeter, route } from '../platform/http/index.js';
import { type SearchMeter } from '../search/index.js';
import { type MetricsService } from './metrics.service.js';
import { type Sampler, type SamplerParts } from './sampler.js';
import { series } from './series.js';

const searchSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const stepSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

/** Figures for Prometheus, in base units. https://prometheus.io/docs/practices/naming/ */
function createRegistry({ metrics, sampler, searches: meter, requests, responses, backups, components, ingested }: Omit<PrometheusParts, 'authorize'>): {
  registry: Registry;
  refresh: () => Promise<void>;
} {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  // Gauges under names of counters, to which Prometheus objects; the same figures stand in `nodejs_active_handles` and its like by type.
  for (const kind of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${kind}_total`);
  const searches = new Histogram({
    name: 'erpfts_search_duration_seconds',
    help: 'Time of searches, by the mode in which they were answered and whether the answer was kept.',
    labelNames: ['cached', 'mode'],
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
    // Uploads are counted; by their own name no other operation's times change.
    operations.observe({ operation }, (tookMs ?? 0) / 1000);
    if (isFailed) failed.inc({ operation });
  });
  const answered = new Histogram({
    name: 'erpfts_http_request_duration_seconds',
    help: 'Time of answers over HTTP, by the first part of the path and the status.',
    labelNames: ['route', 'method', 'status'],
    buckets: searchSeconds,
    registers,
  });
  responses.onResponse(({ route: path, method, status, tookMs }) => answered.observe({ route: path, method, status }, tookMs / 1000));
  const steps = new Histogram({
    name: 'erpfts_search_step_duration_seconds',
    help: 'Time of the steps of searches, such as embed for the model and vectors for the nearest passages.',
    labelNames: ['step'],
    buckets: stepSeconds,
    registers,
  });
  const empty = new Counter({ name: 'erpfts_searches_empty_total', help: 'Searches that found nothing.', registers });
  meter.onSearch(({ tookMs, mode, cached, empty: foundNothing, steps: taken }) => {
    searches.observe({ cached: String(cached), mode: mode.toLowerCase() }, tookMs / 1000);
    if (foundNothing) empty.inc();
    for (const { step, ms } of taken) steps.observe({ step: step.toLowerCase() }, ms / 1000);
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
  const bySample = (
    [
      ['erpfts_open_sockets', 'openSockets'],
      ['erpfts_websockets', 'webSockets'],
      ['erpfts_database_bytes', 'databaseBytes'],
      ['erpfts_database_pending_writes', 'pendingWrites'],
    ] as const
  ).map(([name, of]) => ({ of, one: gauge(name, series[of].about) }));
  const totals = (
    [
      ['erpfts_disk_read_bytes_total', 'What our processes have read from disk.', 'diskRead'],
      ['erpfts_disk_written_bytes_total', 'What our processes have written to disk.', 'diskWrite'],
      ['erpfts_network_received_bytes_total', 'What the machine has received since the start, without loopback.', 'received'],
      ['erpfts_network_sent_bytes_total', 'What the machine has sent since the start, without loopback.', 'sent'],
    ] as const
  ).map(([name, help, of]) => ({ of, one: new Counter({ name, help, registers }) }));
  const processor = gauge('erpfts_process_cpu_ratio', 'Processor time of our processes over time, by what they are: 1 is one core busy.', ['process']);
  const latency = gauge('erpfts_component_latency_seconds', 'Time in which a part answered the last look at its health.', ['component']);
  const up = gauge('erpfts_component_up', 'Whether a part was well or degraded (1), or unhealthy (0), at the last look.', ['component']);
  const taken = new Counter({ name: 'erpfts_chunks_ingested_total', help: 'Passages taken in.', registers });
  const refused = new Counter({ name: 'erpfts_ingestions_failed_total', help: 'Documents that could not be taken in.', registers });
  const good = gauge(
    'erpfts_backup_last_good_timestamp_seconds',
    'When the newest good backup of documents was taken, seconds since 1970; 0 where there is none.',
  );
  const proven = gauge('erpfts_backup_last_proven_timestamp_seconds', 'When a restore was last proven, seconds since 1970; 0 where none was.');
  // What is unknown is not told: a gauge that was never set would be 0.
  const known = (one: Gauge, value: number | null | undefined) => {
    if (typeof value === 'number') one.set(value);
    else one.remove();
  };
  const refresh = async () => {
    // A folder or a database that cannot be read leaves the other figures.
    const ages = await backups().catch(() => null);
    known(good, ages && (ages.goodAt?.getTime() ?? 0) / 1000);
    known(proven, ages && (ages.provenAt?.getTime() ?? 0) / 1000);
    refreshSystem();
    const current = await metrics.current().catch(() => null);
    known(documents, current?.library.documents);
    known(chunks, current?.library.chunks);
    jobs.reset();
    if (current) {
      jobs.set({ state: 'queued' }, current.queue.queued);
      jobs.set({ state: 'running' }, current.queue.running);
    }
    known(embedding, current?.queue.embedding);
    cache.reset();
    for (const { kind, hits, misses } of current?.cache.kinds ?? []) {
      cache.inc({ kind, result: 'hit' }, hits);
      cache.inc({ kind, result: 'miss' }, misses);
    }
  };
  /** What needs nobody's answer. */
  const refreshSystem = () => {
    const { host, processes, sample } = sampler.system;
    known(disk, host?.diskFreeBytes);
    known(diskUsed, host?.diskUsedShare);
    known(hostCpu, host?.hostCpuShare);
    known(hostMemory, host?.hostMemoryShare);
    for (const { of, one } of bySample) known(one, sample?.[of]);
    for (const one of [memory, processor, latency, up]) one.reset();
    for (const { name, memoryBytes, cpuShare } of processes) {
      memory.inc({ process: name }, memoryBytes);
      processor.inc({ process: name }, cpuShare);
    }
    for (const { name, status, latencyMs } of components()) {
      latency.set({ component: name }, latencyMs / 1000);
      up.set({ component: name }, status === 'UNHEALTHY' ? 0 : 1);
    }
    const counted = ingested();
    const passed = sampler.totals();
    for (const [counter, total] of [[taken, counted.chunks], [refused, counted.failed], ...totals.map(({ of, one }) => [one, passed[of]] as const)] as const) {
      counter.reset();
      counter.inc(total);
    }
  };
  return { registry, refresh };
}

export interface PrometheusParts {
  metrics: MetricsService;
  searches: SearchMeter;
  sampler: Pick<Sampler, 'system' | 'totals'>;
  requests: RequestMeter;
  responses: ResponseMeter;
  components: () => Pick<ComponentHealth, 'name' | 'status' | 'latencyMs'>[];
  ingested: SamplerParts['ingested'];
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
