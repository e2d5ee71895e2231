import { type BlobStore } from '../platform/blobs/index.js';
import { type Database } from '../platform/database/index.js';
import { type FullTextIndex } from '../platform/full-text/index.js';
import { JobFailed } from '../platform/queue/index.js';

export enum MaintenanceTask {
  ANALYZE = 'ANALYZE',
  VACUUM = 'VACUUM',
  INTEGRITY_CHECK = 'INTEGRITY_CHECK',
  OPTIMIZE_FULL_TEXT = 'OPTIMIZE_FULL_TEXT',
  REMOVE_TEMPORARY_FILES = 'REMOVE_TEMPORARY_FILES',
}

export interface TaskParts {
  database: Database;
  fullText: FullTextIndex;
  blobs: BlobStore;
  /** Age from which a temporary file is removed, milliseconds. */
  temporaryFileMs: number;
}

type Run = (parts: TaskParts) => Promise<Record<string, unknown>>;

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
};
