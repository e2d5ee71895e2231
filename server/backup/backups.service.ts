import { statfs } from 'node:fs/promises';
import { resolve } from 'node:path';
import { join } from 'node:path';
import { type Settings } from '../config/index.js';
import { type HealthCheck } from '../health/index.js';
import { type Clock } from '../platform/clock.js';
import { AppStateEntity, type Database } from '../platform/database/index.js';
import { AppError } from '../platform/errors.js';
import { type Logger } from '../platform/logging/index.js';
import { type ObjectStorage } from '../platform/object-storage/index.js';
import { type Backup, type BackupFolder } from './backup-folder.js';
import { keyForReading, keyForWriting } from './keys.js';
import { type BackupKind } from './manifest.js';
import { daysOf, expired } from './retention.js';
import { originalsOf } from './restoring/check.js';

export interface BackupsParts {
  settings: Settings;
  database: Database;
  folder: BackupFolder;
  storage: ObjectStorage | null;
  clock: Clock;
  log: Logger;
}

export interface BackupEstimate {
  /** Space that one more backup of this kind is likely to need while it is written, bytes. */
  neededBytes: number;
  freeBytes: number;
}

const hourMs = 3_600_000;

export const backupDirectory = ({ BACKUP_DIR, DATA_DIR }: Pick<Settings, 'BACKUP_DIR' | 'DATA_DIR'>) => resolve(BACKUP_DIR || join(DATA_DIR, 'backups'));

/** Whether it can bring documents back. */
const holdsLibrary = ({ manifest }: Backup) => manifest.kind === 'FULL' || manifest.kind === 'DATABASE';
const isGood = ({ status }: Backup) => status?.state === 'GOOD';

/** @param backups newest first @returns the newest good one that can bring documents back, and the newest that was seen to */
export function newestOf(backups: Backup[]): { good: Backup | null; proven: Backup | null } {
  const good = backups.filter((one) => isGood(one) && holdsLibrary(one));
  const proven = good.filter(({ status }) => status?.proof?.ok).sort((a, b) => b.status!.proof!.at.localeCompare(a.status!.proof!.at));
  return { good: good[0] ?? null, proven: proven[0] ?? null };
}

const sinceKey = 'backups_since';

/** What backups there are, what is kept of them, and whether they are as they should be. */
export class BackupsService {
  /** From when on there should have been backups: when this installation first looked after them. */
  #since: Date;

  constructor(private readonly parts: BackupsParts) {
    this.#since = parts.clock.now();
  }

  /** Remembers when this installation began to look after its backups: a restart gives it no new time. */
  async open(): Promise<void> {
    const { database, clock } = this.parts;
    const known = await database.read.findOneBy(AppStateEntity, { key: sinceKey });
    if (known) this.#since = new Date(known.value);
    else await database.write((tx) => tx.save(Object.assign(new AppStateEntity(), { key: sinceKey, value: clock.now().toISOString() })));
  }

  list(): Promise<Backup[]> {
    return this.parts.folder.list();
  }

  require(id: string): Promise<Backup> {
    return this.parts.folder.require(id);
  }

  /** When the newest good one was taken, and when a restore was last proven. */
  async ages(): Promise<{ goodAt: Date | null; provenAt: Date | null }> {
    const { good, proven } = newestOf(await this.list());
    return { goodAt: good && new Date(good.manifest.createdAt), provenAt: proven?.status?.proof ? new Date(proven.status.proof.at) : null };
  }

  /** Deletes a backup and its copy. @throws AppError NOT_FOUND */
  async remove(id: string, keepCopy = false): Promise<void> {
    await this.parts.folder.remove(id);
    const name = `${id}.tar`;
    const { storage, log } = this.parts;
    if (!storage || keepCopy) return;
    // A copy that cannot be reached now is no reason to keep what lies here.
    const remove = async () => (await storage.list()).includes(name) && storage.remove(name);
    await remove().catch((error: unknown) => log.warn({ err: error, backup: id }, 'the copy of a backup could not be removed'));
  }

  /** Says that what nobody needs is still there; the next removal tries again. */
  leftBehind(error: unknown): void {
    this.parts.log.warn({ err: error }, 'originals or copies that no backup needs could not be removed');
  }

  /** Backups that the rules of keeping would remove now. */
  async wouldRemove(): Promise<Backup[]> {
    return expired(await this.list(), this.parts.settings, this.parts.clock.now());
  }

  /** Removes what is kept no longer. @returns their ids */
  async prune(): Promise<string[]> {
    const gone = await this.wouldRemove();
    // Somebody may have deleted one of them meanwhile.
    for (const { manifest } of gone) await this.remove(manifest.id).catch((error: unknown) => this.leftBehind(error));
    if (gone.length > 0) await this.dropObjects();
    return gone.map(({ manifest }) => manifest.id);
  }

  keptDays(kind: BackupKind): number {
    return daysOf(kind, this.parts.settings);
  }

  /** Removes originals that no backup names any more, while nothing else is written. They are left alone while a list cannot be read: what it names nobody knows. */
  async dropObjects(): Promise<void> {
    const { folder, settings } = this.parts;
    const { backups, damaged } = await folder.survey();
    if (damaged.length > 0) return;
    const named = new Map<string | null, Set<string>>();
    const spared = new Set<string | null>();
    for (const { manifest } of backups) {
      const keyId = manifest.encryption?.keyId ?? null;
      const objects = named.get(keyId) ?? new Set();
      named.set(keyId, objects);
      try {
        for await (const { object } of originalsOf(folder, manifest, await keyForReading(manifest, settings))) objects.add(object);
      } catch {
        // Written with a key that is not set any more: what it names nobody knows.
        spared.add(keyId);
      }
    }
    await folder.dropObjects(named, spared);
  }

  /** @throws AppError UNAVAILABLE where the disk would fill */
  async requireSpace(kind: BackupKind): Promise<void> {
    const { neededBytes, freeBytes } = await this.estimate(kind);
    const least = this.parts.settings.DISK_MIN_FREE_BYTES;
    if (freeBytes - neededBytes >= least) return this.#requireRoomForCopy(kind);
    const megabytes = (bytes: number) => `${Math.ceil(bytes / 1024 ** 2)} MB`;
    throw new AppError(
      'UNAVAILABLE',
      {
        en: `A backup may need ${megabytes(neededBytes)}; ${megabytes(freeBytes)} are free where backups lie, and ${megabytes(least)} stay free.`,
        ja: `バックアップには ${megabytes(neededBytes)} が必要になり得ますが、保存先の空きは ${megabytes(freeBytes)} で、うち ${megabytes(least)} は空けておきます。`,
      },
      { en: 'Remove backups, or set BACKUP_DIR to another disk.', ja: 'バックアップを削除するか、BACKUP_DIR を別のディスクにしてください。' },
    );
  }

  /** Of SQLite a copy is read, which lies in DATA_DIR meanwhile: there it is as safe as the database itself. */
  async #requireRoomForCopy(kind: BackupKind): Promise<void> {
    const { database, settings } = this.parts;
    if (kind === 'CONFIG' || database.dialect !== 'sqlite') return;
    const [{ bavail, bsize }, bytes] = await Promise.all([statfs(settings.DATA_DIR), database.sizeBytes()]);
    if (bavail * bsize - bytes >= settings.DISK_MIN_FREE_BYTES) return;
    throw new AppError(
      'UNAVAILABLE',
      {
        en: `A backup needs ${Math.ceil(bytes / 1024 ** 2)} MB in DATA_DIR for a copy of the database.`,
        ja: `データベースの複製を置くため、DATA_DIR に ${Math.ceil(bytes / 1024 ** 2)} MB が必要です。`,
      },
      { en: 'Make room there first.', ja: '先に空きを増やしてください。' },
    );
  }

  async estimate(kind: BackupKind): Promise<BackupEstimate> {
    const { database, folder } = this.parts;
    const freeBytes = await folder.freeBytes();
    if (kind === 'CONFIG') return { neededBytes: 100_000, freeBytes };
    const databaseBytes = await database.sizeBytes();
    if (kind === 'VECTORS') return { neededBytes: databaseBytes, freeBytes };
    const key = await keyForWriting(folder.directory, this.parts.settings);
    const known = await folder.objects(key?.id ?? null);
    const originals = (await database.read.query(
      'SELECT DISTINCT sha256, size_bytes AS bytes FROM documents WHERE deleted_at IS NULL AND sha256 IS NOT NULL',
    )) as { sha256: string; bytes: number | string }[];
    const fresh = originals.filter(({ sha256 }) => !known.has(sha256)).reduce((sum, { bytes }) => sum + Number(bytes), 0);
    return { neededBytes: databaseBytes + fresh, freeBytes };
  }

  /** Age of the newest good backup and proof; a fresh installation is given the time until its first. */
  healthCheck(): HealthCheck {
    const { settings, clock } = this.parts;
    const ageHours = (at: string | undefined) => (clock.now().getTime() - (at ? Date.parse(at) : this.#since.getTime())) / hourMs;
    return {
      name: 'backups',
      timeoutMs: 5000,
      essential: false,
      check: async () => {
        const { backups, damaged } = await this.parts.folder.survey();
        const { good, proven } = newestOf(backups);
        if (damaged.length > 0)
          return {
            status: 'DEGRADED',
            message: { en: `The backup ${damaged[0]} is damaged.`, ja: `バックアップ ${damaged[0]} が壊れています。` },
            remedy: { en: 'Remove its folder, and save again.', ja: 'そのフォルダーを削除し、改めて保存してください。' },
          };
        const remedy = {
          en: 'Save now on the page of backups, and look why the last run failed.',
          ja: 'バックアップのページで今すぐ保存し、前回失敗した原因を調べてください。',
        };
        if (settings.BACKUP_MAX_AGE_HOURS > 0 && ageHours(good?.manifest.createdAt) > settings.BACKUP_MAX_AGE_HOURS)
          return {
            status: 'DEGRADED',
            message: good
              ? { en: `The last good backup is of ${good.manifest.createdAt}.`, ja: `正常なバックアップは ${good.manifest.createdAt} のものが最後です。` }
              : { en: 'There is no good backup.', ja: '正常なバックアップがありません。' },
            remedy,
          };
        if (settings.BACKUP_PROOF_MAX_AGE_DAYS > 0 && ageHours(proven?.status?.proof?.at) > settings.BACKUP_PROOF_MAX_AGE_DAYS * 24)
          return {
            status: 'DEGRADED',
            message: proven
              ? { en: `The last restore was proven at ${proven.status!.proof!.at}.`, ja: `復元の実証は ${proven.status!.proof!.at} が最後です。` }
              : { en: 'No restore was ever proven.', ja: '復元はまだ一度も実証されていません。' },
            remedy,
          };
        return { status: 'HEALTHY' };
      },
    };
  }
}
