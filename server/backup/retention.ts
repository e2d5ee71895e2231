import { type Settings } from '../config/index.js';
import { type BackupKind, type BackupStatus, type Manifest } from './manifest.js';

export type RetentionSettings = Pick<
  Settings,
  'BACKUP_DATABASE_DAYS' | 'BACKUP_VECTORS_DAYS' | 'BACKUP_KEEP_LAST' | 'BACKUP_KEEP_DAILY' | 'BACKUP_KEEP_WEEKLY' | 'BACKUP_KEEP_MONTHLY'
>;

/** What the rules of keeping look at. */
export interface Kept {
  manifest: Pick<Manifest, 'kind' | 'createdAt'>;
  status: Pick<BackupStatus, 'state' | 'proof'> | null;
}

const dayMs = 86_400_000;

/** Days after which a backup may go, by kind. */
export const daysOf = (kind: BackupKind, settings: RetentionSettings) => (kind === 'VECTORS' ? settings.BACKUP_VECTORS_DAYS : settings.BACKUP_DATABASE_DAYS);

const day = (at: Date) => Math.floor(at.getTime() / dayMs);
/** Days since 1970-01-01, a Thursday, in weeks that begin on Monday. */
const week = (at: Date) => Math.floor((day(at) + 3) / 7);
const month = (at: Date) => at.getUTCFullYear() * 12 + at.getUTCMonth();

/**
 * Backups that may go: older than their kind's days, and none of the newest of the last days, weeks and months that are kept beside
 * (days, weeks and months in UTC). One that is bad or was never checked keeps no other from staying; the newest good and the newest
 * proven one always stay.
 * @param backups newest first
 */
export function expired<T extends Kept>(backups: T[], settings: RetentionSettings, now: Date): T[] {
  const kept = new Set<T>();
  for (const kind of new Set(backups.map(({ manifest }) => manifest.kind))) {
    const good = backups.filter(({ manifest, status }) => manifest.kind === kind && status?.state === 'GOOD');
    for (const one of good.slice(0, Math.max(1, settings.BACKUP_KEEP_LAST))) kept.add(one);
    const proven = good.find(({ status }) => status?.proof?.ok);
    if (proven) kept.add(proven);
    if (kind === 'LIBRARY') continue;
    for (const [period, count] of [
      [day, settings.BACKUP_KEEP_DAILY],
      [week, settings.BACKUP_KEEP_WEEKLY],
      [month, settings.BACKUP_KEEP_MONTHLY],
    ] as const) {
      const seen = new Set<number>();
      for (const one of good) {
        const its = period(new Date(one.manifest.createdAt));
        if (seen.has(its) || seen.size >= count) continue;
        seen.add(its);
        kept.add(one);
      }
    }
  }
  return backups.filter((one) => !kept.has(one) && now.getTime() - Date.parse(one.manifest.createdAt) > daysOf(one.manifest.kind, settings) * dayMs);
}
