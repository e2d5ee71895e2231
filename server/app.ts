import { mkdirSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { migrations } from '../migrations/index.js';
import { addressFile } from './address-file.js';
import { admission } from './admission.js';
import { AccessResolver, AccessService, RateLimits, RateLimitsResolver, type RequestContext, signInRoute } from './access/index.js';
import { backupDirectory, BackupFolder, PendingRestore, SavedOriginals } from './backup/index.js';
import { type LoadedSettings, version } from './config/index.js';
import { ConfigurationResolver, SettingChanges } from './configuration/index.js';
import { originalRoute } from './documents/index.js';
import { ComponentHealthResolver, HealthResolver, healthRoutes, HealthService, type HealthTopics, storeChecks } from './health/index.js';
import { Embedders } from './indexing/index.js';
import { clearRevisionKind, ReaderPool } from './ingestion/index.js';
import { Journal, JournalResolver, SystemEventKind } from './journal/index.js';
import { JobsResolver, JobsService, type JobTopics } from './jobs/index.js';
import { Repairer, Verifier } from './integrity/index.js';
import { entities } from './entities.js';
import { buildLibrary } from './library.js';
import { buildOperations, type Surroundings } from './operations.js';
import { BlobStore } from './platform/blobs/index.js';
import { AnswerCache, cacheKinds, openCache } from './platform/cache/index.js';
import { systemClock } from './platform/clock.js';
import { messageOf } from './platform/errors.js';
import { Database, lockDataDirectory } from './platform/database/index.js';
import { HttpServer, RequestMeter } from './platform/http/index.js';
import { type Logger, Logging } from './platform/logging/index.js';
import { PubSub } from './platform/pubsub/index.js';
import { JobQueue, openTurns } from './platform/queue/index.js';
import { openTracing } from './platform/tracing/index.js';
import { ChromaIndex } from './platform/vector-index/index.js';
import { createSchema } from './schema.js';
import { Teardown } from './teardown.js';

/** Answers to each sample that a backup is proven by. */
const answersSaved = 10;
const longestWaitForPartsMs = 10_000;

export interface App {
  /** Address of the console and of GraphQL at /graphql. */
  url: string;
  /** One-time address that signs the first administrator in; null once somebody has signed in. */
  signInLink: string | null;
  /** Watches once: takes a sample, asks the parts how they are, looks for what is due. For a clock that somebody drives. */
  watch(): Promise<void>;
  stop(): Promise<void>;
  /** Where it writes what happens. */
  log: Logger;
}

/** The composition root: builds every part from the settings, hands them to each other and starts them. */
export async function startApp(loaded: LoadedSettings, logging: Logging, surroundings: Surroundings = {}): Promise<App> {
  const teardown = new Teardown();
  try {
    return await start(loaded, logging, teardown, surroundings);
  } catch (error) {
    await teardown.run(logging.root);
    const restore = teardown.restoring ? await giveWay(loaded, error) : null;
    if (!restore) throw error;
    // The log of the start that failed is closed: the one that follows tells of it.
    const next = new Logging(loaded.settings.LOG_LEVEL);
    const app = await startApp(loaded, next, surroundings);
    next.root.error({ err: error, backup: restore.plan.backupId }, 'the restored state could not be started; the one before is back');
    return app;
  }
}

/** A restored state that does not start gives way to the one before; what was thrown earlier than that is no fault of it. */
async function giveWay({ settings }: LoadedSettings, reason: unknown): Promise<PendingRestore | null> {
  // Who waits for the directory must not find it half put back.
  const unlock = await lockDataDirectory(resolve(settings.DATA_DIR));
  try {
    const restore = await PendingRestore.find(settings);
    await restore?.rollBack(reason);
    return restore;
  } finally {
    await unlock();
  }
}

async function start(
  loaded: LoadedSettings,
  logging: Logging,
  teardown: Teardown,
  { clock = systemClock, host, briefly = false, withoutJobs = false, restart }: Surroundings,
): Promise<App> {
  const { settings } = loaded;
  const log = logging.root;
  const dataDir = resolve(settings.DATA_DIR);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  teardown.add(await lockDataDirectory(dataDir));
  // Only who holds the directory writes to its files.
  logging.toFiles({ directory: join(dataDir, 'logs'), maxBytes: settings.LOG_FILE_MAX_BYTES, count: settings.LOG_FILE_COUNT });
  teardown.add(() => logging.close());
  if (settings.OTLP_TRACES_URL) teardown.add(await openTracing(settings.OTLP_TRACES_URL));
  const http = new HttpServer<RequestContext>(settings);
  await http.listen();
  teardown.add(() => http.close());
  // Before anything opens the data.
  let restore = await PendingRestore.find(settings);
  if (restore?.isReturning) {
    await restore.rollBack(null);
    restore = null;
  }
  teardown.restoring = restore !== null;
  if (restore) http.phase = 'restoring';
  await restore?.apply();
  const blobs = new BlobStore(dataDir);
  await blobs.open();
  // Half-received uploads belong to this data directory, where a start sweeps them away.
  process.env['TMPDIR'] = blobs.tmpDir;

  const embedders = new Embedders(settings, logging.feature('embedding'));
  const vectors = new ChromaIndex(settings, logging.feature('vector-store'));
  const readers = new ReaderPool(settings);
  const cache = new AnswerCache(openCache(settings, log), settings);
  teardown.add(() => cache.close());
  // ChromaDB and the model take longest to start: the database is opened meanwhile.
  teardown.add(() => vectors.stop());
  teardown.add(() => embedders.close());
  const vectorsStarted = vectors.start();
  vectorsStarted.catch(() => undefined);
  const database = await Database.open({ settings, entities, migrations, log }, { onMigrating: () => (http.phase = restore ? 'restoring' : 'migrating') });
  teardown.add(() => database.close());
  await restore?.settle(database);
  // Kept elsewhere, they know another state.
  if (restore)
    await cache
      .clear([...cacheKinds])
      .catch((error: unknown) => log.warn({ reason: messageOf(error) }, 'the cache still holds answers from before the restore; none is asked for'));

  const jobEvents = new PubSub<JobTopics>();
  const jobsLog = logging.feature('jobs');
  const turns = await openTurns(settings, database, jobsLog);
  teardown.add(() => turns.stop());
  const jobs = new JobQueue(database, turns, jobsLog, (job) => jobEvents.publish('jobChanged', job));
  const library = await buildLibrary({ settings, logging, database, blobs, cache, embedders, vectors, readers, jobs }, teardown);
  const { documents, store, removal, search, golden, index, fullText, knownVectors, searches } = library;
  const health = new HealthService(new PubSub<HealthTopics>(), settings.HEALTH_INTERVAL_MS, clock);
  const jobsService = new JobsService({
    database,
    queue: jobs,
    pubsub: jobEvents,
    internalKinds: [clearRevisionKind],
    silentMs: settings.JOB_STUCK_MINUTES * 60_000,
  });
  const stores = { database, blobs, index, fullText };
  const savedOriginals = new SavedOriginals(new BackupFolder(backupDirectory(settings)), settings);
  const requests = new RequestMeter();
  const limits = new RateLimits(settings, logging.feature('access'));
  const journal = new Journal(database);
  const operations = await buildOperations(
    {
      journal,
      ...{ ...stores, knownVectors, loaded, settings, store, removal, dataDir, logging, cache, vectors, readers, jobs, jobEvents, golden, health, requests },
      responses: http.responses,
      limits,
      indexRebuild: library.indexRebuild,
      fullTextRebuild: library.fullTextRebuild,
      verifier: new Verifier(stores),
      repairer: new Repairer({ ...stores, mirror: library.mirror, removal, store, savedOriginals: (hashes) => savedOriginals.find(hashes) }),
      searches,
      answers: (query) => search.rankedDocuments(query, answersSaved),
      restart: restart ?? null,
      library: () => documents.size(),
      webSockets: () => http.webSockets,
      clock,
      briefly,
      host,
    },
    teardown,
  );
  const settingChanges = new SettingChanges(database, loaded, journal);
  logging.onLevelChange(
    (before, after) =>
      void settingChanges.note('LOG_LEVEL', before, after).catch((error: unknown) => log.error({ err: error }, 'a change of the log level was not kept')),
  );
  const access = new AccessService(settings, database);
  await access.open();

  const checks = [...storeChecks(database, cache), ...library.checks, jobsService.healthCheck(), ...operations.checks];
  for (const check of checks) health.register(check);
  vectors.onAvailabilityChange(() => void health.check());

  const schema = createSchema(
    [
      ...library.resolvers(limits),
      new JobsResolver(jobsService),
      new JournalResolver(journal),
      new HealthResolver(health, {
        documents: async () => (await documents.size()).documents,
        alerts: () => operations.openAlerts(),
        lastProven: () => operations.lastProven(),
        timeZone: settings.TIME_ZONE,
      }),
      new ComponentHealthResolver(),
      new ConfigurationResolver(loaded, settingChanges, () => logging.level),
      new AccessResolver(access, () => http.url),
      new RateLimitsResolver(limits),
      ...operations.resolvers,
    ],
    (viewer, name) => operations.mode.admit(viewer, name),
  );

  const subscriptions: RequestContext['subscriptions'] = {
    jobProgress: (id) => jobsService.progress(id),
    ingestionProgress: (id) =>
      Promise.resolve(
        library.ingestionEvents.subscribe('ingestionProgress', {
          keyOf: (event) => event.documentId,
          filter: (event) => id === null || event.documentId === id,
        }),
      ),
    healthChanged: () => Promise.resolve(health.changes()),
    ...operations.subscriptions,
  };
  const { authorize, maySearch, ...admitted } = admission({ access, limits, mode: operations.mode, documents, subscriptions });

  // The first request should find everything there; a download from the hub or a slow disk is not waited for.
  await Promise.race([Promise.all([library.modelLoaded, vectorsStarted]), delay(longestWaitForPartsMs, undefined, { ref: false })]);
  await http.open({
    settings,
    schema,
    log: logging.feature('http'),
    meter: requests,
    repeated: cache.backend === 'memory' ? library.answers.behind(schema, maySearch) : null,
    ...admitted,
    routes: (app) => {
      const figures = async () => {
        const { search: rates, process: usage } = await operations.metrics.current();
        return { searchP50Ms: rates.p50Ms, memoryBytes: usage.memoryBytes, cpuShare: usage.cpuShare };
      };
      healthRoutes(app, { health, figures, authorize });
      operations.routes(app, authorize);
      originalRoute(app, { documents, blobs, authorize });
      signInRoute(app, access);
    },
  });
  // The settings of a single command are not those the server is run with.
  if (!briefly) {
    await journal.noteStart(version);
    teardown.add(() => journal.note(SystemEventKind.STOPPED));
    await settingChanges.record();
    await operations.open(checks.map(({ name }) => name));
  }
  if (clock === systemClock && !briefly) health.start();
  if (!withoutJobs) {
    await operations.lookForRoom();
    await jobs.start();
  }
  teardown.add(async () => {
    health.stop();
    await http.close();
    await jobs.stop();
    readers.close();
  });
  if (!withoutJobs) await operations.start();
  const background = new AbortController();
  teardown.add(() => library.stop());
  teardown.add(() => background.abort());
  // The settings of a single command are not those the index is to follow.
  if (!briefly) await library.followSettings();
  void library.settle(background.signal).catch((error: unknown) => {
    if (!background.signal.aborted) log.error({ err: error }, 'the look for what an interrupted run left behind failed');
  });

  await restore?.complete();
  await writeFile(addressFile(dataDir), JSON.stringify({ url: http.url, pid: process.pid }), { mode: 0o600 });
  teardown.add(() => rm(addressFile(dataDir), { force: true }));
  const signInLink = (await access.hasSessions()) ? null : `${http.url}/sign-in?token=${await access.createLinkToken('ADMINISTRATOR')}`;
  return { url: http.url, signInLink, watch: () => operations.watch(), stop: () => teardown.run(log), log };
}
