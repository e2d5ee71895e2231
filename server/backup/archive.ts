import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, pack } from 'tar-stream';
import { AppError, badInput, messageOf } from '../platform/errors.js';
import { type BackupFolder } from './backup-folder.js';
import { fromRecord, isObject, isSafe, type Manifest, manifestFile, statusFile } from './manifest.js';
import { originalsOf } from './restoring/check.js';
import { keyForReading, type KeySettings } from './keys.js';
import { storedHash } from './saving/originals-part.js';
import { hashOf } from './sealing.js';

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

const isObjectName = (name: string) => name.startsWith('objects/') && isObject(name.slice('objects/'.length));
const fileName = /^[a-z]+\.[a-z0-9.]+$/;
const mostManifestBytes = 64 * 1024 ** 2;

export interface Unpacked {
  id: string;
  /** It was not among the backups before. */
  isNew: boolean;
}

/** Does what writes to the folder's shared part alone. */
export type Exclusively = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * Takes an archive in as one of the folder's backups.
 * @throws AppError BAD_USER_INPUT for anything but such an archive
 */
export async function unpack(source: Readable, folder: BackupFolder, workName: string, exclusively: Exclusively = (work) => work()): Promise<Unpacked> {
  const work = join(folder.directory, `${workName}.partial`);
  await mkdir(join(work, 'objects'), { recursive: true, mode: 0o700 });
  try {
    await extractInto(source, work);
    return await exclusively(() => adopt(work, folder));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Makes what was unpacked one of the backups; it takes the place of what is here and damaged. */
async function adopt(work: string, folder: BackupFolder): Promise<Unpacked> {
  const manifest = await manifestOf(work);
  const { id } = manifest;
  const here = await folder.find(id);
  const isNew = !here && !existsSync(folder.path(id));
  const keyId = manifest.encryption?.keyId ?? null;
  const root = folder.objectsPath(keyId);
  for (const object of (await readdir(join(work, 'objects'), { recursive: true })).filter(isObject)) {
    const arrived = join(work, 'objects', object);
    if (!(await isStored(arrived, object)))
      throw badInput(
        {
          en: `The original ${object.slice(3, 67)} in the archive is not what was saved.`,
          ja: `アーカイブの原本 ${object.slice(3, 67)} の内容が保存時と違います。`,
        },
        { en: 'Give another copy of the archive.', ja: '別のアーカイブを指定してください。' },
      );
    if (await isStored(join(root, object), object)) continue;
    await mkdir(join(root, dirname(object)), { recursive: true, mode: 0o700 });
    await rename(arrived, join(root, object));
  }
  if (here && here.status?.state !== 'BAD') return { id, isNew };
  await rm(join(work, 'objects'), { recursive: true, force: true });
  if (!isNew) await folder.remove(id);
  await rename(work, folder.path(id));
  return { id, isNew };
}

/** Whether a file is there and is what its name says. */
async function isStored(path: string, object: string): Promise<boolean> {
  return existsSync(path) && (await hashOf(path, new AbortController().signal)).sha256 === storedHash({ object });
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
      if ((!fileName.test(name) || name === statusFile) && !isObjectName(name))
        throw badInput(
          { en: `The archive holds "${name}", which is no part of a backup.`, ja: `アーカイブに、バックアップのものではない「${name}」があります。` },
          { en: 'Give an archive that this product has made.', ja: 'この製品で作ったアーカイブを指定してください。' },
        );
      if (name === manifestFile && size > mostManifestBytes)
        throw badInput({ en: 'The manifest of the archive is too large.', ja: 'アーカイブのマニフェストが大きすぎます。' }, null);
      await mkdir(dirname(join(work, name)), { recursive: true, mode: 0o700 });
      await pipeline(entry, createWriteStream(join(work, name), { mode: 0o600 }), { signal: cut.signal });
    }
    await read;
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw badInput(
      { en: `The archive cannot be read: ${messageOf(cut.signal.reason ?? error)}`, ja: `アーカイブを読めません: ${messageOf(cut.signal.reason ?? error)}。` },
      { en: 'Give an archive that this product has made, in full.', ja: 'この製品で作ったアーカイブ全体を指定してください。' },
    );
  }
}

async function manifestOf(work: string): Promise<Manifest> {
  const text = await readFile(join(work, manifestFile), 'utf8').catch(() => null);
  const manifest = text === null ? null : fromRecord<Manifest>(text);
  if (!manifest || !isSafe(manifest))
    throw badInput(
      { en: 'The archive has no manifest, or a damaged one.', ja: 'アーカイブのマニフェストがないか、壊れています。' },
      { en: 'Give an archive that this product has made, in full.', ja: 'この製品で作ったアーカイブ全体を指定してください。' },
    );
  return manifest;
}
