import { type Clock } from '../platform/clock.js';
import { messageOf, sayingOf } from '../platform/errors.js';
import { say } from '../platform/saying.js';
import { type Logger } from '../platform/logging/index.js';
import { type ObjectStorage } from '../platform/object-storage/index.js';
import { JobFailed } from '../platform/queue/index.js';
import { archiveOf } from './archive.js';
import { type Backup, type BackupFolder, readId } from './backup-folder.js';
import { type KeySettings } from './keys.js';
import { expired, type RetentionSettings } from './retention.js';

/** The backup itself is good. */
export class CopyFailed extends JobFailed {}

interface CopiesParts {
  settings: KeySettings & RetentionSettings;
  folder: BackupFolder;
  storage: ObjectStorage | null;
  clock: Clock;
  log: Logger;
}

/** Earlier backups whose copy failed that are tried again with a new one. */
const mostCaughtUp = 3;

/** Copies of backups in storage elsewhere. */
export class BackupCopies {
  constructor(private readonly parts: CopiesParts) {}

  /** Whether there is somewhere to put copies. */
  get isWanted(): boolean {
    return this.parts.storage !== null;
  }

  /** Puts copies of a backup, and of the newest that have none yet, away. @throws CopyFailed */
  async put(id: string, signal: AbortSignal): Promise<void> {
    const backups = await this.parts.folder.list();
    const lacking = backups.filter(({ manifest, status }) => manifest.kind !== 'LIBRARY' && status?.state === 'GOOD' && status.copiedAt === null);
    const first = lacking.filter(({ manifest }) => manifest.id === id);
    const others = lacking.filter(({ manifest }) => manifest.id !== id).slice(0, mostCaughtUp);
    for (const backup of first) await this.#putOne(backup, signal);
    // One that cannot be copied any more, as under a passphrase of before, is no failure of tonight's.
    for (const backup of others) {
      await this.#putOne(backup, signal).catch((error: unknown) => {
        signal.throwIfAborted();
        this.parts.log.warn({ err: error, backup: backup.manifest.id }, 'an earlier backup could not be copied away');
      });
    }
  }

  /**
   * Removes copies that no backup here belongs to and that the rules of keeping would have removed with it: of a machine that is no
   * more, or of a backup that went while the storage was out of reach.
   */
  async prune(): Promise<void> {
    const { folder, storage, settings, clock, log } = this.parts;
    if (!storage) return;
    const here = new Set((await folder.list()).map(({ manifest }) => manifest.id));
    const copies = (await storage.list()).flatMap((name) => {
      const manifest = name.endsWith('.tar') ? readId(name.slice(0, -'.tar'.length)) : null;
      return manifest ? [{ name, manifest, status: { state: 'GOOD' as const, proof: null } }] : [];
    });
    copies.sort((a, b) => b.manifest.createdAt.localeCompare(a.manifest.createdAt));
    for (const { name, manifest } of expired(copies, settings, clock.now())) {
      if (here.has(manifest.id)) continue;
      await storage.remove(name);
      log.info({ backup: manifest.id }, 'a copy that is kept no longer was removed');
    }
  }

  async #putOne({ manifest: { id }, status }: Backup, signal: AbortSignal): Promise<void> {
    const { settings, folder, storage, clock } = this.parts;
    if (!storage || !status) return;
    try {
      await storage.put(`${id}.tar`, await archiveOf(folder, id, settings), signal);
      await folder.writeStatus(id, { ...status, copiedAt: clock.now().toISOString() });
    } catch (error) {
      signal.throwIfAborted();
      throw new CopyFailed({
        en: `The backup ${id} is whole, but no copy of it could be put away: ${messageOf(error)}`,
        ja: `バックアップ ${id} は正常ですが、外部に複製できませんでした: ${say(sayingOf(error), 'ja')}`,
      });
    }
  }
}
