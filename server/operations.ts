import { type Express } from 'express';
import { join } from 'node:path';
import { type Subscriptions } from './access/index.js';
import { AlertsResolver, AlertsService, type AlertTopics, backupFinding, findingsOf, Notifier, Outbox, thresholds } from './alerts/index.js';
import {
  BackupFolder,
  backupDirectory,
  BackupCopies,
  BackupJobs,
  BackupOverview,
  BackupResolver,
  backupRoutes,
  BackupsService,
  Importer,
  backgroundPids,
} from './backup/index.js';
import { type LoadedSettings, type Settings, version } from './config/index.js';
import { type DocumentStore, ingestKind } from './documents/index.js';
import { type GoldenService } from './golden/index.js';
import { type HealthCheck, type HealthService } from './health/index.js';
import { type IndexRebuild, type KnowledgeIndex, type KnownVectors } from './indexing/index.js';
import { type FullTextRebuild, type ReaderPool, type Removal } from './ingestion/index.js';
import { type Repairer, type Verifier } from './integrity/index.js';
import { type JobTopics } from './jobs/index.js';
import { type LogCriteria, LogFiles, LogsResolver, logsRoute, LogsService } from './logs/index.js';
import {
  MaintenanceMode,
  MaintenanceModeResolver,
  MaintenanceResolver,
  MaintenanceService,
  type MaintenanceTopics,
  ResourceGuard,
} from './maintenance/index.js';
import {
  countIngested,
  HostReader,
  type Metrics,
  MetricsHistory,
  MetricsResolver,
  MetricsService,
  type NamedProcess,
  prometheusRoute,
  Sampler,
} from './metrics/index.js';
import { type BlobStore } from './platform/blobs/index.js';
import { type AnswerCache } from './platform/cache/index.js';
import { type Clock, systemClock } from './platform/clock.js';
import { type Database } from './platform/database/index.js';
import { type FullTextIndex } from './platform/full-text/index.js';
import { type Authorize, type RequestMeter, type ResponseMeter } from './platform/http/index.js';
import { type Logging } from './platform/logging/index.js';
import { PubSub } from './platform/pubsub/index.js';
import { type JobQueue } from './platform/queue/index.js';
import { type ChromaIndex } from './platform/vector-index/index.js';
import { reportRoute, ReportsResolver, ReportsService, sizesOf } from './reports/index.js';
import { bundles, scheduleKind, SchedulesResolver, SchedulesService } from './schedules/index.js';
import { type SearchMeter } from './search/index.js';
import { type Teardown } from './teardown.js';

export interface OperationsParts {
  loaded: LoadedSettings;
  settings: Settings;
  dataDir: string;
  logging: Logging;
  database: Database;
  blobs: BlobStore;
  cache: AnswerCache;
  vectors: ChromaIndex;
  readers: ReaderPool;
  jobs: JobQueue;
  jobEvents: PubSub<JobTopics>;
  index: KnowledgeIndex;
  knownVectors: KnownVectors;
  indexRebuild: IndexRebuild;
  fullText: FullTextIndex;
  fullTextRebuild: FullTextRebuild;
  verifier: Verifier;
  repairer: Repairer;
  golden: GoldenService;
  store: DocumentStore;
  removal: Removal;
  /** Documents that a search answers with, best first. */
  answers: (query: string) => Promise<string[]>;
  /** Starts the server anew; null where nothing would. */
  restart: (() => void) | null;
  health: HealthService;
  searches: SearchMeter;
  requests: RequestMeter;
  responses: ResponseMeter;
  library: () => Promise<{ documents: number; chunks: number }>;
  webSockets: () => number;
  clock: Clock;
  /** Serves one command, and tells nobody of anything. */
  briefly: boolean;
  /** Reads another machine than this one. */
  host?: Pick<HostReader, 'read' | 'processes'>;
}

/** What a rehearsal replaces. */
export interface Surroundings extends Partial<Pick<OperationsParts, 'clock' | 'host'>> {
  /** Serves one command: nothing is watched, scheduled or told to anybody meanwhile. */
  briefly?: boolean;
  /** Goes on with nothing that was under way: the data is only looked at. */
  withoutJobs?: boolean;
  /** Starts the server anew, when this call has returned. */
  restart?: () => void;
}

export interface Operations {
  resolvers: object[];
  mode: MaintenanceMode;
  /** How many alerts are open. */
  openAlerts: () => number;
  /** When a restore was last proven; null where none was. */
  lastProven: () => Promise<Date | null>;
  metrics: MetricsService;
  checks: HealthCheck[];
  subscriptions: Pick<Subscriptions, 'liveMetrics' | 'alertChanged' | 'logTail' | 'maintenanceModeChanged'>;
  routes: (app: Express, authorize: Authorize) => void;
  /** Goes on with what people were still to be told; before anything new is found. */
  open: (healthNames: string[]) => Promise<void>;
  /** Begins to watch; everything else serves by now. A server for one command looks only whether there is room for what it takes in. */
  start: () => Promise<void>;
  /** Does once what watching does every few seconds. */
  watch: () => Promise<void>;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Builds what watches and maintains the product. */
export async function buildOperations(parts: OperationsParts, teardown: Teardown): Promise<Operations> {
  const { settings, dataDir, logging, database, cache, jobs, index, golden, health, clock } = parts;
  const logFiles = new LogFiles(join(dataDir, 'logs'));
  const logs = new LogsService(logging, logFiles);
  const mode = new MaintenanceMode(database, new PubSub<MaintenanceTopics>());
  await mode.open();

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
      latencies: () => ({ database: health.latencyOf('database'), vectorStore: health.latencyOf('vector_db') }),
      clock,
      log: logging.feature('metrics'),
    },
    settings.METRICS_INTERVAL_SECONDS * 1000,
  );

  const alertEvents = new PubSub<AlertTopics>();
  const alertLog = logging.feature('alerts');
  const notifier = new Notifier(settings, new Outbox(database), alertLog, parts.briefly);
  const alerts = new AlertsService({
    database,
    pubsub: alertEvents,
    notifier,
    thresholds: thresholds(settings),
    holdMs: settings.ALERT_HOLD_SECONDS * 1000,
    retentionMs: settings.ALERT_RETENTION_DAYS * dayMs,
    clock,
    log: alertLog,
  });
  await alerts.open();
  teardown.add(() => notifier.stop());
  teardown.add(() => alerts.settled());
  const guard = new ResourceGuard({
    minFreeBytes: settings.DISK_MIN_FREE_BYTES,
    memoryBudgetBytes: settings.MEMORY_BUDGET_MB * 1024 ** 2,
    highMemoryShare: settings.ALERT_MEMORY_WARNING,
    hold: (held) => jobs.hold(ingestKind, held),
    log: logging.feature('ingestion'),
  });
  const lookForRoom = async () => {
    const [{ diskFreeBytes, hostMemoryShare }, processes] = await Promise.all([host.read(), host.processes()]);
    const allMemoryBytes = processes.length > 0 ? processes.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0) : null;
    guard.observe({ diskFreeBytes, hostMemoryShare, allMemoryBytes, jobsRunning: null, searchesPerSecond: null });
  };
  sampler.onSample(({ values }) => guard.observe(values));
  sampler.onSample((sample) => alerts.observeSample(sample));
  health.onRound((found) => void alerts.observeHealth(found));

  const maintenance: MaintenanceService = new MaintenanceService(
    jobs,
    {
      ...parts,
      logFiles,
      rotateLogs: () => logging.rotate(),
      processes: () => host.processes(),
      temporaryFileMs: settings.TEMPORARY_FILE_HOURS * hourMs,
      logKeepMs: settings.LOG_KEEP_DAYS * dayMs,
    },
    () => schedules.stepRuns(),
  );
  maintenance.onOutcome((outcome) => {
    for (const finding of findingsOf(outcome)) void alerts.observe(finding);
  });
  parts.jobEvents.on('jobChanged', ({ kind, status, payload, error }) => {
    if (kind !== scheduleKind || (status !== 'FAILED' && status !== 'SUCCEEDED')) return;
    const level = status === 'FAILED' ? 'WARNING' : 'NORMAL';
    const rule = `schedule:${String(payload['schedule'])}`;
    void alerts.observe({ rule, level, message: `A scheduled run failed: ${error ?? ''}`, remedy: 'Look at its job, mend the cause and run it again.' });
  });

  const reports = new ReportsService({
    database,
    history: (from, to, step) => history.read(from, to, step),
    logEntries: () => logs.entries(),
    cacheStatistics: () => cache.statistics(),
    sizes: () => sizesOf(dataDir, database),
    updateUrl: settings.UPDATE_CHECK_URL,
    version,
    clock,
    alertsRaised: (from, to) => alerts.raisedBetween(from, to),
  });
  const backupFolder = new BackupFolder(backupDirectory(settings));
  // The client takes a while to load: only where it is used.
  const storage = settings.BACKUP_S3_URL ? new (await import('./platform/object-storage/index.js')).ObjectStorage(settings) : null;
  if (storage) teardown.add(() => storage.close());
  const backups = new BackupsService({ settings, database, folder: backupFolder, storage, clock, log: logging.feature('backup') });
  await backups.open();
  const backupJobs = new BackupJobs({
    ...{ loaded: parts.loaded, database, jobs, backups, folder: backupFolder, clock },
    copies: new BackupCopies({ settings, folder: backupFolder, storage, clock, log: logging.feature('backup') }),
    importer: new Importer({ settings, folder: backupFolder, blobs: parts.blobs, store: parts.store, golden, knownVectors: parts.knownVectors }),
    answers: parts.answers,
    keepOriginals: () => {
      const release = parts.blobs.hold();
      return () => {
        release();
        parts.removal.sweepOriginals().catch((error: unknown) => logging.root.error({ err: error }, 'originals without a document could not be removed'));
      };
    },
    restart: parts.restart,
  });
  backupJobs.onFinding((finding) => void alerts.observe(backupFinding(finding)));

  const forgetOld = async () => ({
    jobs: await jobs.forgetEnded(new Date(clock.now().getTime() - settings.JOB_RETENTION_DAYS * dayMs)),
    alerts: await alerts.forgetOld(),
  });
  const schedules: SchedulesService = new SchedulesService({
    database,
    jobs,
    schedules: bundles(settings, { backups: backupJobs, maintenance, reports, golden, cache, forgetOld }),
    timeZone: settings.TIME_ZONE,
    clock,
    log: logging.feature('schedules'),
  });

  const overview = new BackupOverview({
    ...{ settings, database, folder: backupFolder, backups, store: parts.store, clock },
    runs: (kind, until) => schedules.runs(`BACKUP_${kind}`, until),
  });

  return {
    resolvers: [
      new MaintenanceResolver(maintenance),
      new MaintenanceModeResolver(mode),
      new SchedulesResolver(schedules),
      new ReportsResolver(reports),
      new BackupResolver(backups, overview, backupJobs),
      new MetricsResolver(metrics, history, cache, settings.METRICS_RETENTION_DAYS),
      new AlertsResolver(alerts, notifier),
      new LogsResolver(logs),
    ],
    mode,
    openAlerts: () => alerts.openAlerts().length,
    lastProven: async () => (await backups.ages()).provenAt,
    metrics,
    checks: [guard.healthCheck(), backups.healthCheck(), ...(notifier.channels.length > 0 ? [notifier.healthCheck()] : [])],
    subscriptions: {
      liveMetrics: (intervalMs) => metrics.live(intervalMs),
      alertChanged: () => Promise.resolve(alertEvents.subscribe('alertChanged', { keyOf: ({ id }) => id, initial: alerts.openAlerts() })),
      logTail: (filter) => Promise.resolve(logs.tail(filter as LogCriteria)),
      maintenanceModeChanged: () => Promise.resolve(mode.changes()),
    },
    routes: (app, authorize) => {
      prometheusRoute(app, {
        ...{ metrics, sampler, searches: parts.searches, requests: parts.requests, responses: parts.responses },
        backups: () => backups.ages(),
        components: () => health.last?.components ?? [],
        ingested,
        authorize,
      });
      logsRoute(app, { files: logFiles, authorize });
      reportRoute(app, { reports, authorize });
      backupRoutes(app, { folder: backupFolder, settings, exclusively: (work) => backupJobs.exclusively(work), authorize });
    },
    watch: async () => {
      await sampler.sample();
      await health.check();
      await schedules.look();
    },
    open: async (healthNames) => {
      const thresholdRules = thresholds(settings).map(({ rule }) => rule);
      const ofEvents = /^(task|schedule|backup):|^data$/;
      await alerts.retire((rule) => {
        if (rule.startsWith('health:')) return healthNames.includes(rule.slice('health:'.length));
        return rule === 'backup_copy' ? storage !== null : ofEvents.test(rule) || thresholdRules.includes(rule);
      });
      await notifier.resume();
    },
    start: async () => {
      if (parts.briefly) {
        await lookForRoom();
        const timer = setInterval(() => void lookForRoom(), settings.METRICS_INTERVAL_SECONDS * 1000).unref();
        teardown.add(() => clearInterval(timer));
        return;
      }
      metrics.start();
      if (settings.PERFORMANCE_MONITORING && clock === systemClock) {
        sampler.start();
        teardown.add(() => sampler.stop());
      }
      await schedules.start();
      teardown.add(() => {
        schedules.stop();
        metrics.stop();
      });
    },
  };
}
