import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { migrations } from '../../../migrations/index.js';
import { type LoadedSettings } from '../../config/index.js';
import { Database, lockDataDirectory } from '../../platform/database/index.js';
import { createLogger } from '../../platform/logging/index.js';
import { BackupFolder } from '../backup-folder.js';
import { backupDirectory } from '../backups.service.js';
import { type Counts } from '../manifest.js';
import { decide, type KeptRow, PendingRestore, stagingFolder } from './pending-restore.js';
import { stage, type StageParts } from './stage.js';

interface OfflineParts extends Pick<StageParts, 'entities' | 'report' | 'signal'> {
  loaded: LoadedSettings;
}

/**
 * Restores where no server runs: on a bare machine, or in place of data that no server can open.
 * @returns what is there afterwards, and the folder under DATA_DIR that holds the state before; null where there was none
 * @throws AppError CONFLICT while a server runs on DATA_DIR
 */
export async function restoreOffline(
  id: string,
  { loaded, entities, report, signal }: OfflineParts,
): Promise<{ counts: Counts | null; setAside: string | null }> {
  const { settings } = loaded;
  const { DATA_DIR: dataDir } = settings;
  const unlock = await lockDataDirectory(dataDir, 0);
  try {
    // One that was cut off still holds what it set aside: that is put back before anything else takes its place.
    await (await PendingRestore.find(settings))?.rollBack('another restore was asked for');
    const folder = new BackupFolder(backupDirectory(settings));
    const { counts } = await stage(id, { settings, folder, target: stagingFolder(dataDir), present: dataDir, databaseUrl: '', entities, signal, report });
    const aside = new Date().toISOString().replace(/[:.]/g, '-');
    const hadState = existsSync(join(dataDir, 'erpfts.sqlite'));
    await decide(dataDir, { backupId: id, jobId: null, phase: 'prepared', aside, attempts: 0, rows: hadState ? await sessionsOf(loaded, entities) : [] });
    const restore = (await PendingRestore.find(settings))!;
    try {
      await restore.apply();
      const database = await Database.open({ settings, entities, migrations, log: createLogger('error') });
      await restore.settle(database).finally(() => database.close());
      await restore.complete();
    } catch (error) {
      await restore.rollBack(error);
      throw error;
    }
    return { counts, setAside: existsSync(join(dataDir, 'set-aside', aside)) ? join('set-aside', aside) : null };
  } finally {
    await unlock();
  }
}

/** Who is signed in, where the present database still tells. */
async function sessionsOf({ settings }: LoadedSettings, entities: OfflineParts['entities']): Promise<KeptRow[]> {
  if (settings.DATABASE_URL) return [];
  try {
    const database = await Database.open({ settings, entities, migrations, log: createLogger('fatal') }, { migrate: false });
    const rows = (await database.read.query('SELECT * FROM sessions').finally(() => database.close())) as Record<string, unknown>[];
    return rows.map((values) => ({ table: 'sessions', values }));
  } catch {
    return []; // It is damaged: that is why there is a restore.
  }
}
