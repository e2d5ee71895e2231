import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, type Dirent, existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { randomUUID } from 'node:crypto';

/** A file received in full, not yet kept. */
export interface ReceivedFile {
  path: string;
  sha256: string;
  sizeBytes: number;
}

/** Files in a folder and below; none where it is gone. */
async function filesUnder(folder: string): Promise<Dirent[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return entries.filter((entry) => entry.isFile());
}

/** Originals by the hash of their bytes: `originals/ab/cd/<sha256>` under DATA_DIR. */
export class BlobStore {
  readonly #originals: string;
  readonly tmpDir: string;
  readonly #altered: string;
  readonly #orphaned: string;
  /** To be removed once nobody holds the originals any more. */
  readonly #unwanted = new Set<string>();
  #holds = 0;

  readonly #dataDir: string;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
    this.#originals = join(dataDir, 'originals');
    this.tmpDir = join(dataDir, 'tmp');
    this.#altered = join(dataDir, 'originals-altered');
    this.#orphaned = join(dataDir, 'originals-orphaned');
  }

  /** Makes the folders and removes what an interrupted run left half-received. */
  async open(): Promise<void> {
    await mkdir(this.#originals, { recursive: true, mode: 0o700 });
    await rm(this.tmpDir, { recursive: true, force: true });
    await mkdir(this.tmpDir, { recursive: true, mode: 0o700 });
  }

  path(sha256: string): string {
    return join(this.#originals, sha256.slice(0, 2), sha256.slice(2, 4), sha256);
  }

  /** Streams to a temporary file, hashing while writing. A source that fails leaves nothing behind. */
  async receive(source: Readable): Promise<ReceivedFile> {
    // Whoever makes room by hand may have taken the folder away.
    await mkdir(this.tmpDir, { recursive: true, mode: 0o700 });
    const path = join(this.tmpDir, `upload-${randomUUID()}`);
    const hash = createHash('sha256');
    let sizeBytes = 0;
    try {
      await pipeline(
        source,
        async function* (chunks: AsyncIterable<Buffer>) {
          for await (const chunk of chunks) {
            hash.update(chunk);
            sizeBytes += chunk.length;
            yield chunk;
          }
        },
        createWriteStream(path, { mode: 0o600 }),
      );
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
    return { path, sha256: hash.digest('hex'), sizeBytes };
  }

  /** Moves a received file to its place; bytes that are kept already are not kept twice. */
  async keep(file: ReceivedFile): Promise<void> {
    const target = this.path(file.sha256);
    if (existsSync(target)) return this.discard(file);
    await mkdir(join(target, '..'), { recursive: true, mode: 0o700 });
    await rename(file.path, target);
    await rm(join(this.#altered, file.sha256), { force: true, recursive: true });
    await rm(join(this.#orphaned, file.sha256), { force: true });
  }

  async discard(file: ReceivedFile): Promise<void> {
    await rm(file.path, { force: true });
  }

  /** Removes temporary files not written to for so long. */
  async removeTemporary(olderThanMs: number): Promise<{ files: number; bytes: number }> {
    const removed = { files: 0, bytes: 0 };
    for (const entry of await filesUnder(this.tmpDir)) {
      const path = join(entry.parentPath, entry.name);
      // One that is gone by now was moved to its place.
      const found = await stat(path).catch(() => null);
      if (!found || Date.now() - found.mtimeMs < olderThanMs) continue;
      await rm(path, { force: true });
      removed.files += 1;
      removed.bytes += found.size;
    }
    return removed;
  }

  exists(sha256: string): boolean {
    return existsSync(this.path(sha256));
  }

  read(sha256: string): Readable {
    return createReadStream(this.path(sha256));
  }

  async size(sha256: string): Promise<number> {
    return (await stat(this.path(sha256))).size;
  }

  /** Keeps every original until the function returned is called; what was to be removed meanwhile is left for a sweep. */
  hold(): () => void {
    this.#holds += 1;
    let isHeld = true;
    return () => {
      if (isHeld) this.#holds -= 1;
      isHeld = false;
    };
  }

  /** Removes an original, unless all are held: then `isUnwanted` says so of it from now on. */
  async remove(sha256: string): Promise<void> {
    if (this.#holds > 0) return void this.#unwanted.add(sha256);
    this.#unwanted.delete(sha256);
    await rm(this.path(sha256), { force: true });
  }

  /** Whether it was to be removed while all were held. */
  isUnwanted(sha256: string): boolean {
    return this.#unwanted.has(sha256);
  }

  /** Moves an original that no document refers to into `originals-orphaned`, unless all are held: its row may be what is wrong. @returns whether it was moved */
  async setOrphanAside(sha256: string): Promise<boolean> {
    if (this.#holds > 0 || !this.exists(sha256)) return false;
    await mkdir(this.#orphaned, { recursive: true, mode: 0o700 });
    await rename(this.path(sha256), join(this.#orphaned, sha256));
    return true;
  }

  /** How to read those of these originals that were moved aside without a document, by hash. */
  async orphans(hashes: ReadonlySet<string>): Promise<Map<string, () => Promise<Readable>>> {
    const names = (await filesUnder(this.#orphaned)).map(({ name }) => name).filter((name) => hashes.has(name));
    return new Map(names.map((name) => [name, () => Promise.resolve(createReadStream(join(this.#orphaned, name)))]));
  }

  /** Removes what was moved aside for so long. */
  async forgetOrphans(olderThanMs: number): Promise<void> {
    for (const { parentPath, name } of await filesUnder(this.#orphaned)) {
      const path = join(parentPath, name);
      // Moving it there was its last change.
      const found = await stat(path).catch(() => null);
      if (found && Date.now() - found.ctimeMs > olderThanMs) await rm(path, { force: true });
    }
  }

  /** Moves an original whose bytes are not its own any more to `originals-altered`, unless all are held. */
  async setAside(sha256: string): Promise<void> {
    if (this.#holds > 0 || !this.exists(sha256)) return;
    await mkdir(this.#altered, { recursive: true, mode: 0o700 });
    await rename(this.path(sha256), join(this.#altered, sha256));
  }

  /** Hashes of all originals kept. */
  async list(): Promise<string[]> {
    const entries = await filesUnder(this.#originals);
    return entries.map((entry) => entry.name);
  }

  /** Free space of the file system that holds DATA_DIR, in bytes. */
  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#dataDir);
    return bavail * bsize;
  }
}
