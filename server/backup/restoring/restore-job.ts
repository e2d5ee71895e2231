import { type LoadedSettings } from '../../config/index.js';
import { type Clock } from '../../platform/clock.js';
import { type Database } from '../../platform/database/index.js';
import { AppError } from '../../platform/errors.js';
import { say } from '../../platform/saying.js';
import { type JobContext, type JobEntity, JobFailed } from '../../platform/queue/index.js';
import { inBackground, linkOf } from '../background-process.js';
import { backupDirectory, type BackupsService } from '../backups.service.js';
import { type BackupStatus, type Manifest } from '../manifest.js';
import { decide, type KeptRow, lastRestore } from './pending-restore.js';
import { requireReadable } from './stage.js';

export interface RestoreJobParts {
  loaded: LoadedSettings;
  database: Database;
  backups: BackupsService;
  /** Starts the server anew; null where there is none that could be. */
  restart: (() => void) | null;
  clock: Clock;
}

/** Exchanges the present state of a running server for that of a backup. */
export class RestoreJob {
  constructor(private readonly parts: RestoreJobParts) {}

  /** @throws AppError CONFLICT for a backup that cannot be restored here */
  require(manifest: Manifest, status: BackupStatus | null): void {
    if (!manifest.parts.some(({ name }) => name === 'database'))
      throw new AppError(
        'CONFLICT',
        { en: `A backup of kind ${manifest.kind} holds no database.`, ja: `種類 ${manifest.kind} のバックアップにデータベースは含まれていません。` },
        { en: 'Choose one of kind FULL or DATABASE.', ja: 'FULL か DATABASE のものを選んでください。' },
      );
    if (status?.state === 'BAD')
      throw new AppError(
        'CONFLICT',
        {
          en: `The backup ${manifest.id} is bad: ${say(status.problems[0] ?? '')}`,
          ja: `バックアップ ${manifest.id} は壊れています: ${say(status.problems[0] ?? '', 'ja')}`,
        },
        { en: 'Choose another one.', ja: '別のものを選んでください。' },
      );
    requireReadable(manifest, this.parts.loaded.settings);
  }

  /** Makes the restored state beside the present one, decides, and starts anew: the next start exchanges them. */
  async run(id: string, context: JobContext): Promise<Record<string, unknown>> {
    const { loaded, database, restart } = this.parts;
    const { job, signal } = context;
    const outcome = await lastRestore(loaded.settings.DATA_DIR);
    // Tried again by somebody, it is a new attempt.
    if (context.resumed && outcome?.jobId === job.id)
      throw new JobFailed({
        en: `The restore was given up, and the state before is back: ${say(outcome.error ?? '')}`,
        ja: `復元を取りやめ、元の状態に戻しました: ${say(outcome.error ?? '', 'ja')}`,
      });
    const { manifest, status } = await this.parts.backups.require(id);
    this.require(manifest, status);
    const task = { task: 'stage' as const, loaded, directory: backupDirectory(loaded.settings), id };
    const staged = await inBackground(task, linkOf(context, 0, 0.95));
    signal.throwIfAborted();
    const now = this.parts.clock.now();
    const sessions = (await database.read.query('SELECT * FROM sessions')) as Record<string, unknown>[];
    const result = { id, createdAt: manifest.createdAt, documents: manifest.counts.documents, withoutVectors: staged.withoutVectors };
    const rows: KeptRow[] = sessions.map((values) => ({ table: 'sessions', values }));
    rows.push({ table: 'jobs', values: await this.#finishedRow(job, result) });
    await decide(loaded.settings.DATA_DIR, {
      backupId: id,
      jobId: job.id,
      phase: 'prepared',
      aside: now.toISOString().replace(/[:.]/g, '-'),
      attempts: 0,
      rows,
    });
    restart!();
    // The start that follows ends this run; until then nothing else is begun.
    await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }));
    return result;
  }

  /** The job as the restored database is to know it. */
  async #finishedRow(job: JobEntity, result: Record<string, unknown>): Promise<Record<string, unknown>> {
    const [row] = (await this.parts.database.read.query(`SELECT * FROM jobs WHERE id = '${job.id}'`)) as Record<string, unknown>[];
    return { ...row, status: 'SUCCEEDED', progress: 1, result: JSON.stringify(result), finished_at: this.parts.clock.now().toISOString() };
  }
}
