import { AsyncResource } from 'node:async_hooks';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import PQueue from 'p-queue';
import sqlite3 from 'sqlite3';
import { DataSource, type DataSourceOptions, type EntityManager, type MixedList } from 'typeorm';
import { type Settings } from '../../config/index.js';
import { messageOf } from '../errors.js';
import { type Logger } from '../logging/index.js';
import { adaptBlobColumns } from './columns.js';

export type Dialect = 'sqlite' | 'postgres';

type DatabaseSettings = Pick<
  Settings,
  | 'DATABASE_URL'
  | 'DATABASE_POOL_SIZE'
  | 'DATA_DIR'
  | 'SQLITE_TIMEOUT'
  | 'SQLITE_JOURNAL_MODE'
  | 'SQLITE_SYNCHRONOUS'
  | 'SQLITE_CACHE_SIZE'
  | 'SQLITE_TEMP_STORE'
>;

// eslint-disable-next-line @typescript-eslint/no-unsafe-function-type -- TypeORM's own type for class lists
type Classes = MixedList<Function>;

export interface DatabaseParts {
  settings: DatabaseSettings;
  entities: Classes;
  migrations: Classes;
  log: Logger;
}

export interface MigrationState {
  name: string;
  applied: boolean;
}

/**
 * The product's database: SQLite in DATA_DIR, or PostgreSQL where DATABASE_URL names one.
 *
 * SQLite's driver shares one connection, on which concurrent transactions would mix; so every write goes through
 * `write`, one at a time, and reads use connections of their own that WAL lets pass the writer.
 */
export class Database {
  readonly #writer: DataSource;
  readonly #reader: DataSource;
  readonly #searchReader: DataSource;
  readonly #writes: PQueue;

  private constructor(
    readonly dialect: Dialect,
    sources: { writer: DataSource; reader: DataSource; searchReader: DataSource },
  ) {
    this.#writer = sources.writer;
    this.#reader = sources.reader;
    this.#searchReader = sources.searchReader;
    this.#writes = new PQueue({ concurrency: dialect === 'sqlite' ? 1 : 8 });
  }

  /** Opens the database and applies outstanding migrations unless told not to. */
  static async open(parts: DatabaseParts, options: { migrate?: boolean; onMigrating?: () => void } = {}): Promise<Database> {
    const dialect: Dialect = parts.settings.DATABASE_URL ? 'postgres' : 'sqlite';
    adaptBlobColumns(dialect);
    const writer = await new DataSource(sourceOptions(parts, dialect, 'write')).initialize();
    if (dialect === 'sqlite') await applyPragmas(writer, parts.settings, true);
    if ((options.migrate ?? true) && (await writer.showMigrations())) {
      options.onMigrating?.();
      await writer.runMigrations({ transaction: 'each' });
    }
    if (dialect === 'postgres') return new Database(dialect, { writer, reader: writer, searchReader: writer });
    const openReader = async () => {
      const source = await new DataSource(sourceOptions(parts, dialect, 'read')).initialize();
      await applyPragmas(source, parts.settings, false);
      return source;
    };
    const [reader, searchReader] = await Promise.all([openReader(), openReader()]);
    return new Database(dialect, { writer, reader, searchReader });
  }

  /** Manager for reads outside a transaction. */
  get read(): EntityManager {
    return this.#reader.manager;
  }

  /** Manager of the connection kept for searches, so that a count or a verify never stands in front of one. */
  get searchRead(): EntityManager {
    return this.#searchReader.manager;
  }

  /** Writes waiting or running. */
  get pendingWrites(): number {
    return this.#writes.size + this.#writes.pending;
  }

  /** On behalf of whoever asks, though the queue runs it when another's work has ended. */
  #queued<T>(work: () => Promise<T>): Promise<T> {
    return this.#writes.add(AsyncResource.bind(work));
  }

  /** Runs `work` in one transaction: all of it is kept, or none. */
  write<T>(work: (tx: EntityManager) => Promise<T>): Promise<T> {
    return this.#queued(() => this.#writer.transaction(work));
  }

  /** Runs one statement, which is a transaction of its own. */
  writeOne<T>(statement: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.#queued(() => statement(this.#writer.manager));
  }

  /** Holds `key` until the transaction ends, so that writers who share it come one after another. SQLite has one writer anyway. */
  async lock(tx: EntityManager, key: string): Promise<void> {
    if (this.dialect === 'postgres') await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [key]);
  }

  /** Runs a statement that must stand outside a transaction, such as VACUUM. */
  maintain(sql: string): Promise<unknown> {
    return this.#queued(() => this.#writer.query(sql));
  }

  /** Size of the database, in bytes: of its pages in SQLite, without the write-ahead log. */
  async sizeBytes(): Promise<number> {
    const sql =
      this.dialect === 'sqlite'
        ? 'SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()'
        : 'SELECT pg_database_size(current_database()) AS bytes';
    const [row] = (await this.#reader.query(sql)) as { bytes: number | string }[];
    return Number(row?.bytes ?? 0);
  }

  /**
   * What is damaged, at most a hundred lines, by a connection of its own that nobody waits for. PostgreSQL tells of a damaged page
   * when it reads one: every table is read in full.
   * https://www.sqlite.org/pragma.html#pragma_integrity_check
   */
  async integrityProblems(): Promise<string[]> {
    if (this.dialect === 'postgres') {
      const tables = (await this.#reader.query(`SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()`)) as { name: string }[];
      const problems: string[] = [];
      for (const { name } of tables) {
        await this.#reader.query(`SELECT count(t.*::text) FROM "${name}" t`).catch((error: unknown) => problems.push(`${name}: ${messageOf(error)}`));
      }
      return problems;
    }
    const inspector = await new DataSource({ ...this.#reader.options }).initialize();
    try {
      const rows = (await inspector.query('PRAGMA integrity_check')) as { integrity_check: string }[];
      return rows.map((row) => row.integrity_check).filter((line) => line !== 'ok');
    } finally {
      await inspector.destroy();
    }
  }

  async migrationStates(): Promise<MigrationState[]> {
    const table = this.#writer.options.migrationsTableName ?? 'migrations';
    const runner = this.#writer.createQueryRunner();
    try {
      const applied = new Set<string>();
      if (await runner.hasTable(table)) {
        const rows = (await runner.query(`SELECT name FROM "${table}"`)) as { name: string }[];
        for (const row of rows) applied.add(row.name);
      }
      return this.#writer.migrations.map(({ name, constructor }) => name ?? constructor.name).map((name) => ({ name, applied: applied.has(name) }));
    } finally {
      await runner.release();
    }
  }

  async migrateUp(): Promise<string[]> {
    return (await this.#writer.runMigrations({ transaction: 'each' })).map((migration) => migration.name);
  }

  /** Reverts the newest applied migration. */
  async migrateDown(): Promise<void> {
    await this.#writer.undoLastMigration({ transaction: 'each' });
  }

  async close(): Promise<void> {
    await this.#writes.onIdle();
    for (const source of new Set([this.#searchReader, this.#reader, this.#writer])) {
      if (source.isInitialized) await source.destroy();
    }
  }
}

function sourceOptions({ settings, entities, migrations }: DatabaseParts, dialect: Dialect, mode: 'read' | 'write'): DataSourceOptions {
  const common = { entities, migrations, migrationsTableName: 'schema_migrations', synchronize: false, logging: false } as const;
  if (dialect === 'postgres') {
    return { ...common, type: 'postgres', url: settings.DATABASE_URL, poolSize: settings.DATABASE_POOL_SIZE, applicationName: 'erpfts' };
  }
  mkdirSync(settings.DATA_DIR, { recursive: true, mode: 0o700 });
  return {
    ...common,
    type: 'sqlite',
    driver: quietDriver,
    database: join(settings.DATA_DIR, 'erpfts.sqlite'),
    flags: mode === 'read' ? sqlite3.OPEN_READONLY : sqlite3.OPEN_READWRITE | sqlite3.OPEN_CREATE,
    busyTimeout: settings.SQLITE_TIMEOUT * 1000,
  };
}

/** TypeORM asks for the driver's verbose mode, which captures a stack trace for every statement: a third of what one costs. */
const quietDriver = { ...sqlite3, verbose: () => sqlite3 };

async function applyPragmas(source: DataSource, settings: DatabaseSettings, writer: boolean): Promise<void> {
  if (writer) {
    await source.query(`PRAGMA journal_mode = ${settings.SQLITE_JOURNAL_MODE}`);
    await source.query(`PRAGMA synchronous = ${settings.SQLITE_SYNCHRONOUS}`);
  }
  await source.query(`PRAGMA cache_size = ${settings.SQLITE_CACHE_SIZE}`);
  await source.query(`PRAGMA temp_store = ${settings.SQLITE_TEMP_STORE}`);
}
