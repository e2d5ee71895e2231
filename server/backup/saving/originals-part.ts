import { createReadStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type BlobStore } from '../../platform/blobs/index.js';
import { type BackupFolder } from '../backup-folder.js';
import { type Key } from '../keys.js';
import { seal } from '../sealing.js';

/** An original in the shared folder. */
export interface OriginalRecord {
  sha256: string;
  /** Path below `objects/<key>`: its name ends with the hash of the file as it lies there. */
  object: string;
  bytes: number;
  plainBytes: number;
}

interface OriginalsParts {
  folder: BackupFolder;
  blobs: BlobStore;
  key: Key | null;
  signal: AbortSignal;
  onProgress: (done: number) => void;
}

export interface OriginalsOutcome {
  records: OriginalRecord[];
  missing: string[];
  newCount: number;
  newBytes: number;
}

/** Puts originals into the shared folder; those that lie there already are not written again. */
export async function keepOriginals(hashes: string[], { folder, blobs, key, signal, onProgress }: OriginalsParts): Promise<OriginalsOutcome> {
  const root = folder.objectsPath(key?.id ?? null);
  const known = await folder.objects(key?.id ?? null);
  const outcome: OriginalsOutcome = { records: [], missing: [], newCount: 0, newBytes: 0 };
  for (const [done, sha256] of hashes.entries()) {
    signal.throwIfAborted();
    onProgress(done);
    const object = known.get(sha256);
    if (object) {
      const { size } = await stat(join(root, object));
      const plainBytes = blobs.exists(sha256) ? await blobs.size(sha256) : 0;
      outcome.records.push({ sha256, object, bytes: size, plainBytes });
      continue;
    }
    if (!blobs.exists(sha256)) {
      outcome.missing.push(sha256);
      continue;
    }
    const shard = join(root, sha256.slice(0, 2));
    await mkdir(shard, { recursive: true, mode: 0o700 });
    const half = join(shard, `${sha256}.tmp`);
    const sealed = await seal(createReadStream(blobs.path(sha256)), half, key, signal);
    if (sealed.plainSha256 !== sha256) {
      // Its bytes are not those that were uploaded any more: nothing is gained by keeping them.
      await rm(half, { force: true });
      outcome.missing.push(sha256);
      continue;
    }
    const name = join(sha256.slice(0, 2), `${sha256}-${sealed.sha256}`);
    await rename(half, join(root, name));
    outcome.records.push({ sha256, object: name, bytes: sealed.bytes, plainBytes: sealed.plainBytes });
    outcome.newCount += 1;
    outcome.newBytes += sealed.bytes;
  }
  return outcome;
}

/** Hash of the file as it was written, which its name ends with. */
export const storedHash = ({ object }: Pick<OriginalRecord, 'object'>) => object.slice(object.lastIndexOf('-') + 1);
