import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, pack } from 'tar-stream';
import { AppError, badInput, messageOf } from '../platform/errors.js';
import { type BackupFolder } from './backup-folder.js';
import { fromRecord, type Manifest, manifestFile } from './manifest.js';
import { originalsOf } from './restoring/check.js';
import { keyForReading, type KeySettings } from './keys.js';

/** One backup with the originals it needs as a tar archive, as its files lie there: still compressed and encrypted. */
export async function archiveOf(folder: BackupFolder, id: string, settings: KeySettings): Promise<Readable> {
  const { manifest } = await folder.require(id);
  const key = await keyForReading(manifest, settings);
  const archive = pack();
  const add = async (name: string, path: string) => {
    const { size, mtime } = await stat(path);
    await pipeline(createReadStream(path), archive.entry({ name, size, mtime, mode: 0o600 }));
  };
  const write = async () => {
    const path = folder.path(id);
    await add(manifestFile, join(path, manifestFile));
    for (const { file } of manifest.parts) await add(file, join(path, file));
    for await (const { object } of originalsOf(folder, manifest, key)) await add(`objects/${object}`, join(folder.objectsPath(key?.id ?? null), object));
    archive.finalize();
  };
  write().catch((error: unknown) => archive.destroy(error as Error));
  return Readable.from(archive as AsyncIterable<Buffer>, { objectMode: false });
}

const objectName = /^objects\/([0-9a-f]{2})\/([0-9a-f]{64}-[0-9a-f]{64})$/;
const fileName = /^[a-z]+\.[a-z0-9.]+$/;
const mostManifestBytes = 64 * 1024 ** 2;

/**
 * Takes an archive in as one of the folder's backups.
 * @returns its id; that of the one that is here, where it is here already
 * @throws AppError BAD_USER_INPUT for anything but such an archive
 */
export async function unpack(source: Readable, folder: BackupFolder, workName: string): Promise<string> {
  const work = join(folder.directory, `${workName}.partial`);
  await mkdir(join(work, 'objects'), { recursive: true, mode: 0o700 });
  try {
    await extractInto(source, work);
    const manifest = await manifestOf(work);
    if (existsSync(folder.path(manifest.id))) return manifest.id;
    const root = folder.objectsPath(manifest.encryption?.keyId ?? null);
    const known = new Set((await folder.objects(manifest.encryption?.keyId ?? null)).values());
    for (const object of await readdir(join(work, 'objects'), { recursive: true })) {
      // An encrypted original differs each time it is written: the backup's list names this one.
      if (!object.includes('-') || known.has(object)) continue;
      await mkdir(join(root, dirname(object)), { recursive: true, mode: 0o700 });
      await rename(join(work, 'objects', object), join(root, object));
    }
    await rm(join(work, 'objects'), { recursive: true, force: true });
    await rename(work, folder.path(manifest.id));
    return manifest.id;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function extractInto(source: Readable, work: string): Promise<void> {
  const archive = extract();
  // Of an archive that was cut off, the entry under way never ends by itself.
  const cut = new AbortController();
  const read = pipeline(source, archive);
  read.catch((error: unknown) => cut.abort(error));
  try {
    for await (const entry of archive) {
      const { name, size = 0 } = entry.header;
      if (!fileName.test(name) && !objectName.test(name))
        throw badInput(`The archive holds "${name}", which is no part of a backup.`, 'Give an archive that this product has made.');
      if (name === manifestFile && size > mostManifestBytes) throw badInput('The manifest of the archive is too large.', null);
      await mkdir(dirname(join(work, name)), { recursive: true, mode: 0o700 });
      await pipeline(entry, createWriteStream(join(work, name), { mode: 0o600 }), { signal: cut.signal });
    }
    await read;
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw badInput(`The archive cannot be read: ${messageOf(cut.signal.reason ?? error)}`, 'Give an archive that this product has made, in full.');
  }
}

async function manifestOf(work: string): Promise<Manifest> {
  const text = await readFile(join(work, manifestFile), 'utf8').catch(() => null);
  const manifest = text === null ? null : fromRecord<Manifest>(text);
  if (!manifest) throw badInput('The archive has no manifest, or a damaged one.', 'Give an archive that this product has made, in full.');
  return manifest;
}
