import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type LoadedSettings, maskedSettings, version } from '../../config/index.js';
import { type ChunkingLimits } from '../../documents/index.js';
import { BlobStore } from '../../platform/blobs/index.js';
import { BackupFolder } from '../backup-folder.js';
import { type Key, keyForWriting } from '../keys.js';
import { toLines } from '../lines.js';
import { type BackupKind, type Counts, type Manifest, manifestFile, type Part, type PartName, type Sample, toRecord } from '../manifest.js';
import { seal } from '../sealing.js';
import { libraryRecords, type VectorRecord, vectorRecords } from './library-part.js';
import { keepOriginals } from './originals-part.js';
import { openSource, type Source } from './source.js';

export interface SaveTask {
  loaded: LoadedSettings;
  directory: string;
  id: string;
  kind: BackupKind;
  /** ISO 8601. */
  createdAt: string;
  /** A library is given away with its vectors. */
  withVectors: boolean;
}

/** How far the work is, and the one question it has for the server. */
export interface SaveLink {
  signal: AbortSignal;
  report: (stage: string, progress: number) => void;
  /** Answers of the live system, and the library's state then. */
  samples: (queries: string[]) => Promise<{ samples: Sample[]; state: string }>;
}

const parts: Record<BackupKind, PartName[]> = {
  FULL: ['library', 'originals', 'settings', 'vectors', 'database'],
  DATABASE: ['library', 'originals', 'settings', 'database'],
  VECTORS: ['vectors'],
  CONFIG: ['settings'],
  LIBRARY: ['library', 'originals'],
};

const mostGolden = 50;
const mostTitles = 30;

/** Everything a library's state shows by: the same text, nothing written in between. */
export const stateQuery = `SELECT count(*) AS n, max(updated_at) AS at, (SELECT count(*) FROM chunks) AS chunks,
  (SELECT count(*) FROM chunk_vectors WHERE pieces IS NOT NULL) AS pieces,
  (SELECT max(number) FROM index_generations WHERE status = 'ACTIVE') AS generation FROM documents`;
export const stateText = (row: Record<string, unknown> | undefined) => JSON.stringify(Object.values(row ?? {}).map(String));

/** Writes a backup: beside the others until it is whole, then in one step among them. */
export async function save(task: SaveTask, link: SaveLink): Promise<Manifest> {
  const { loaded, directory, id, kind } = task;
  const { signal, report } = link;
  const started = performance.now();
  const folder = new BackupFolder(directory);
  const target = folder.partialPath(id);
  await mkdir(target, { recursive: true, mode: 0o700 });
  // In DATA_DIR: where backups lie, a copy that is not encrypted has no place.
  const scratch = join(loaded.settings.DATA_DIR, 'tmp', `backup-${id}`);
  try {
    const key = await keyForWriting(directory, loaded.settings);
    const names = [...parts[kind], ...(kind === 'LIBRARY' && task.withVectors ? ['vectors' as const] : [])];
    const manifest = emptyManifest(task, key);
    report('SNAPSHOT', 0);
    const source = names.some((name) => name !== 'settings') ? await openSource(loaded.settings, scratch) : null;
    try {
      const described = source && (await describe(source, manifest));
      // Asked at once, so that as little as can be is written between the data and the answers.
      const asked = kind === 'FULL' && described ? link.samples(described.queries) : null;
      asked?.catch(() => undefined);
      for (const [i, name] of names.entries()) {
        signal.throwIfAborted();
        report(name.toUpperCase(), (i + 0.1) / (names.length + 1));
        const content = await contentOf(name, {
          source,
          loaded,
          folder,
          key,
          manifest,
          signal,
          onProgress: (share) => report(name.toUpperCase(), (i + share) / (names.length + 1)),
        });
        manifest.parts.push(await writePart(name, content, target, manifest.dialect, key, signal));
      }
      if (asked) {
        const { samples, state } = await asked;
        Object.assign(manifest, { asked: described?.queries.length ?? 0, quiet: state === described?.state });
        // Questions and titles are words of documents: beside an encrypted backup they stand in no manifest.
        if (!key) manifest.samples = samples;
        else manifest.parts.push(await writePart('samples', toLines(Readable.from(samples)), target, manifest.dialect, key, signal));
      }
    } finally {
      await source?.close();
    }
    await rm(scratch, { recursive: true, force: true });
    manifest.tookMs = Math.round(performance.now() - started);
    await writeFile(join(target, manifestFile), toRecord(manifest), { mode: 0o600, flush: true });
    signal.throwIfAborted();
    await rename(target, folder.path(id));
    return manifest;
  } catch (error) {
    await rm(scratch, { recursive: true, force: true });
    await rm(target, { recursive: true, force: true });
    throw error;
  }
}

function emptyManifest({ id, kind, createdAt }: SaveTask, key: Key | null): Manifest {
  return {
    format: 1,
    id,
    kind,
    createdAt,
    tookMs: 0,
    version,
    schema: [],
    dialect: null,
    model: null,
    counts: { documents: 0, chunks: 0, vectors: 0, goldenQueries: 0, originals: 0 },
    parts: [],
    objects: { count: 0, bytes: 0, newCount: 0, newBytes: 0 },
    missing: [],
    encryption: key && { keyId: key.id, wrapped: key.wrapped },
    samples: [],
    quiet: false,
  };
}

/** Fills in what the manifest says of the database. @returns what is to be asked of the live system, and the library's state */
async function describe(source: Source, manifest: Manifest): Promise<{ queries: string[]; state: string }> {
  const one = async <T>(sql: string) => (await source.query<T>(sql))[0];
  manifest.dialect = source.dialect;
  manifest.schema = (await source.query<{ name: string }>('SELECT name FROM schema_migrations ORDER BY id')).map(({ name }) => name);
  manifest.model = (await one<{ model: string }>(`SELECT model FROM index_generations WHERE status = 'ACTIVE'`))?.model ?? null;
  manifest.limits = await one<ChunkingLimits>(
    `SELECT c.max_tokens AS "maxTokens", c.overlap, c.piece_tokens AS "pieceTokens"
     FROM chunkings c JOIN index_generations g ON g.chunking = c.number AND g.status = 'ACTIVE'`,
  );
  manifest.counts = await countsOf(source);
  manifest.withoutVectors = await countWithoutVectors(source);
  const golden = await source.query<{ query: string }>(`SELECT query FROM golden_queries ORDER BY created_at DESC LIMIT ${mostGolden}`);
  const titles = await source.query<{ title: string }>(
    `SELECT title FROM documents WHERE deleted_at IS NULL AND status = 'READY' ORDER BY id LIMIT ${mostTitles}`,
  );
  const queries = [...new Set([...golden.map(({ query }) => query), ...titles.map(({ title }) => title)])];
  return { queries, state: stateText(await one<Record<string, unknown>>(stateQuery)) };
}

/** Passages that answer, and that the model in use has no vector for. */
export async function countWithoutVectors(source: Pick<Source, 'query'>): Promise<number> {
  const [lacking] = await source.query<{ n: number | string }>(
    `SELECT count(*) AS n FROM chunks c JOIN documents d ON d.id = c.document_id AND d.revision = c.revision WHERE NOT EXISTS
     (SELECT 1 FROM chunk_vectors v JOIN index_generations g ON g.model = v.model AND g.status = 'ACTIVE' WHERE v.chunk_id = c.id)`,
  );
  return Number(lacking?.n ?? 0);
}

export async function countsOf(source: Pick<Source, 'query'>): Promise<Counts> {
  const count = async (what: string) => Number((await source.query<{ n: number | string }>(`SELECT count(*) AS n FROM ${what}`))[0]?.n ?? 0);
  return {
    documents: await count('documents WHERE deleted_at IS NULL'),
    chunks: await count('chunks'),
    // As they are saved: one whose passage is gone is not.
    vectors: await count('chunk_vectors v JOIN chunks c ON c.id = v.chunk_id JOIN documents d ON d.id = c.document_id'),
    goldenQueries: await count('golden_queries'),
    originals: await count('(SELECT DISTINCT sha256 FROM documents WHERE deleted_at IS NULL AND sha256 IS NOT NULL) o'),
  };
}

interface ContentParts {
  source: Source | null;
  loaded: LoadedSettings;
  folder: BackupFolder;
  key: Key | null;
  manifest: Manifest;
  signal: AbortSignal;
  onProgress: (share: number) => void;
}

async function contentOf(name: PartName, { source, loaded, folder, key, manifest, signal, onProgress }: ContentParts): Promise<Readable> {
  if (name === 'settings') return Readable.from([Buffer.from(JSON.stringify(maskedSettings(loaded), null, 2))]);
  if (!source) throw new Error(`the part ${name} needs the database`);
  if (name === 'library') return toLines(libraryRecords(source));
  if (name === 'vectors') return toLines(counted(vectorRecords(source), manifest.counts.vectors, onProgress));
  if (name === 'database') return source.dump();
  const rows = await source.query<{ sha256: string }>('SELECT DISTINCT sha256 FROM documents WHERE deleted_at IS NULL AND sha256 IS NOT NULL ORDER BY sha256');
  const hashes = rows.map(({ sha256 }) => sha256);
  const blobs = new BlobStore(loaded.settings.DATA_DIR);
  const kept = await keepOriginals(hashes, { folder, blobs, key, signal, onProgress: (done) => onProgress(done / hashes.length) });
  manifest.missing = kept.missing;
  manifest.objects = {
    count: kept.records.length,
    bytes: kept.records.reduce((sum, { bytes }) => sum + bytes, 0),
    newCount: kept.newCount,
    newBytes: kept.newBytes,
  };
  return Readable.from(kept.records.map((record) => Buffer.from(`${JSON.stringify(record)}\n`)));
}

async function* counted(records: AsyncIterable<VectorRecord>, total: number, onProgress: (share: number) => void): AsyncGenerator<VectorRecord> {
  let done = 0;
  for await (const record of records) {
    if (++done % 1000 === 0) onProgress(Math.min(1, done / total));
    yield record;
  }
}

const endings: Record<PartName, string> = { database: 'sqlite', library: 'jsonl', originals: 'jsonl', vectors: 'jsonl', settings: 'json', samples: 'jsonl' };

async function writePart(name: PartName, content: Readable, target: string, dialect: Manifest['dialect'], key: Key | null, signal: AbortSignal): Promise<Part> {
  const ending = name === 'database' && dialect === 'postgres' ? 'dump' : endings[name];
  const file = `${name}.${ending}.gz${key ? '.age' : ''}`;
  const { sha256, bytes, plainBytes } = await seal(content, join(target, file), key, signal);
  return { name, file, sha256, bytes, plainBytes };
}
