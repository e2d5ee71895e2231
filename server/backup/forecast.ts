import { type Backup } from './backup-folder.js';
import { type BackupKind, type Manifest } from './manifest.js';
import { expired, type RetentionSettings } from './retention.js';

const dayMs = 86_400_000;
export const forecastDays = 30;

export interface Run {
  kind: BackupKind;
  at: Date;
}

export interface SpaceForecast {
  /** What all backups will take at its end, bytes. */
  bytes: number;
  /** When the disk would be full; null where it would not within the days looked ahead. */
  fullAt: Date | null;
}

/** What a backup takes for itself: originals are shared. */
const ownBytes = ({ bytes, manifest }: Backup) => Math.max(0, bytes - manifest.objects.bytes);

/**
 * What the folder will take: each scheduled run writes as much as the newest good backup of its kind, originals are added as fast as
 * they were in the days before, and the rules remove what they remove.
 * @param backups newest first
 * @param runs scheduled ones to come; those of a kind that was never taken are counted by what is estimated for it
 */
export function forecast(
  backups: Backup[],
  runs: Run[],
  {
    settings,
    now,
    usedBytes,
    freeBytes,
    estimate,
  }: { settings: RetentionSettings; now: Date; usedBytes: number; freeBytes: number; estimate: Record<string, number> },
): SpaceForecast {
  const size = new Map<BackupKind, number>();
  for (const backup of backups) {
    if (backup.status?.state === 'GOOD' && !size.has(backup.manifest.kind)) size.set(backup.manifest.kind, ownBytes(backup));
  }
  const perDay = originalsPerDay(backups, now);
  let kept = backups;
  let own = backups.reduce((sum, backup) => sum + ownBytes(backup), 0);
  const others = usedBytes - own;
  let fullAt: Date | null = null;
  const at = (moment: Date) => others + own + (perDay * (moment.getTime() - now.getTime())) / dayMs;
  for (const { kind, at: moment } of [...runs].sort((a, b) => a.at.getTime() - b.at.getTime())) {
    const bytes = size.get(kind) ?? estimate[kind] ?? 0;
    const one = {
      manifest: { kind, createdAt: moment.toISOString(), objects: { bytes: 0 } } as Manifest,
      status: { state: 'GOOD' } as Backup['status'],
      bytes,
    };
    kept = [one, ...kept];
    own += bytes;
    // The new one is written before old ones go.
    if (at(moment) - usedBytes > freeBytes) fullAt ??= moment;
    const gone = new Set(expired(kept, settings, moment));
    own -= [...gone].reduce((sum, backup) => sum + ownBytes(backup), 0);
    kept = kept.filter((backup) => !gone.has(backup));
  }
  return { bytes: Math.max(0, at(new Date(now.getTime() + forecastDays * dayMs))), fullAt };
}

/** Bytes of originals that backups have added a day, in the days that are looked back on; the first of all added what there was. */
function originalsPerDay(backups: Backup[], now: Date): number {
  const taken = backups.filter(({ manifest }) => now.getTime() - Date.parse(manifest.createdAt) <= forecastDays * dayMs);
  const first = taken.at(-1);
  if (!first || taken.length < 2) return 0;
  const days = Math.max(1, (now.getTime() - Date.parse(first.manifest.createdAt)) / dayMs);
  return taken.slice(0, -1).reduce((sum, { manifest }) => sum + manifest.objects.newBytes, 0) / days;
}
