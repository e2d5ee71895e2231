import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock } from '../platform/clock.js';
import { say, type Saying } from '../platform/saying.js';
import { type Backup, type BackupFolder } from './backup-folder.js';
import { keyForReading, type KeySettings } from './keys.js';
import { type BackupStatus, isObject } from './manifest.js';
import { originalsOf } from './restoring/check.js';
import { storedHash } from './saving/originals-part.js';
import { hashOf } from './sealing.js';

interface SharedParts {
  folder: BackupFolder;
  settings: KeySettings;
  clock: Clock;
}

const lostWith = /^The original \S+ at (\S+) is lost, as .+ has shown\.$/;
const lost = (sha256: string, object: string, by: string): Saying => ({
  en: `The original ${sha256} at ${object} is lost, as ${by} has shown.`,
  ja: `原本 ${sha256}（${object}）が失われています（${by} で判明）。`,
});

const distinct = (sayings: Saying[]): Saying[] => [...new Map(sayings.map((saying) => [say(saying), saying])).values()];

/** Bad for nothing but originals that others have lost. */
const isBadByLoss = ({ problems }: BackupStatus) => problems.length > 0 && problems.every((problem) => lostWith.test(say(problem)));

/** What one backup shows of originals that it shares with others: nobody is good who needs what is lost. */
export class SharedOriginals {
  constructor(private readonly parts: SharedParts) {}

  /** Marks every backup bad that needs one of these objects. @param by the backup by which it was found */
  async condemn(objects: readonly string[], by: string): Promise<void> {
    if (objects.length === 0) return;
    const gone = new Set(objects);
    for (const backup of await this.parts.folder.list()) {
      const { manifest, status } = backup;
      // One that was never checked is not known to be good, and stays so.
      if (manifest.id === by || !status || (status.state === 'BAD' && !isBadByLoss(status))) continue;
      const problems: Saying[] = [];
      for await (const { sha256, object } of this.#originals(backup)) if (gone.has(object)) problems.push(lost(sha256, object, by));
      if (problems.length > 0) await this.#write(backup, { state: 'BAD', problems: distinct([...status.problems, ...problems]) });
    }
  }

  /** Those that were bad for nothing but lost originals are good again once these lie there anew, as a later backup has written them. */
  async absolve(signal: AbortSignal): Promise<void> {
    const { folder } = this.parts;
    for (const backup of await folder.list()) {
      const { manifest, status } = backup;
      const objects = status?.state === 'BAD' ? status.problems.map((problem) => lostWith.exec(say(problem))?.[1] ?? '') : [];
      if (objects.length === 0 || !objects.every(isObject)) continue;
      const root = folder.objectsPath(manifest.encryption?.keyId ?? null);
      const isThere = async (object: string) => existsSync(join(root, object)) && (await hashOf(join(root, object), signal)).sha256 === storedHash({ object });
      const found = await Promise.all(objects.map(isThere));
      if (found.every(Boolean)) await this.#write(backup, { state: 'GOOD', problems: [] });
    }
  }

  async *#originals({ manifest }: Backup) {
    try {
      yield* originalsOf(this.parts.folder, manifest, await keyForReading(manifest, this.parts.settings));
    } catch {
      // Under another key, or damaged itself: the next look at it tells.
    }
  }

  async #write({ manifest: { id }, status }: Backup, judged: Pick<BackupStatus, 'state' | 'problems'>): Promise<void> {
    const checkedAt = this.parts.clock.now().toISOString();
    await this.parts.folder.writeStatus(id, { proof: null, copiedAt: null, ...status, ...judged, checkedAt });
  }
}
