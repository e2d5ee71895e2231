import { join } from 'node:path';
import { type Readable } from 'node:stream';
import { type BackupFolder } from '../backup-folder.js';
import { type Key, keyForReading, type KeySettings } from '../keys.js';
import { fromLines } from '../lines.js';
import { type Manifest, type Sample } from '../manifest.js';
import { type LibraryDocument, type LibraryQuestion, type LibraryRecord, type VectorRecord } from '../saving/library-part.js';
import { unseal } from '../sealing.js';
import { originalsOf } from './check.js';

/** Questions with the answers that were given when a backup was taken. */
export async function samplesOf(manifest: Manifest, folder: BackupFolder, settings: KeySettings): Promise<Sample[]> {
  const part = manifest.parts.find(({ name }) => name === 'samples');
  if (!part) return manifest.samples;
  const samples: Sample[] = [];
  for await (const sample of fromLines<Sample>(await unseal(join(folder.path(manifest.id), part.file), await keyForReading(manifest, settings))))
    samples.push(sample);
  return samples;
}

/** The documents of a backup, without its database. */
export class SavedLibrary {
  private constructor(
    private readonly folder: BackupFolder,
    readonly manifest: Manifest,
    private readonly key: Key | null,
  ) {}

  /** @throws AppError NOT_FOUND, or BAD_USER_INPUT where the key is not that of the backup */
  static async open(folder: BackupFolder, id: string, settings: KeySettings): Promise<SavedLibrary> {
    const { manifest } = await folder.require(id);
    return new SavedLibrary(folder, manifest, await keyForReading(manifest, settings));
  }

  async *records(): AsyncGenerator<LibraryRecord> {
    const part = this.manifest.parts.find(({ name }) => name === 'library');
    if (part) yield* fromLines<LibraryRecord>(await unseal(join(this.folder.path(this.manifest.id), part.file), this.key));
  }

  async *documents(): AsyncGenerator<LibraryDocument> {
    for await (const record of this.records()) if (record.type === 'document') yield record;
  }

  async *questions(): AsyncGenerator<LibraryQuestion> {
    for await (const record of this.records()) if (record.type === 'golden') yield record;
  }

  /** Those it brings; none where it was made without. */
  async *vectors(): AsyncGenerator<VectorRecord> {
    const part = this.manifest.parts.find(({ name }) => name === 'vectors');
    if (part) yield* fromLines<VectorRecord>(await unseal(join(this.folder.path(this.manifest.id), part.file), this.key));
  }

  /** Where each original lies, by hash. */
  async originals(): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for await (const { sha256, object } of originalsOf(this.folder, this.manifest, this.key)) found.set(sha256, object);
    return found;
  }

  original(object: string): Promise<Readable> {
    return unseal(join(this.folder.objectsPath(this.manifest.encryption?.keyId ?? null), object), this.key);
  }
}
