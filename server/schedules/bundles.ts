import { type BackupJobs, type BackupKind } from '../backup/index.js';
import { type Settings } from '../config/index.js';
import { type GoldenService } from '../golden/index.js';
import { type MaintenanceService, MaintenanceTask } from '../maintenance/index.js';
import { type AnswerCache } from '../platform/cache/index.js';
import { type JobContext } from '../platform/queue/index.js';
import { type ReportKind, type ReportsService } from '../reports/index.js';
import { type Schedule } from './schedules.service.js';

interface BundleParts {
  backups: BackupJobs;
  maintenance: MaintenanceService;
  reports: ReportsService;
  golden: GoldenService;
  cache: AnswerCache;
  /** How full the disk is, 0..1, and how that is judged; null before the first sample. */
  disk: () => { usedShare: number | null; level: string };
  /** Removes records that are kept no longer. */
  forgetOld: () => Promise<Record<string, unknown>>;
}

/** The manual's daily, weekly and monthly maintenance, and the golden queries. */
export function bundles(settings: Settings, { backups, maintenance, reports, golden, cache, disk, forgetOld }: BundleParts): Schedule[] {
  const task = (name: MaintenanceTask) => ({ name, run: (context: JobContext) => maintenance.perform(name, context) });
  const report = (kind: ReportKind) => ({ name: `REPORT_${kind}`, run: async () => ({ reportId: (await reports.make(kind)).id }) });
  const backup = (kind: BackupKind, about: string, pattern: string): Schedule => ({
    name: `BACKUP_${kind}`,
    about,
    pattern,
    steps: [{ name: `BACKUP_${kind}`, run: (context) => backups.save(kind, context) }],
  });
  return [
    {
      name: 'DAILY',
      about: 'Daily maintenance: old log files, temporary files, old records of jobs and alerts, statistics of the database, statistics of the cache.',
      pattern: settings.SCHEDULE_DAILY,
      steps: [
        task(MaintenanceTask.ROTATE_LOGS),
        task(MaintenanceTask.CLEAN_TEMP),
        task(MaintenanceTask.ANALYZE),
        { name: 'FORGET_OLD_RECORDS', run: forgetOld },
        { name: 'CACHE_STATISTICS', run: () => Promise.resolve({ kinds: cache.statistics() }) },
      ],
    },
    {
      name: 'WEEKLY',
      about: 'Weekly maintenance: the database and the indexes are tidied, all data is verified, the performance report is made, the disk is looked at.',
      pattern: settings.SCHEDULE_WEEKLY,
      steps: [
        task(MaintenanceTask.VACUUM),
        task(MaintenanceTask.OPTIMIZE_INDEX),
        task(MaintenanceTask.OPTIMIZE_FULLTEXT),
        task(MaintenanceTask.VERIFY_DATA),
        report('PERFORMANCE'),
        { name: 'DISK_CHECK', run: async () => ({ ...disk(), ...(await reports.diskForecast()) }) },
      ],
    },
    {
      name: 'MONTHLY',
      about: 'Monthly maintenance: the logs are analysed, updates are asked for where UPDATE_CHECK_URL is set, the capacity is planned.',
      pattern: settings.SCHEDULE_MONTHLY,
      steps: [report('LOG_ANALYSIS'), report('UPDATE_CHECK'), report('CAPACITY')],
    },
    {
      name: 'GOLDEN_QUERIES',
      about: 'The golden queries are asked, and the live index is scored by them.',
      pattern: settings.GOLDEN_SCHEDULE,
      steps: [{ name: 'SCORE', run: async () => ({ jobId: (await golden.score()).id }) }],
    },
    backup('DATABASE', 'Documents and database are saved, and every byte of the backup is checked.', settings.BACKUP_DATABASE_SCHEDULE),
    backup('VECTORS', 'The vectors are saved, so that a restore need not make them again.', settings.BACKUP_VECTORS_SCHEDULE),
    backup('CONFIG', 'The settings, without secrets, are saved.', settings.BACKUP_CONFIG_SCHEDULE),
    backup('FULL', 'Everything is saved, and restored beside to prove that it can be.', settings.BACKUP_FULL_SCHEDULE),
    {
      name: 'BACKUP_PROOF',
      about: 'The newest complete backup is restored beside once more and compared.',
      pattern: settings.BACKUP_PROOF_SCHEDULE,
      steps: [{ name: 'BACKUP_PROOF', run: (context) => backups.proveNewest(context) }],
    },
  ];
}
