import { getHeapSpaceStatistics, writeHeapSnapshot } from 'node:v8';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { type IndexRebuild, type KnowledgeIndex, type KnownVectors } from '../indexing/index.js';
import { type FullTextRebuild } from '../ingestion/index.js';
import { type Damage, type DifferenceLists, type Repairer, type Verifier } from '../integrity/index.js';
import { type LogFiles } from '../logs/index.js';
import { type BlobStore } from '../platform/blobs/index.js';
import { type AnswerCache, type CacheKind, cacheKinds } from '../platform/cache/index.js';
import { type Database } from '../platform/database/index.js';
import { type FullTextIndex } from '../platform/full-text/index.js';
import { type JobContext, JobFailed } from '../platform/queue/index.js';

export enum MaintenanceTask {
  ANALYZE = 'ANALYZE',
  VACUUM = 'VACUUM',
  INTEGRITY_CHECK = 'INTEGRITY_CHECK',
  REBUILD_FULLTEXT = 'REBUILD_FULLTEXT',
  OPTIMIZE_FULLTEXT = 'OPTIMIZE_FULLTEXT',
  REBUILD_INDEX = 'REBUILD_INDEX',
  OPTIMIZE_INDEX = 'OPTIMIZE_INDEX',
  RESET_VECTOR_STORE = 'RESET_VECTOR_STORE',
  VERIFY_DATA = 'VERIFY_DATA',
  REPAIR_DATA = 'REPAIR_DATA',
  CLEAR_CACHE = 'CLEAR_CACHE',
  CLEAN_TEMP = 'CLEAN_TEMP',
  ROTATE_LOGS = 'ROTATE_LOGS',
  RELOAD_MODEL = 'RELOAD_MODEL',
  MEMORY_REPORT = 'MEMORY_REPORT',
  REFRESH_STATISTICS = 'REFRESH_STATISTICS',
}

export interface TaskParts {
  database: Database;
  fullText: FullTextIndex;
  fullTextRebuild: FullTextRebuild;
  index: KnowledgeIndex;
  knownVectors: KnownVectors;
  indexRebuild: IndexRebuild;
  blobs: BlobStore;
  cache: AnswerCache;
  logFiles: LogFiles;
  /** Puts the log file that is written aside. @returns whether there was anything to put aside */
  rotateLogs: () => Promise<boolean>;
  verifier: Verifier;
  repairer: Repairer;
  /** Keeps what a result does not list. */
  differences: DifferenceLists;
  /** Our processes with what each takes. */
  processes: () => Promise<{ name: string; pid: number; memoryBytes: number }[]>;
  /** Age from which a temporary file is removed, milliseconds. */
  temporaryFileMs: number;
  /** The same for a log file that was put aside. */
  logKeepMs: number;
}

export type TaskContext = Pick<JobContext, 'job' | 'signal' | 'report'>;

interface Task {
  about: string;
  /** What the task can be told. */
  options: z.ZodType<Record<string, unknown>>;
  run: (parts: TaskParts, context: TaskContext, options: Record<string, unknown>) => Promise<Record<string, unknown>>;
}

/** Tells TypeScript what `run` may read of the options that `schema` admits. */
function task<Options extends Record<string, unknown>>(
  about: string,
  schema: z.ZodType<Options>,
  run: (parts: TaskParts, context: TaskContext, options: Options) => Promise<Record<string, unknown>>,
): Task {
  return { about, options: schema, run: run as Task['run'] };
}

const none = z.strictObject({});
const kindNames = cacheKinds.map((kind) => kind.toUpperCase());

/** What each task does. All may run while the product serves; only VACUUM makes writers wait. */
export const tasks: Readonly<Record<MaintenanceTask, Task>> = {
  ANALYZE: task('Brings the figures up to date by which the database chooses how to answer a query (manual: daily).', none, async ({ database }) => {
    await database.maintain('ANALYZE');
    return {};
  }),
  VACUUM: task('Gives the space of deleted rows back to the disk. Documents wait to be taken in meanwhile (manual: weekly).', none, async ({ database }) => {
    const bytesBefore = await database.sizeBytes();
    await database.maintain('VACUUM');
    if (database.dialect === 'sqlite') await database.maintain('PRAGMA wal_checkpoint(TRUNCATE)');
    const bytesAfter = await database.sizeBytes();
    return { bytesBefore, bytesAfter, gainedBytes: bytesBefore - bytesAfter };
  }),
  INTEGRITY_CHECK: task('Reads every page of the database and fails where one is damaged.', none, async ({ database }) => {
    const problems = await database.integrityProblems();
    if (problems.length > 0)
      throw new JobFailed({
        en: `The database is damaged: ${problems.slice(0, 3).join('; ')}. Restore it from a backup.`,
        ja: `データベースが壊れています: ${problems.slice(0, 3).join('; ')}。バックアップから復元してください。`,
      });
    return { problems: 0 };
  }),
  REBUILD_FULLTEXT: task(
    'Makes the full-text index anew from the passages, which stay findable meanwhile.',
    none,
    async ({ fullTextRebuild, index }, context) => {
      const done = await fullTextRebuild.run(context);
      index.mended();
      return { ...done };
    },
  ),
  OPTIMIZE_FULLTEXT: task('Merges the parts that the full-text index has grown in, so that queries read fewer.', none, async ({ fullText }) => {
    await fullText.optimize();
    return {};
  }),
  REBUILD_INDEX: task(
    'Makes the vector index anew, beside the one that answers, and exchanges them in one moment. Option source: STORED takes the vectors of the database, REEMBED makes them again.',
    z.strictObject({ source: z.enum(['STORED', 'REEMBED']).default('STORED') }),
    async ({ indexRebuild }, context, { source }) => ({
      source,
      ...(await (source === 'STORED' ? indexRebuild.fromStored(context) : indexRebuild.byEmbedding(context))),
    }),
  ),
  OPTIMIZE_INDEX: task(
    'Brings the vector index in line with the database, clears away indexes that are kept no longer, and reads the vectors into memory anew (manual: weekly).',
    none,
    async ({ indexRebuild }, context) => ({ ...(await indexRebuild.optimize(context)) }),
  ),
  RESET_VECTOR_STORE: task(
    'Drops all vectors in ChromaDB and puts them back from the database. Until then searches may answer by words only: REBUILD_INDEX has no such gap.',
    none,
    async ({ indexRebuild }, context) => ({ ...(await indexRebuild.reset(context)) }),
  ),
  VERIFY_DATA: task(
    'Compares originals, texts, passages, full text, vectors and ChromaDB with each other and names every difference (manual: weekly).',
    none,
    async ({ verifier, differences }, context) => findings(differences, context.job.id, await verify(verifier, context)),
  ),
  REPAIR_DATA: task(
    'The same, and mends what can be mended: documents are read again, orphans removed, lost originals taken out of the backups, ChromaDB is filled from the database. Option dryRun: only says which of them would be mended.',
    z.strictObject({ dryRun: z.boolean().default(false) }),
    async ({ verifier, repairer, differences }, context, { dryRun }) => {
      const damages = await verify(verifier, context);
      context.report({ stage: 'REPAIR', progress: 0.99, message: { en: `${damages.length} differences`, ja: `相違 ${damages.length} 件` } });
      const mended = await (dryRun ? repairer.mendable(damages) : repairer.repair(damages, context.signal));
      const found = await findings(differences, context.job.id, damages, new Set(mended));
      return { dryRun, ...found, mended: mended.length, left: damages.length - mended.length };
    },
  ),
  CLEAR_CACHE: task(
    'Forgets kept answers. Option kinds: some of SEARCH, EMBEDDING, METADATA; all without it.',
    z.strictObject({ kinds: z.array(z.enum(kindNames)).optional() }),
    async ({ cache }, _context, { kinds }) => {
      const chosen = kinds?.map((kind) => kind.toLowerCase() as CacheKind) ?? [...cacheKinds];
      await cache.clear(chosen);
      return { kinds: chosen.map((kind) => kind.toUpperCase()) };
    },
  ),
  CLEAN_TEMP: task(
    'Removes what uploads that were cut off have left behind, and vectors that came with imported libraries, once it is older than TEMPORARY_FILE_HOURS (manual: daily).',
    none,
    async ({ blobs, knownVectors, temporaryFileMs }) => ({
      ...(await blobs.removeTemporary(temporaryFileMs)),
      vectors: await knownVectors.forget(temporaryFileMs),
    }),
  ),
  ROTATE_LOGS: task(
    'Removes log files that were put aside longer than LOG_KEEP_DAYS ago (manual: daily). Option now: first puts the file that is written aside, however small it is.',
    z.strictObject({ now: z.boolean().default(false) }),
    async ({ logFiles, rotateLogs, logKeepMs }, _context, { now }) => ({
      rotated: now && (await rotateLogs()),
      ...(await logFiles.removeOld(logKeepMs)),
    }),
  ),
  RELOAD_MODEL: task(
    'Loads the embedding model anew; the one in use answers until the new one does. Option download: its files come from the hub again first, in the place of those that are there.',
    z.strictObject({ download: z.boolean().default(false) }),
    async ({ index }, { signal, report }, { download }) => {
      const onProgress = (share: number) => report({ stage: 'DOWNLOADING', progress: share * 0.9 });
      // Not while another model takes over: the one that is loaded would answer beside the other's vectors.
      await index.exclusively(() => index.reloadEmbedder(download ? { signal, onProgress } : null), signal);
      return { model: index.active.model, downloaded: download };
    },
  ),
  MEMORY_REPORT: task(
    'Tells what takes memory. Option heapSnapshot: also writes a snapshot of the heap into DATA_DIR/tmp, for the developer tools of a browser; the server stands still meanwhile, and the file holds texts of documents.',
    z.strictObject({ heapSnapshot: z.boolean().default(false) }),
    async ({ blobs, processes }, { job }, { heapSnapshot }) => ({
      process: { ...process.memoryUsage() },
      processes: await processes(),
      heapSpaces: getHeapSpaceStatistics().map(({ space_name: name, space_used_size: usedBytes }) => ({ name, usedBytes })),
      ...(heapSnapshot ? { snapshot: basename(writeHeapSnapshot(join(blobs.tmpDir, `heap-${job.id}.heapsnapshot`))) } : {}),
    }),
  ),
  REFRESH_STATISTICS: task(
    'Counts anew in how many passages each word stands, by which answers are ranked, and forgets kept figures about the library.',
    none,
    async ({ fullText, cache }) => {
      await fullText.recount();
      // They die in time where the cache does not answer.
      await cache.clear(['metadata']).catch(() => undefined);
      return {};
    },
  ),
};

/** Differences that a job's result lists one by one; all stand in a list of their own where there are more. */
const mostListed = 200;

const verify = (verifier: Verifier, { signal, report }: TaskContext) =>
  verifier.verify(signal, (stores, progress) => report({ stage: 'VERIFY', progress, message: stores }));

/** @param mended those that are, or would be, mended; where nothing is to be, null. Those that stay are listed first. */
async function findings(lists: DifferenceLists, job: string, damages: Damage[], mended: ReadonlySet<Damage> | null = null): Promise<Record<string, unknown>> {
  const byKind: Record<string, number> = {};
  for (const { kind } of damages) byKind[kind] = (byKind[kind] ?? 0) + 1;
  const listed = mended
    ? [...damages].sort((a, b) => Number(mended.has(a)) - Number(mended.has(b))).map((damage) => ({ ...damage, mended: mended.has(damage) }))
    : damages;
  const isLong = listed.length > mostListed;
  if (isLong) await lists.keep(job, listed);
  return {
    found: damages.length,
    byKind,
    damages: listed.slice(0, mostListed),
    // Where all of them are to be had.
    ...(isLong ? { list: `/differences/${job}` } : {}),
  };
}
