import { type Express } from 'express';
import { join } from 'node:path';
import { type RateLimits, type Subscriptions } from './access/index.js';
import { AlertsResolver, NotificationDeliveryResolver, thresholds } from './alerts/index.js';
import { BackupResolver, backupRoutes, ProofResolver } from './backup/index.js';
import { type LoadedSettings, type Settings } from './config/index.js';
import { type DocumentStore } from './documents/index.js';
import { type GoldenService } from './golden/index.js';
import { type HealthCheck, type HealthService } from './health/index.js';
import { type IndexRebuild, type KnowledgeIndex, type KnownVectors } from './indexing/index.js';
import { type FullTextRebuild, type ReaderPool, type Removal } from './ingestion/index.js';
import { DifferenceLists, differencesRoute, type Repairer, type Verifier } from './integrity/index.js';
import { type JobTopics } from './jobs/index.js';
import { type Journal } from './journal/index.js';
import { type LogCriteria, LogFiles, LogsResolver, logsRoute, LogsService } from './logs/index.js';
import { MaintenanceMode, MaintenanceModeResolver, MaintenanceResolver, type MaintenanceTopics } from './maintenance/index.js';
import { type HostReader, MetricsResolver, type MetricsService, prometheusRoute, RequestMetricsResolver } from './metrics/index.js';
import { buildKeeping } from './operations-keeping.js';
import { buildWatching } from './operations-watching.js';
import { type BlobStore } from './platform/blobs/index.js';
import { type AnswerCache } from './platform/cache/index.js';
import { type Clock } from './platform/clock.js';
import { type Database } from './platform/database/index.js';
import { type FullTextIndex } from './platform/full-text/index.js';
import { type Authorize, type RequestMeter, type ResponseMeter } from './platform/http/index.js';
import { type Logging } from './platform/logging/index.js';
import { PubSub } from './platform/pubsub/index.js';
import { type JobQueue } from './platform/queue/index.js';
import { type ChromaIndex } from './platform/vector-index/index.js';
import { reportRoute, ReportsResolver } from './reports/index.js';
import { SchedulesResolver } from './schedules/index.js';
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
  journal: Journal;
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
  limits: RateLimits;
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
  /** Whether there is room for what is taken in; before the first job is begun. */
  lookForRoom: () => Promise<void>;
  /** Does once what watching does every few seconds. */
  watch: () => Promise<void>;
}

/** Builds what watches and maintains the product. */
export async function buildOperations(parts: OperationsParts, teardown: Teardown): Promise<Operations> {
  const { settings, dataDir, logging, database, cache, health } = parts;
  const logFiles = new LogFiles(join(dataDir, 'logs'));
  const logs = new LogsService(logging, logFiles);
  const differences = new DifferenceLists(join(dataDir, 'differences'));
  const mode = new MaintenanceMode(database, new PubSub<MaintenanceTopics>(), parts.journal, logging.feature('maintenance'));
  await mode.open();
  const watching = await buildWatching(parts, teardown);
  const { metrics, sampler, alerts, notifier, guard, history } = watching;
  const { maintenance, reports, schedules, backupFolder, backups, backupJobs, overview } = await buildKeeping(
    parts,
    watching,
    { logs, logFiles, differences },
    teardown,
  );

  return {
    resolvers: [
      new MaintenanceResolver(maintenance),
      new MaintenanceModeResolver(mode),
      new SchedulesResolver(schedules),
      new ReportsResolver(reports),
      new BackupResolver(backups, overview, backupJobs),
      new ProofResolver(),
      new MetricsResolver(metrics, history, cache, settings.METRICS_RETENTION_DAYS),
      new RequestMetricsResolver(parts.requests),
      new AlertsResolver(alerts, notifier),
      new NotificationDeliveryResolver(),
      new LogsResolver(logs),
    ],
    mode,
    openAlerts: () => alerts.openAlerts().length,
    lastProven: async () => (await backups.ages()).provenAt,
    metrics,
    checks: [guard.healthCheck(), backups.healthCheck(), ...(notifier.channels.length > 0 ? [notifier.healthCheck()] : [])],
    subscriptions: {
      liveMetrics: (intervalMs) => metrics.live(intervalMs),
      alertChanged: () => Promise.resolve(watching.alertEvents.subscribe('alertChanged', { keyOf: ({ id }) => id, initial: alerts.openAlerts() })),
      logTail: (filter) => Promise.resolve(logs.tail(filter as LogCriteria)),
      maintenanceModeChanged: () => Promise.resolve(mode.changes()),
    },
    routes: (app, authorize) => {
      prometheusRoute(app, {
        ...{ metrics, sampler, searches: parts.searches, requests: parts.requests, responses: parts.responses },
        backups: () => backups.ages(),
        components: () => health.last?.components ?? [],
        ingested: watching.ingested,
        authorize,
      });
      logsRoute(app, { files: logFiles, authorize });
      differencesRoute(app, { lists: differences, authorize });
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
        return rule === 'backup_copy' ? settings.BACKUP_S3_URL !== '' : ofEvents.test(rule) || thresholdRules.includes(rule);
      });
      await notifier.resume();
    },
    lookForRoom: () => watching.lookForRoom(),
    start: async () => {
      watching.start();
      if (parts.briefly) return;
      await schedules.start();
      teardown.add(() => schedules.stop());
    },
  };
}
