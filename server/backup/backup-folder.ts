import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, messageOf, notFound } from '../platform/errors.js';
import {
  backupId,
  type BackupKind,
  backupKinds,
  type BackupStatus,
  fromRecord,
  isObject,
  isSafe,
  type Manifest,
  manifestFile,
  statusFile,
  toRecord,
} from './manifest.js';

/** A backup as it is listed. */
export interface Backup {
  manifest: Manifest;
  status: BackupStatus | null;
  /** Size of its own files and of the originals it needs, bytes. */
  bytes: number;
}

const partial = '.partial';
export const received = 'received-';
/** An archive that has grown no more for so long was cut off. */
const receivingMs = 86_400_000;

/** What the name of a backup says of it; null for another name. */
export function readId(id: string): Pick<Manifest, 'id' | 'kind' | 'createdAt'> | null {
  const [, year, month, day, hour, minute, second, name] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-([a-z]+)-/.exec(id) ?? [];
  const kind = backupId.test(id) ? backupKinds.find((one) => one.toLowerCase() === name) : undefined;
  return kind ? { id, kind, createdAt: `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z` } : null;
}

/**
 * The folder of backups: one folder each, and `objects/<key>/<ab>/<hash>-<hash as stored>` with the originals that they share. A backup
 * is there when its folder has its name; until then it is called `.partial`.
 */
export class BackupFolder {
  constructor(readonly directory: string) {}

  newId(kind: BackupKind, at: Date): string {
    const time = at.toISOString().replace(/[-:]|\.\d+/g, '');
    return `${time}-${kind.toLowerCase()}-${randomBytes(2).toString('hex')}`;
  }

  path(id: string): string {
    if (!backupId.test(id)) throw notFound('backup', id);
    return join(this.directory, id);
  }

  partialPath(id: string): string {
    return `${this.path(id)}${partial}`;
  }

  objectsPath(keyId: string | null): string {
    return join(this.directory, 'objects', keyId ?? 'plain');
  }

  /** Removes what interrupted runs left. Nothing else may write meanwhile. @throws AppError UNAVAILABLE where the folder cannot be written */
  async sweep(): Promise<void> {
    try {
      await mkdir(this.directory, { recursive: true, mode: 0o700 });
      await rm(await mkdtemp(join(this.directory, 'written-')), { recursive: true });
    } catch (error) {
      throw new AppError(
        'UNAVAILABLE',
        { en: `The folder of backups cannot be written: ${messageOf(error)}`, ja: `バックアップ用フォルダーに書き込めません: ${messageOf(error)}。` },
        { en: 'Look at the disk and at BACKUP_DIR.', ja: 'ディスクと BACKUP_DIR を確認してください。' },
      );
    }
    for (const name of await readdir(this.directory)) {
      if (!name.endsWith(partial)) continue;
      const path = join(this.directory, name);
      // What is being received goes on meanwhile.
      if (name.startsWith(received) && Date.now() - (await stat(path)).mtimeMs < receivingMs) continue;
      await rm(path, { recursive: true, force: true });
    }
    const objects = await readdir(join(this.directory, 'objects'), { recursive: true }).catch(() => []);
    for (const name of objects) if (name.endsWith('.tmp') || name.endsWith('.rotten')) await rm(join(this.directory, 'objects', name), { force: true });
  }

  /** Backups, newest first, and folders that are called like backups and whose manifest cannot be trusted. */
  async survey(): Promise<{ backups: Backup[]; damaged: string[] }> {
    const ids = await this.#ids();
    const found = await Promise.all(ids.map((id) => this.find(id)));
    const backups = found.filter((one) => one !== null).sort((a, b) => b.manifest.createdAt.localeCompare(a.manifest.createdAt));
    return { backups, damaged: ids.filter((_, i) => found[i] === null) };
  }

  /** Newest first. */
  async list(): Promise<Backup[]> {
    return (await this.survey()).backups;
  }

  async damaged(): Promise<string[]> {
    return (await this.survey()).damaged;
  }

  async #ids(): Promise<string[]> {
    return (await readdir(this.directory).catch(() => [])).filter((name) => backupId.test(name));
  }

  async find(id: string): Promise<Backup | null> {
    const folder = this.path(id);
    const read = async <T>(name: string) => {
      const text = await readFile(join(folder, name), 'utf8').catch(() => null);
      return text === null ? null : fromRecord<T>(text);
    };
    const manifest = await read<Manifest>(manifestFile);
    if (!manifest || manifest.id !== id || !isSafe(manifest)) return null;
    const bytes = manifest.parts.reduce((sum, part) => sum + part.bytes, manifest.objects.bytes);
    return { manifest, status: await read<BackupStatus>(statusFile), bytes };
  }

  async require(id: string): Promise<Backup> {
    const found = await this.find(id);
    if (!found) throw notFound('backup', id);
    return found;
  }

  async writeStatus(id: string, status: BackupStatus): Promise<void> {
    const half = join(this.path(id), `${statusFile}.tmp`);
    await writeFile(half, toRecord(status), { mode: 0o600, flush: true });
    await rename(half, join(this.path(id), statusFile));
  }

  async remove(id: string): Promise<void> {
    const path = this.path(id);
    if (!existsSync(path)) throw notFound('backup', id);
    // In one step no longer a backup; the rest may be cut off.
    await rename(path, `${path}${partial}`);
    await rm(`${path}${partial}`, { recursive: true, force: true });
  }

  /** Bytes free for another backup. */
  async freeBytes(): Promise<number> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    const { bavail, bsize } = await statfs(this.directory);
    return bavail * bsize;
  }

  /** Originals kept under a key, by hash. */
  async objects(keyId: string | null): Promise<Map<string, string>> {
    return new Map((await this.#objectFiles(keyId)).map((object) => [object.slice(3, 67), object]));
  }

  /** All of their files: an encrypted one that came in an archive may lie beside our own. */
  async #objectFiles(keyId: string | null): Promise<string[]> {
    const root = this.objectsPath(keyId);
    const shards = await readdir(root).catch(() => []);
    const files = await Promise.all(shards.map(async (shard) => (await readdir(join(root, shard))).map((name) => join(shard, name))));
    return files.flat().filter(isObject);
  }

  /** Removes originals that none of these names, by key; those of spared keys stay. */
  async dropObjects(named: Map<string | null, Set<string>>, spared: Set<string | null>): Promise<void> {
    for (const keyName of await readdir(join(this.directory, 'objects')).catch(() => [])) {
      const keyId = keyName === 'plain' ? null : keyName;
      if (spared.has(keyId)) continue;
      for (const object of await this.#objectFiles(keyId)) {
        if (!named.get(keyId)?.has(object)) await rm(join(this.objectsPath(keyId), object), { force: true });
      }
    }
  }

  /** Size of all files, bytes. */
  async sizeBytes(): Promise<number> {
    const entries = await readdir(this.directory, { recursive: true, withFileTypes: true }).catch(() => []);
    let bytes = 0;
    for (const entry of entries) if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name)).catch(() => null))?.size ?? 0;
    return bytes;
  }
}
