import { type AlertsService, backupFinding, findingsOf, scheduleFinding } from './alerts/index.js';
import { BackupCopies, backupDirectory, BackupFolder, BackupJobs, BackupOverview, BackupsService, Importer } from './backup/index.js';
import { version } from './config/index.js';
import { type DifferenceLists } from './integrity/index.js';
import { type LogFiles, type LogsService } from './logs/index.js';
import { MaintenanceService } from './maintenance/index.js';
import { type OperationsParts } from './operations.js';
import { type Watching } from './operations-watching.js';
import { ReportsService, sizesOf } from './reports/index.js';
import { bundles, scheduleKind, SchedulesService } from './schedules/index.js';
import { type Teardown } from './teardown.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

export interface Keeping {
  maintenance: MaintenanceService;
  reports: ReportsService;
  schedules: SchedulesService;
  backupFolder: BackupFolder;
  backups: BackupsService;
  backupJobs: BackupJobs;
  overview: BackupOverview;
}

/** Builds what keeps the system in order: maintenance, backups, reports and the schedules that run them. */
export async function buildKeeping(
  parts: OperationsParts,
  { host, history, alerts }: Watching,
  { logs, logFiles, differences }: { logs: LogsService; logFiles: LogFiles; differences: DifferenceLists },
  teardown: Teardown,
): Promise<Keeping> {
  const { settings, dataDir, logging, database, cache, jobs, golden, clock } = parts;
  const maintenance: MaintenanceService = new MaintenanceService(
    jobs,
    {
      ...parts,
      ...{ logFiles, differences },
      rotateLogs: () => logging.rotate(),
      processes: () => host.processes(),
      temporaryFileMs: settings.TEMPORARY_FILE_HOURS * hourMs,
      logKeepMs: settings.LOG_KEEP_DAYS * dayMs,
    },
    () => schedules.stepRuns(),
  );
  const reports = new ReportsService({
    database,
    history: (from, to, step) => history.read(from, to, step),
    logEntries: () => logs.entries(),
    sizes: () => sizesOf(dataDir, backupDirectory(settings), database),
    updateUrl: settings.UPDATE_CHECK_URL,
    version,
    clock,
    alertsRaised: (from, to) => alerts.kept.raisedBetween(from, to),
  });
  const { backupFolder, backups, backupJobs } = await buildBackups(parts, teardown);
  const oldJobs = () => new Date(clock.now().getTime() - settings.JOB_RETENTION_DAYS * dayMs);
  const forgetOld = async () => ({
    jobs: await jobs.forgetEnded(oldJobs()),
    differences: await differences.forget(oldJobs()),
    alerts: await alerts.forgetOld(),
  });
  const disk = () => {
    const judged = alerts.judged.find(({ threshold }) => threshold.rule === 'disk');
    return { usedShare: judged?.value ?? null, level: judged?.level ?? 'NORMAL' };
  };
  const schedules: SchedulesService = new SchedulesService({
    database,
    jobs,
    schedules: bundles(settings, { backups: backupJobs, maintenance, reports, golden, cache, disk, forgetOld }),
    timeZone: settings.TIME_ZONE,
    clock,
    log: logging.feature('schedules'),
  });
  const overview = new BackupOverview({
    ...{ settings, database, folder: backupFolder, backups, store: parts.store, clock },
    runs: (kind, until) => schedules.runs(`BACKUP_${kind}`, until),
  });
  tellAlerts(alerts, { parts, maintenance, backupJobs });
  return { maintenance, reports, schedules, backupFolder, backups, backupJobs, overview };
}

async function buildBackups(parts: OperationsParts, teardown: Teardown): Promise<Pick<Keeping, 'backupFolder' | 'backups' | 'backupJobs'>> {
  const { loaded, settings, logging, database, jobs, clock } = parts;
  const backupFolder = new BackupFolder(backupDirectory(settings));
  const log = logging.feature('backup');
  // The client takes a while to load: only where it is used.
  const storage = settings.BACKUP_S3_URL ? new (await import('./platform/object-storage/index.js')).ObjectStorage(settings) : null;
  if (storage) teardown.add(() => storage.close());
  const backups = new BackupsService({ settings, database, folder: backupFolder, storage, clock, log });
  await backups.open();
  const backupJobs = new BackupJobs({
    ...{ loaded, database, jobs, backups, folder: backupFolder, clock },
    copies: new BackupCopies({ settings, folder: backupFolder, storage, clock, log }),
    importer: new Importer({ settings, folder: backupFolder, blobs: parts.blobs, store: parts.store, golden: parts.golden, knownVectors: parts.knownVectors }),
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
  return { backupFolder, backups, backupJobs };
}

/** What became of tasks, schedules and backups is judged as the measured values are. */
function tellAlerts(
  alerts: AlertsService,
  { parts, maintenance, backupJobs }: { parts: OperationsParts; maintenance: MaintenanceService; backupJobs: BackupJobs },
): void {
  maintenance.onOutcome((outcome) => {
    for (const finding of findingsOf(outcome)) void alerts.observe(finding);
  });
  backupJobs.onFinding((finding) => void alerts.observe(backupFinding(finding)));
  parts.jobEvents.on('jobChanged', ({ kind, status, payload, error }) => {
    if (kind !== scheduleKind || (status !== 'FAILED' && status !== 'SUCCEEDED')) return;
    void alerts.observe(scheduleFinding({ schedule: String(payload['schedule']), error: status === 'FAILED' ? (error ?? '') : null }));
  });
}
