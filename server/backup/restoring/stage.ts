import { createWriteStream, existsSync } from 'node:fs';
import { link, mkdir, open, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { migrations } from '../../../migrations/index.js';
import { type Settings } from '../../config/index.js';
import { BlobStore } from '../../platform/blobs/index.js';
import { Database } from '../../platform/database/index.js';
import { AppError } from '../../platform/errors.js';
import { createLogger } from '../../platform/logging/index.js';
import { newJob } from '../../platform/queue/index.js';
import { type BackupFolder } from '../backup-folder.js';
import { type Key, keyForReading } from '../keys.js';
import { fromLines } from '../lines.js';
import { type Counts, type Manifest, type PartName } from '../manifest.js';
import { type VectorRecord } from '../saving/library-part.js';
import { countsOf, countWithoutVectors } from '../saving/save.js';
import { hashOf, meter, unseal } from '../sealing.js';
import { originalsOf } from './check.js';
import { putIntoPostgres } from './postgres.js';
import { putBackVectors } from './vectors.js';

export interface StageParts {
  settings: Settings;
  folder: BackupFolder;
  /** Folder that becomes a data directory. */
  target: string;
  /** A data directory whose originals may be shared instead of written again; null for none. */
  present: string | null;
  /** PostgreSQL database that a dump is put into; empty leaves it beside, for later. */
  databaseUrl: string;
  // eslint-disable-next-line @typescript-eslint/no-unsafe-function-type -- TypeORM's own type for class lists
  entities: Function[];
  signal: AbortSignal;
  report: (stage: string, progress: number) => void;
}

export interface Staged {
  manifest: Manifest;
  /** What is there now; null where the database is still a dump. */
  counts: Counts | null;
  /** Chunks that answer, and that no backup has vectors for. */
  withoutVectors: number;
}

/** @throws AppError CONFLICT for a backup that this version cannot read */
export function requireReadable({ id, kind, schema, version, dialect }: Manifest, settings: Pick<Settings, 'DATABASE_URL'>): void {
  const known = new Set(migrations.map(({ name }) => name));
  const unknown = schema.filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new AppError(
      'CONFLICT',
      {
        en: `The backup ${id} comes from version ${version}, which is newer than this one.`,
        ja: `バックアップ ${id} は、この版より新しい版 ${version} で作られました。`,
      },
      { en: 'Update the program, then restore it.', ja: 'プログラムを更新してから復元してください。' },
    );
  if (kind !== 'FULL' && kind !== 'DATABASE') return;
  const here = settings.DATABASE_URL ? 'postgres' : 'sqlite';
  if (dialect !== here)
    throw new AppError(
      'CONFLICT',
      {
        en: `The backup ${id} is of a ${dialect === 'sqlite' ? 'SQLite' : 'PostgreSQL'} database, and this installation uses the other.`,
        ja: `バックアップ ${id} は ${dialect === 'sqlite' ? 'SQLite' : 'PostgreSQL'} のもので、この環境のデータベースと種類が違います。`,
      },
      { en: 'Import it as a library: documents are read again.', ja: 'ライブラリとして取り込んでください。文書は読み直されます。' },
    );
}

/** What a part holds, refused at its end where it is not what was written. */
async function partOf(manifest: Manifest, name: PartName, folder: BackupFolder, key: Key | null, signal: AbortSignal): Promise<Readable | null> {
  const part = manifest.parts.find((one) => one.name === name);
  if (!part) return null;
  const path = join(folder.path(manifest.id), part.file);
  const found = existsSync(path) ? await hashOf(path, signal) : null;
  if (found?.sha256 !== part.sha256)
    throw new AppError(
      'CONFLICT',
      {
        en: `${part.file} of the backup ${manifest.id} is ${found ? 'not what was written' : 'missing'}.`,
        ja: `バックアップ ${manifest.id} の ${part.file} ${found ? 'の内容が書き込み時と違います' : 'がありません'}。`,
      },
      { en: 'Restore another backup.', ja: '別のバックアップから復元してください。' },
    );
  return unseal(path, key);
}

/** Makes a data directory of a backup, beside whatever is in use; one that fails leaves nothing. @throws AppError UNAVAILABLE where the disk would fill */
export async function stage(id: string, parts: StageParts): Promise<Staged> {
  const { settings, folder, target } = parts;
  const { manifest } = await folder.require(id);
  requireReadable(manifest, settings);
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true, mode: 0o700 });
  try {
    await requireRoom(manifest, parts);
    return await fill(manifest, parts);
  } catch (error) {
    await rm(target, { recursive: true, force: true });
    throw error;
  }
}

/** Vectors go from their lines, a third longer, into the database. */
async function requireRoom(manifest: Manifest, { folder, settings, target }: StageParts): Promise<void> {
  const { id, parts } = manifest;
  const { bavail, bsize } = await statfs(target);
  let needed = parts.reduce((sum, part) => sum + part.plainBytes, 0);
  for await (const { bytes, plainBytes } of originalsOf(folder, manifest, await keyForReading(manifest, settings))) needed += plainBytes || bytes;
  const least = settings.DISK_MIN_FREE_BYTES;
  if (bavail * bsize - needed >= least) return;
  const megabytes = (bytes: number) => `${Math.ceil(bytes / 1024 ** 2)} MB`;
  throw new AppError(
    'UNAVAILABLE',
    {
      en: `Restoring ${id} may need ${megabytes(needed)} in DATA_DIR; ${megabytes(bavail * bsize)} are free.`,
      ja: `${id} の復元には DATA_DIR に ${megabytes(needed)} が必要になり得ますが、空きは ${megabytes(bavail * bsize)} です。`,
    },
    { en: 'Make room first.', ja: '先に空きを増やしてください。' },
  );
}

async function fill(manifest: Manifest, parts: StageParts): Promise<Staged> {
  const { settings, folder, target, signal, report } = parts;
  const { id } = manifest;
  const key = await keyForReading(manifest, settings);
  await putBackOriginals(manifest, key, parts);
  report('DATABASE', 0.5);
  const content = await partOf(manifest, 'database', folder, key, signal);
  if (!content)
    throw new AppError(
      'CONFLICT',
      { en: `The backup ${id} holds no database.`, ja: `バックアップ ${id} にデータベースは含まれていません。` },
      { en: 'Restore a FULL or DATABASE backup.', ja: 'FULL か DATABASE のバックアップを復元してください。' },
    );
  const file = join(target, manifest.dialect === 'postgres' ? 'database.dump' : 'erpfts.sqlite');
  await pipeline(content, createWriteStream(file, { mode: 0o600, flush: true }), { signal });
  report('VECTORS', 0.7);
  const vectors = vectorsFor(manifest, folder, settings, signal);
  if (manifest.dialect === 'postgres' && !parts.databaseUrl) {
    await writeLines(vectors, join(target, 'vectors.jsonl'));
    return { manifest, counts: null, withoutVectors: 0 };
  }
  if (manifest.dialect === 'postgres') await putIntoPostgres(file, parts.databaseUrl);
  const database = await Database.open(
    { settings: { ...settings, DATA_DIR: target, DATABASE_URL: parts.databaseUrl }, entities: parts.entities, migrations, log: createLogger('error') },
    { migrate: true },
  );
  try {
    return { manifest, ...(await finishDatabase(database, vectors, signal, report)) };
  } finally {
    await database.close();
  }
}

/** Gives a database that was just put back its vectors, and looks it over. */
export async function finishDatabase(
  database: Database,
  vectors: AsyncIterable<VectorRecord>,
  signal: AbortSignal,
  report: StageParts['report'],
): Promise<{ counts: Counts; withoutVectors: number }> {
  await putBackVectors(database, vectors, signal);
  await settle(database);
  report('INTEGRITY', 0.9);
  const problems = await database.integrityProblems();
  if (problems.length > 0)
    throw new AppError(
      'CONFLICT',
      {
        en: `The restored database is damaged: ${problems.slice(0, 3).join('; ')}.`,
        ja: `復元したデータベースが壊れています: ${problems.slice(0, 3).join('; ')}。`,
      },
      { en: 'Restore another backup.', ja: '別のバックアップから復元してください。' },
    );
  const source = { query: async <T>(sql: string) => (await database.read.query(sql)) as T[] };
  const [counts, withoutVectors] = [await countsOf(source), await countWithoutVectors(source)];
  if (withoutVectors > 0) await queueRepair(database);
  return { counts, withoutVectors };
}

/** Documents whose vectors no backup had are read again once the server runs. */
async function queueRepair(database: Database): Promise<void> {
  const job = newJob({ kind: 'MAINTENANCE', subjectId: 'maintenance:REPAIR_DATA', payload: { task: 'REPAIR_DATA', options: { dryRun: false } } });
  await database.write((tx) => tx.save(job));
}

/** Work on the system itself that was under way is not gone on with; work on documents is. */
async function settle(database: Database): Promise<void> {
  await database.write(async (tx) => {
    await tx.query(
      `UPDATE jobs SET status = 'CANCELLED', error = 'It was under way when the backup was taken.', finished_at = '${new Date().toISOString()}'
       WHERE status IN ('QUEUED', 'RUNNING') AND kind IN ('BACKUP', 'SCHEDULE', 'MAINTENANCE', 'GOLDEN')`,
    );
  });
}

async function putBackOriginals(manifest: Manifest, key: Key | null, { folder, target, present, signal, report }: StageParts): Promise<void> {
  const blobs = new BlobStore(target);
  await blobs.open();
  const here = present === null ? null : new BlobStore(present);
  let done = 0;
  for await (const original of originalsOf(folder, manifest, key)) {
    signal.throwIfAborted();
    if (done++ % 20 === 0) report('ORIGINALS', (done / Math.max(1, manifest.objects.count)) * 0.5);
    const path = blobs.path(original.sha256);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // One that is here, and is what it is called, needs no second place on the disk.
    if (here?.exists(original.sha256) && (await hashOf(here.path(original.sha256), signal)).sha256 === original.sha256) {
      const linked = await link(here.path(original.sha256), path).then(
        () => true,
        () => false,
      );
      if (linked) continue;
    }
    const measured = meter();
    const object = join(folder.objectsPath(key?.id ?? null), original.object);
    await pipeline(await unseal(object, key), measured, createWriteStream(path, { mode: 0o600 }), { signal });
    if (measured.sha256() !== original.sha256)
      throw new AppError(
        'CONFLICT',
        {
          en: `The original ${original.sha256} in the backup ${manifest.id} is not what was saved.`,
          ja: `バックアップ ${manifest.id} の原本 ${original.sha256} の内容が保存時と違います。`,
        },
        { en: 'Restore another backup.', ja: '別のバックアップから復元してください。' },
      );
  }
  const directory = await open(target, 'r');
  await directory.sync().finally(() => directory.close());
}

/** The backup's own vectors, else those of the newest backup that has some. */
async function* vectorsFor(manifest: Manifest, folder: BackupFolder, settings: Settings, signal: AbortSignal): AsyncGenerator<VectorRecord> {
  const own = await partOf(manifest, 'vectors', folder, await keyForReading(manifest, settings), signal);
  if (own) {
    yield* fromLines<VectorRecord>(own);
    return;
  }
  for (const { manifest: other, status } of await folder.list()) {
    if (status?.state !== 'GOOD' || !other.parts.some(({ name }) => name === 'vectors')) continue;
    // One that cannot be opened is no reason to give the documents up: an older one may, or vectors are made again.
    const content = await keyForReading(other, settings)
      .then((key) => partOf(other, 'vectors', folder, key, signal))
      .catch(() => null);
    signal.throwIfAborted();
    if (!content) continue;
    yield* fromLines<VectorRecord>(content);
    return;
  }
}

async function writeLines(records: AsyncIterable<object>, path: string): Promise<void> {
  await pipeline(
    async function* () {
      for await (const record of records) yield `${JSON.stringify(record)}\n`;
    },
    createWriteStream(path, { mode: 0o600, flush: true }),
  );
}
