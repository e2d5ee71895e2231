import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, messageOf } from '../../platform/errors.js';
import { say, type Saying } from '../../platform/saying.js';
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
  problems: Saying[];
  /** Paths of originals that are not what was written. */
  rotten: string[];
  /** These and those that are missing, below `objects/<key>`: other backups may need them, too. */
  lost: string[];
}

const missing = (file: string): Saying => ({ en: `${file} is missing.`, ja: `${file} がありません。` });
const damaged = (file: string): Saying => ({ en: `${file} is damaged.`, ja: `${file} が壊れています。` });
const altered = (file: string): Saying => ({ en: `${file} is not what was written.`, ja: `${file} の内容が書き込み時と違います。` });

/** Objects of a backup, read from its list. */
export async function* originalsOf(folder: BackupFolder, manifest: Manifest, key: Key | null): AsyncGenerator<OriginalRecord> {
  const part = manifest.parts.find(({ name }) => name === 'originals');
  if (!part) return;
  for await (const original of fromLines<OriginalRecord>(await unseal(join(folder.path(manifest.id), part.file), key))) {
    if (!isObject(original.object))
      throw new AppError(
        'CONFLICT',
        {
          en: `The backup ${manifest.id} names an original outside its folder.`,
          ja: `バックアップ ${manifest.id} が、フォルダーの外にある原本を指しています。`,
        },
        { en: 'Do not use it.', ja: '使わないでください。' },
      );
    yield original;
  }
}

/**
 * Reads every byte of a backup and compares it with what was written: manifest, parts and the originals it needs.
 * @throws AppError BAD_USER_INPUT where the key is not that of the backup
 */
export async function check(id: string, { folder, settings, signal, report }: CheckParts): Promise<Checked> {
  const path = folder.path(id);
  const problems: Saying[] = [];
  const rotten: string[] = [];
  const lost: string[] = [];
  const text = await readFile(join(path, manifestFile), 'utf8').catch(() => null);
  const manifest = text === null ? null : fromRecord<Manifest>(text);
  if (!manifest) return { problems: [text === null ? missing(manifestFile) : damaged(manifestFile)], rotten, lost };
  const status = await readFile(join(path, statusFile), 'utf8').catch(() => null);
  if (status !== null && !fromRecord<BackupStatus>(status)) problems.push(damaged(statusFile));
  const strangers = (await readdir(path)).filter(
    (name) => !name.endsWith('.tmp') && ![manifestFile, statusFile, ...manifest.parts.map(({ file }) => file)].includes(name),
  );
  if (strangers.length > 0)
    problems.push({
      en: `It holds files that it was not written with: ${strangers.join(', ')}.`,
      ja: `書き込み時になかったファイルがあります: ${strangers.join(', ')}。`,
    });
  for (const [i, part] of manifest.parts.entries()) {
    report('CHECK', (i / manifest.parts.length) * 0.5);
    if (!existsSync(join(path, part.file))) problems.push(missing(part.file));
    else if ((await hashOf(join(path, part.file), signal)).sha256 !== part.sha256) problems.push(altered(part.file));
  }
  const key = await keyForReading(manifest, settings);
  if (problems.some((problem) => say(problem).startsWith('originals'))) return { problems, rotten, lost };
  let done = 0;
  try {
    for await (const original of originalsOf(folder, manifest, key)) {
      signal.throwIfAborted();
      if (done++ % 20 === 0) report('CHECK', 0.5 + (done / Math.max(1, manifest.objects.count)) * 0.5);
      const object = join(folder.objectsPath(key?.id ?? null), original.object);
      if (!existsSync(object)) {
        problems.push({ en: `The original ${original.sha256} is missing.`, ja: `原本 ${original.sha256} がありません。` });
        lost.push(original.object);
      } else if ((await hashOf(object, signal)).sha256 !== storedHash(original)) {
        problems.push({ en: `The original ${original.sha256} is not what was written.`, ja: `原本 ${original.sha256} の内容が書き込み時と違います。` });
        rotten.push(object);
        lost.push(original.object);
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    problems.push({ en: `The list of originals cannot be read: ${messageOf(error)}`, ja: `原本の一覧を読めません: ${messageOf(error)}` });
  }
  return { problems, rotten, lost };
}
