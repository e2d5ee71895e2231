import { type Readable } from 'node:stream';
import { type BackupFolder } from './backup-folder.js';
import { type KeySettings } from './keys.js';
import { SavedLibrary } from './restoring/documents.js';

/** Originals that lie in the backups here, newest backup first. */
export class SavedOriginals {
  constructor(
    private readonly folder: BackupFolder,
    private readonly settings: KeySettings,
  ) {}

  /** How to read those of `hashes` that a backup holds, by hash. Whether the bytes are still right, whoever reads them has to look. */
  async find(hashes: ReadonlySet<string>): Promise<Map<string, () => Promise<Readable>>> {
    const found = new Map<string, () => Promise<Readable>>();
    if (hashes.size === 0) return found;
    for (const { manifest, status } of await this.folder.list()) {
      if (status?.state === 'BAD' || manifest.objects.count === 0) continue;
      // One under another passphrase, or damaged, helps nobody; an older one may.
      const library = await SavedLibrary.open(this.folder, manifest.id, this.settings).catch(() => null);
      const objects = await library?.originals().catch(() => null);
      if (!library || !objects) continue;
      for (const hash of hashes) {
        const object = objects.get(hash);
        if (object !== undefined && !found.has(hash)) found.set(hash, () => library.original(object));
      }
      if (found.size === hashes.size) break;
    }
    return found;
  }
}
