import { type Damage, type Repairer, type Verifier } from '../integrity/index.js';
import { type BlobStore } from '../platform/blobs/index.js';
import { type Database } from '../platform/database/index.js';
import { type FullTextIndex } from '../platform/full-text/index.js';
import { type JobContext, JobFailed } from '../platform/queue/index.js';

export enum MaintenanceTask {
  ANALYZE = 'ANALYZE',
  VACUUM = 'VACUUM',
  INTEGRITY_CHECK = 'INTEGRITY_CHECK',
  OPTIMIZE_FULL_TEXT = 'OPTIMIZE_FULL_TEXT',
  REMOVE_TEMPORARY_FILES = 'REMOVE_TEMPORARY_FILES',
  VERIFY_DATA = 'VERIFY_DATA',
  REPAIR_DATA = 'REPAIR_DATA',
}

export interface TaskParts {
  database: Database;
  fullText: FullTextIndex;
  blobs: BlobStore;
  verifier: Verifier;
  repairer: Repairer;
  /** Age from which a temporary file is removed, milliseconds. */
  temporaryFileMs: number;
}

type Run = (parts: TaskParts, context: Pick<JobContext, 'signal' | 'report'>) => Promise<Record<string, unknown>>;

/** What each task does. All may run while the product serves; only VACUUM makes writers wait. */
export const tasks: Readonly<Record<MaintenanceTask, { about: string; run: Run }>> = {
  [MaintenanceTask.ANALYZE]: {
    about: 'Brings the figures up to date by which the database chooses how to answer a query (manual: daily).',
    run: async ({ database }) => {
      await database.maintain('ANALYZE');
      return {};
    },
  },
  [MaintenanceTask.VACUUM]: {
    about: 'Gives the space of deleted rows back to the disk. Documents wait to be taken in meanwhile (manual: weekly).',
    run: async ({ database }) => {
      const bytesBefore = await database.sizeBytes();
      await database.maintain('VACUUM');
      if (database.dialect === 'sqlite') await database.maintain('PRAGMA wal_checkpoint(TRUNCATE)');
      const bytesAfter = await database.sizeBytes();
      return { bytesBefore, bytesAfter, gainedBytes: bytesBefore - bytesAfter };
    },
  },
  [MaintenanceTask.INTEGRITY_CHECK]: {
    about: 'Reads every page of the database and fails where one is damaged.',
    run: async ({ database }) => {
      const problems = await database.integrityProblems();
      if (problems.length > 0) throw new JobFailed(`The database is damaged: ${problems.slice(0, 3).join('; ')}. Restore it from a backup.`);
      return { problems: 0 };
    },
  },
  [MaintenanceTask.OPTIMIZE_FULL_TEXT]: {
    about: 'Merges the parts that the full-text index has grown in, so that queries read fewer.',
    run: async ({ fullText }) => {
      await fullText.optimize();
      return {};
    },
  },
  [MaintenanceTask.REMOVE_TEMPORARY_FILES]: {
    about: 'Removes what uploads that were cut off have left behind, once it is older than TEMPORARY_FILE_HOURS (manual: daily).',
    run: async ({ blobs, temporaryFileMs }) => ({ ...(await blobs.removeTemporary(temporaryFileMs)) }),
  },
  [MaintenanceTask.VERIFY_DATA]: {
    about: 'Compares originals, texts, passages, full text, vectors and ChromaDB with each other and names every difference (manual: weekly).',
    run: async ({ verifier }, context) => findings(await verify(verifier, context)),
  },
  [MaintenanceTask.REPAIR_DATA]: {
    about: 'The same, and mends what can be mended: documents are read again, orphans removed, ChromaDB is filled from the database.',
    run: async ({ verifier, repairer }, context) => {
      const damages = await verify(verifier, context);
      context.report({ stage: 'REPAIR', progress: 0.99, message: `${damages.length} differences` });
      const mended = await repairer.repair(damages, context.signal);
      return { ...findings(damages), mended: mended.length, left: damages.length - mended.length };
    },
  },
};

/** Differences that a job's result lists one by one; more are counted. */
const mostListed = 200;

const verify = (verifier: Verifier, { signal, report }: Pick<JobContext, 'signal' | 'report'>) =>
  verifier.verify(signal, (stage, progress) => report({ stage: 'VERIFY', progress, message: stage }));

function findings(damages: Damage[]): Record<string, unknown> {
  const byKind: Record<string, number> = {};
  for (const { kind } of damages) byKind[kind] = (byKind[kind] ?? 0) + 1;
  return { found: damages.length, byKind, damages: damages.slice(0, mostListed) };
}
