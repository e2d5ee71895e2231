import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, messageOf } from '../../platform/errors.js';
import { type BackupFolder } from '../backup-folder.js';
import { type Key, keyForReading, type KeySettings } from '../keys.js';
import { fromLines } from '../lines.js';
import { type BackupStatus, fromRecord, isObject, type Manifest, manifestFile, statusFile } from '../manifest.js';
import { type OriginalRecord, storedHash } from '../saving/originals-part.js';
import { hashOf, unseal } from '../sealing.js';

interface CheckParts {
  folder: BackupFolder;
  settings: KeySettings;
  signal: AbortSignal;
  report: (stage: string, progress: number) => void;
}

export interface Checked {
  /** What is wrong; nothing where it is whole. */
  problems: string[];
  /** Paths of originals that are not what was written. */
  rotten: string[];
  /** These and those that are missing, below `objects/<key>`: other backups may need them, too. */
  lost: string[];
}

/** Objects of a backup, read from its list. */
export async function* originalsOf(folder: BackupFolder, manifest: Manifest, key: Key | null): AsyncGenerator<OriginalRecord> {
  const part = manifest.parts.find(({ name }) => name === 'originals');
  if (!part) return;
  for await (const original of fromLines<OriginalRecord>(await unseal(join(folder.path(manifest.id), part.file), key))) {
    if (!isObject(original.object)) throw new AppError('CONFLICT', `The backup ${manifest.id} names an original outside its folder.`, 'Do not use it.');
    yield original;
  }
}

/**
 * Reads every byte of a backup and compares it with what was written: manifest, parts and the originals it needs.
 * @throws AppError BAD_USER_INPUT where the key is not that of the backup
 */
export async function check(id: string, { folder, settings, signal, report }: CheckParts): Promise<Checked> {
  const path = folder.path(id);
  const problems: string[] = [];
  const rotten: string[] = [];
  const lost: string[] = [];
  const text = await readFile(join(path, manifestFile), 'utf8').catch(() => null);
  const manifest = text === null ? null : fromRecord<Manifest>(text);
  if (!manifest) return { problems: [`${manifestFile} is ${text === null ? 'missing' : 'damaged'}.`], rotten, lost };
  const status = await readFile(join(path, statusFile), 'utf8').catch(() => null);
  if (status !== null && !fromRecord<BackupStatus>(status)) problems.push(`${statusFile} is damaged.`);
  const strangers = (await readdir(path)).filter(
    (name) => !name.endsWith('.tmp') && ![manifestFile, statusFile, ...manifest.parts.map(({ file }) => file)].includes(name),
  );
  if (strangers.length > 0) problems.push(`It holds files that it was not written with: ${strangers.join(', ')}.`);
  for (const [i, part] of manifest.parts.entries()) {
    report('CHECK', (i / manifest.parts.length) * 0.5);
    if (!existsSync(join(path, part.file))) problems.push(`${part.file} is missing.`);
    else if ((await hashOf(join(path, part.file), signal)).sha256 !== part.sha256) problems.push(`${part.file} is not what was written.`);
  }
  const key = await keyForReading(manifest, settings);
  if (problems.some((problem) => problem.startsWith('originals'))) return { problems, rotten, lost };
  let done = 0;
  try {
    for await (const original of originalsOf(folder, manifest, key)) {
      signal.throwIfAborted();
      if (done++ % 20 === 0) report('CHECK', 0.5 + (done / Math.max(1, manifest.objects.count)) * 0.5);
      const object = join(folder.objectsPath(key?.id ?? null), original.object);
      if (!existsSync(object)) {
        problems.push(`The original ${original.sha256} is missing.`);
        lost.push(original.object);
      } else if ((await hashOf(object, signal)).sha256 !== storedHash(original)) {
        problems.push(`The original ${original.sha256} is not what was written.`);
        rotten.push(object);
        lost.push(original.object);
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    problems.push(`The list of originals cannot be read: ${messageOf(error)}`);
  }
  return { problems, rotten, lost };
}
