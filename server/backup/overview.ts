import { type Settings } from '../config/index.js';
import { type DocumentStore } from '../documents/index.js';
import { type Database } from '../platform/database/index.js';
import { AppError } from '../platform/errors.js';
import { type Clock } from '../platform/clock.js';
import { type Backup, type BackupFolder } from './backup-folder.js';
import { type BackupPolicy, backupView, type RestorePreview, type SavedDocumentType } from './backup.type.js';
import { type BackupsService, newestOf } from './backups.service.js';
import { forecast, forecastDays, type SpaceForecast } from './forecast.js';
import { type BackupKind, backupKinds, type BackupStatus, type Manifest } from './manifest.js';
import { SavedLibrary } from './restoring/documents.js';

interface OverviewParts {
  settings: Settings;
  database: Database;
  folder: BackupFolder;
  backups: BackupsService;
  store: DocumentStore;
  clock: Clock;
  /** Times until `until` at which backups of a kind will be taken. */
  runs: (kind: BackupKind, until: Date) => Promise<Date[]>;
}

const mostTitles = 5;

/** What people look at before they decide about backups. */
export class BackupOverview {
  constructor(private readonly parts: OverviewParts) {}

  /** @param kind what the needed space is estimated for */
  async policy(kind: BackupKind): Promise<BackupPolicy> {
    const { settings, folder, backups } = this.parts;
    const [{ neededBytes, freeBytes }, { backups: all, damaged }, wouldRemove, usedBytes] = await Promise.all([
      backups.estimate(kind),
      folder.survey(),
      backups.wouldRemove(),
      folder.sizeBytes(),
    ]);
    const { good, proven } = newestOf(all);
    return {
      directory: folder.directory,
      encrypted: settings.BACKUP_PASSPHRASE !== '' || settings.BACKUP_KEY_FILE !== '',
      copiedTo: settings.BACKUP_S3_URL || null,
      rules: backupKinds.map((one) => ({ kind: one, days: backups.keptDays(one) })),
      keepLast: settings.BACKUP_KEEP_LAST,
      keepDaily: settings.BACKUP_KEEP_DAILY,
      keepWeekly: settings.BACKUP_KEEP_WEEKLY,
      keepMonthly: settings.BACKUP_KEEP_MONTHLY,
      wouldRemove: wouldRemove.map(({ manifest }) => manifest.id),
      ...{ usedBytes, freeBytes, neededBytes, damaged },
      lastGoodAt: good ? new Date(good.manifest.createdAt) : null,
      lastProvenAt: proven ? new Date(proven.status!.proof!.at) : null,
      lastProofTookMs: proven?.status?.proof?.tookMs ?? null,
      forecast: await this.#forecast(all, usedBytes, freeBytes),
    };
  }

  async #forecast(all: Backup[], usedBytes: number, freeBytes: number): Promise<SpaceForecast> {
    const { settings, backups, clock, runs } = this.parts;
    const now = clock.now();
    const until = new Date(now.getTime() + forecastDays * 86_400_000);
    const kinds = backupKinds.filter((kind) => kind !== 'LIBRARY');
    const scheduled = await Promise.all(kinds.map(async (kind) => (await runs(kind, until)).map((at) => ({ kind, at }))));
    const estimates = await Promise.all(kinds.map(async (kind) => [kind, (await backups.estimate(kind)).neededBytes] as const));
    return forecast(all, scheduled.flat(), { settings, now, usedBytes, freeBytes, estimate: Object.fromEntries(estimates) });
  }

  /** @param requireRestorable throws AppError with what is in the way */
  async preview(id: string, requireRestorable: (manifest: Manifest, status: BackupStatus | null) => void): Promise<RestorePreview> {
    const { settings, folder, backups, database } = this.parts;
    const backup = await backups.require(id);
    let obstacle: string | null = null;
    const saved = new Set<string>();
    try {
      requireRestorable(backup.manifest, backup.status);
      const library = await SavedLibrary.open(folder, id, settings);
      for await (const document of library.documents()) saved.add(document.id);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      obstacle = [error.message, error.remedy].filter(Boolean).join(' ');
    }
    const here = (await database.read.query('SELECT id, title FROM documents WHERE deleted_at IS NULL ORDER BY title')) as { id: string; title: string }[];
    const lost = here.filter((one) => !saved.has(one.id));
    return {
      backup: backupView(backup),
      documentsNow: here.length,
      documentsLost: lost.length,
      documentsBack: saved.size - (here.length - lost.length),
      lostTitles: lost.slice(0, mostTitles).map(({ title }) => title),
      obstacle,
    };
  }

  async savedDocuments(id: string, text: string | null, first: number): Promise<SavedDocumentType[]> {
    const library = await SavedLibrary.open(this.parts.folder, id, this.parts.settings);
    const wanted = text?.normalize('NFKC').toLowerCase() ?? '';
    const found: SavedDocumentType[] = [];
    for await (const document of library.documents()) {
      if (wanted && ![document.title, document.fileName ?? ''].some((name) => name.normalize('NFKC').toLowerCase().includes(wanted))) continue;
      const present = (await this.parts.store.withSameContent(document)) !== null;
      const { title, sizeBytes, tags, createdAt } = document;
      found.push({ id: document.id, title, sizeBytes, tags, createdAt: new Date(createdAt), present });
      if (found.length === first) break;
    }
    return found;
  }
}
