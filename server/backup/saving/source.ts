import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import sqlite3 from 'sqlite3';
import { type Settings } from '../../config/index.js';
import { AppError, messageOf } from '../../platform/errors.js';
import { connectPostgres } from '../postgres-client.js';

/** The database as it was at one moment, whatever is written meanwhile. */
export interface Source {
  readonly dialect: 'sqlite' | 'postgres';
  /** `?` stands for parameters. */
  query<T>(sql: string, parameters?: unknown[]): Promise<T[]>;
  /** All of it but chunk vectors and sessions. Comes last: the source answers no query afterwards. */
  dump(): Promise<Readable>;
  close(): Promise<void>;
}

type SourceSettings = Pick<Settings, 'DATABASE_URL' | 'DATA_DIR'>;

export function openSource(settings: SourceSettings, scratch: string): Promise<Source> {
  return settings.DATABASE_URL ? openPostgres(settings.DATABASE_URL) : openSqlite(settings.DATA_DIR, scratch);
}

/** Tables whose rows a dump leaves out: vectors have a part of their own, and nobody is signed in again by a restore. */
const leftOut = ['chunk_vectors', 'known_vectors', 'sessions'];
/** Schemas in PostgreSQL that hold what a restore has set aside: neither saved, nor in the way of the next restore. */
export const asidePrefix = 'erpfts_set_aside_';

interface OnlineBackup {
  step(pages: number, done: (error: Error | null) => void): void;
  finish(done: (error: Error | null) => void): void;
}

const promised = (call: (done: (error: Error | null) => void) => void) =>
  new Promise<void>((resolve, reject) => call((error) => (error ? reject(error) : resolve())));

/** SQLite's online backup, all pages in one step: with a write-ahead log it takes one moment's state and holds nobody up. https://www.sqlite.org/backup.html */
async function copySqlite(from: string, to: string): Promise<void> {
  const source = await opened(from, sqlite3.OPEN_READONLY);
  try {
    await promised((done) => source.run('PRAGMA busy_timeout = 60000', done));
    const backup = (source as unknown as { backup: (path: string) => OnlineBackup }).backup(to);
    await promised((done) => backup.step(-1, done));
    await promised((done) => backup.finish(done));
  } finally {
    await promised((done) => source.close(done));
  }
}

async function opened(path: string, flags: number): Promise<sqlite3.Database> {
  let database!: sqlite3.Database;
  await promised((done) => (database = new sqlite3.Database(path, flags, done)));
  return database;
}

async function openSqlite(dataDir: string, scratch: string): Promise<Source> {
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  const path = join(scratch, 'copy.sqlite');
  await copySqlite(join(dataDir, 'erpfts.sqlite'), path);
  let database: sqlite3.Database | null = await opened(path, sqlite3.OPEN_READWRITE);
  const close = async () => {
    const open = database;
    database = null;
    if (open) await promised((done) => open.close(done));
  };
  return {
    dialect: 'sqlite',
    query: <T>(sql: string, parameters: unknown[] = []) =>
      new Promise<T[]>((resolve, reject) => database!.all<T>(sql, parameters, (error, rows) => (error ? reject(error) : resolve(rows)))),
    dump: async () => {
      const deletions = leftOut.map((table) => `DELETE FROM ${table};`).join(' ');
      // Nobody but us reads this copy, and it is made again where this is cut off.
      await promised((done) => database!.exec(`PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; ${deletions} VACUUM`, done));
      await close();
      return createReadStream(path);
    },
    close: async () => {
      await close();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

async function openPostgres(url: string): Promise<Source> {
  const client = await connectPostgres({ connectionString: url, application_name: 'erpfts backup' });
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const { rows } = await client.query<{ snapshot: string }>('SELECT pg_export_snapshot() AS snapshot');
  const snapshot = rows[0]!.snapshot;
  return {
    dialect: 'postgres',
    query: async <T>(sql: string, parameters: unknown[] = []) => {
      let n = 0;
      const answer = await client.query(
        sql.replace(/\?/g, () => `$${++n}`),
        parameters,
      );
      return answer.rows as T[];
    },
    dump: async () => {
      const without = leftOut.map((table) => `--exclude-table-data=${table}`);
      const tool = await started(
        'pg_dump',
        ['--format=custom', '--compress=0', '--no-owner', '--no-privileges', `--exclude-schema=${asidePrefix}*`, `--snapshot=${snapshot}`, ...without],
        url,
      );
      return Readable.from(whole(tool), { objectMode: false });
    },
    close: () => client.end(),
  };
}

/** What the tools of PostgreSQL read of their environment: in their arguments everybody on the machine would see the password. https://www.postgresql.org/docs/current/libpq-envars.html */
function connection(url: string): Record<string, string> {
  const { hostname, port, username, password, pathname, searchParams } = new URL(url);
  const known = {
    PGHOST: searchParams.get('host') ?? hostname.replace(/^\[|\]$/g, ''),
    PGPORT: port,
    PGUSER: decodeURIComponent(username),
    PGPASSWORD: decodeURIComponent(password),
    PGDATABASE: decodeURIComponent(pathname.slice(1)),
    PGSSLMODE: searchParams.get('sslmode') ?? '',
  };
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== ''));
}

/** All that a tool writes; it ends well only where the tool does. */
async function* whole({ stdout, ended }: Tool): AsyncGenerator<Buffer> {
  yield* stdout as AsyncIterable<Buffer>;
  await ended;
}

interface Tool {
  stdout: Readable;
  /** Rejects where the tool fails. */
  ended: Promise<void>;
}

/** Starts a tool of PostgreSQL on the database of `url`. */
export async function started(tool: string, parameters: string[], url: string): Promise<Tool> {
  const child = spawn(tool, parameters, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...connection(url) } });
  try {
    await once(child, 'spawn');
  } catch (error) {
    throw new AppError(
      'UNAVAILABLE',
      { en: `${tool} cannot be started: ${messageOf(error)}`, ja: `${tool} を起動できません: ${messageOf(error)}。` },
      { en: 'Install the client programs of PostgreSQL (postgresql-client).', ja: 'PostgreSQL のクライアント（postgresql-client）を導入してください。' },
    );
  }
  let complaint = '';
  child.stderr.on('data', (data: Buffer) => (complaint = `${complaint}${data.toString()}`.slice(-2000)));
  const ended = new Promise<void>((resolve, reject) => {
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`${tool} failed: ${complaint.trim() || String(code)}`))));
  });
  ended.catch(() => undefined);
  return { stdout: child.stdout, ended };
}
