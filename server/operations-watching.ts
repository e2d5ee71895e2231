import { AlertsService, type AlertTopics, Notifier, Outbox, thresholds } from './alerts/index.js';
import { backgroundPids } from './backup/index.js';
import { ingestKind } from './documents/index.js';
import { ResourceGuard } from './maintenance/index.js';
import { countIngested, HostReader, type Metrics, MetricsHistory, MetricsService, type NamedProcess, Sampler } from './metrics/index.js';
import { systemClock } from './platform/clock.js';
import { PubSub } from './platform/pubsub/index.js';
import { type OperationsParts } from './operations.js';
import { type Teardown } from './teardown.js';

const dayMs = 86_400_000;

export interface Watching {
  host: Pick<HostReader, 'read' | 'processes'>;
  history: MetricsHistory;
  ingested: ReturnType<typeof countIngested>;
  metrics: MetricsService;
  sampler: Sampler;
  alerts: AlertsService;
  alertEvents: PubSub<AlertTopics>;
  notifier: Notifier;
  guard: ResourceGuard;
  /** Begins to measure. A server for one command looks only whether there is room for what it takes in. */
  start: () => void;
  lookForRoom: () => Promise<void>;
}

/** Builds what measures the system, judges it and tells people: metrics, alerts, and the guard of disk and memory. */
export async function buildWatching(parts: OperationsParts, teardown: Teardown): Promise<Watching> {
  const { settings, dataDir, logging, database, cache, jobs, index, health, clock } = parts;
  const ours = (): NamedProcess[] => [
    { name: 'server', pid: process.pid },
    ...(parts.vectors.serverPid === null ? [] : [{ name: 'chromadb', pid: parts.vectors.serverPid }]),
    ...parts.readers.pids.map((pid) => ({ name: 'reader', pid })),
    ...backgroundPids().map((pid) => ({ name: 'backup', pid, withChildren: true })),
  ];
  const host = parts.host ?? new HostReader(dataDir, ours);
  const history = new MetricsHistory(database, { rawSeconds: settings.METRICS_INTERVAL_SECONDS, retentionDays: settings.METRICS_RETENTION_DAYS });
  const ingested = countIngested(parts.jobEvents);
  const metrics: MetricsService = new MetricsService(
    {
      library: parts.library,
      queue: () => jobs.depth(),
      embedding: () => index.embedder?.pending ?? 0,
      search: () => parts.searches.rates(),
      requests: () => parts.requests.rates(),
      responses: () => parts.responses.rates(),
      cache: () => ({ backend: cache.backend, kinds: cache.statistics() }),
      system: () => sampler.system,
    },
    settings.PERFORMANCE_MONITORING,
  );
  const sampler: Sampler = new Sampler(
    {
      host,
      history,
      current: (): Promise<Metrics> => metrics.current(),
      ingested,
      databaseBytes: () => database.sizeBytes(),
      pendingWrites: () => database.pendingWrites,
      webSockets: parts.webSockets,
      responses: () => parts.responses.rates(),
      limits: () => parts.limits.load(),
      latencies: () => ({ database: health.latencyOf('database'), vectorStore: health.latencyOf('vector_db') }),
      clock,
      log: logging.feature('metrics'),
    },
    settings.METRICS_INTERVAL_SECONDS * 1000,
  );

  const alertEvents = new PubSub<AlertTopics>();
  const log = logging.feature('alerts');
  const notifier = new Notifier(settings, new Outbox(database), log, parts.briefly);
  const alerts = new AlertsService({
    database,
    pubsub: alertEvents,
    notifier,
    thresholds: thresholds(settings),
    holdMs: settings.ALERT_HOLD_SECONDS * 1000,
    retentionMs: settings.ALERT_RETENTION_DAYS * dayMs,
    clock,
    log,
  });
  await alerts.open();
  teardown.add(() => notifier.stop());
  teardown.add(() => alerts.settled());
  let seenAtLook: Awaited<ReturnType<HostReader['processes']>> = [];
  const guard = new ResourceGuard({
    minFreeBytes: settings.DISK_MIN_FREE_BYTES,
    memoryBudgetBytes: settings.MEMORY_BUDGET_MB * 1024 ** 2,
    highMemoryShare: settings.ALERT_MEMORY_WARNING,
    hold: (held) => jobs.hold(ingestKind, held),
    doing: () => ({
      jobs: jobs.runningKinds(),
      searches: parts.searches.rates(),
      requests: parts.requests.rates(),
      processes: (sampler.system.processes.length > 0 ? sampler.system.processes : seenAtLook).map(({ name, memoryBytes }) => ({ name, memoryBytes })),
    }),
    log: logging.feature('ingestion'),
  });
  sampler.onSample(({ values }) => guard.observe(values));
  sampler.onSample((sample) => alerts.observeSample(sample));
  // A look for one command's sake is no watch: whether something lasts is for the server to see.
  if (!parts.briefly) health.onRound((found) => void alerts.observeHealth(found));

  async function lookForRoom(): Promise<void> {
    const [{ diskFreeBytes, hostMemoryShare }, processes] = await Promise.all([host.read(), host.processes()]);
    seenAtLook = processes;
    const allMemoryBytes = processes.length > 0 ? processes.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0) : null;
    guard.observe({ diskFreeBytes, hostMemoryShare, allMemoryBytes });
  }

  function start(): void {
    // Nothing else looks where nothing is sampled.
    if (parts.briefly || !settings.PERFORMANCE_MONITORING) {
      const timer = setInterval(() => {
        lookForRoom().catch((error: unknown) => log.warn({ err: error }, 'the look for room on disk and in memory failed'));
      }, settings.METRICS_INTERVAL_SECONDS * 1000).unref();
      teardown.add(() => clearInterval(timer));
    }
    if (parts.briefly) return;
    metrics.start();
    if (settings.PERFORMANCE_MONITORING && clock === systemClock) {
      sampler.start();
      teardown.add(() => sampler.stop());
    }
    teardown.add(() => metrics.stop());
  }

  return { host, history, ingested, metrics, sampler, alerts, alertEvents, notifier, guard, start, lookForRoom };
}
