import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Settings } from '../../config/index.js';
import { type Database } from '../../platform/database/index.js';
import { sayingOf, ToldError } from '../../platform/errors.js';
import { type Saying } from '../../platform/saying.js';
import { fromLines } from '../lines.js';
import { type VectorRecord } from '../saving/library-part.js';
import { bringSchemaBack, dropSchemasAside, putIntoPostgres, setSchemaAside } from './postgres.js';
import { finishDatabase } from './stage.js';

/** A row as it goes into another database. */
export interface KeptRow {
  table: string;
  values: Record<string, unknown>;
}

export interface RestorePlan {
  backupId: string;
  /** Job that asked for it; null from the command line. */
  jobId: string | null;
  /** prepared: nothing is moved for good; aside: the present state is set aside; placed: the restored state is in place; clearing: it failed, and is taken away; returning: the state before is put back. */
  phase: 'prepared' | 'aside' | 'placed' | 'clearing' | 'returning';
  /** Folder under DATA_DIR/set-aside that gets the present state. */
  aside: string;
  /** Starts that were tried with the restored state. */
  attempts: number;
  /** Who is signed in stays so, and the job tells how it ended. */
  rows: KeptRow[];
  /** Why the restored state is taken away again. */
  reason?: Saying;
}

/** What became of the newest restore. */
export interface RestoreOutcome {
  backupId: string;
  jobId: string | null;
  at: string;
  ok: boolean;
  error: Saying | null;
  aside: string;
}

type RestoreSettings = Pick<Settings, 'DATA_DIR' | 'DATABASE_URL' | 'CHROMA_URL'>;

/** All that a restore exchanges. ChromaDB is filled again from the database. */
const exchanged = ['erpfts.sqlite', 'erpfts.sqlite-wal', 'erpfts.sqlite-shm', 'originals', 'chroma'];
const mostAttempts = 2;

export const stagingFolder = (dataDir: string) => join(dataDir, 'restore', 'staged');
const planFile = (dataDir: string) => join(dataDir, 'restore', 'plan.json');
const outcomeFile = (dataDir: string) => join(dataDir, 'restore', 'outcome.json');
const asideFolder = (dataDir: string) => join(dataDir, 'set-aside');

async function writeWhole(path: string, value: object): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
  await writeFile(`${path}.tmp`, JSON.stringify(value), { mode: 0o600, flush: true });
  await rename(`${path}.tmp`, path);
}

async function readWhole<T>(path: string): Promise<T | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as T);
}

export const lastRestore = (dataDir: string) => readWhole<RestoreOutcome>(outcomeFile(dataDir));

/** Decides on a restore whose state lies in `stagingFolder`: from here on it happens, whatever interrupts it, or the present state comes back. */
export const decide = (dataDir: string, plan: RestorePlan) => writeWhole(planFile(dataDir), plan);

/** What was set aside by restores longer than `keepMs` ago goes. */
export async function removeSetAside({ DATA_DIR: dataDir, DATABASE_URL: url }: RestoreSettings, keepMs: number): Promise<void> {
  const kept: string[] = [];
  for (const name of await readdir(asideFolder(dataDir)).catch(() => [])) {
    const path = join(asideFolder(dataDir), name);
    if (Date.now() - (await stat(path)).mtimeMs < keepMs) kept.push(name);
    else await rm(path, { recursive: true, force: true });
  }
  if (url) await dropSchemasAside(url, kept);
}

/**
 * A restore that was decided on. It is carried out before anything opens the data: every step is a rename or may be done twice, so that
 * a kill at any moment leaves a state from which the next start goes on.
 */
export class PendingRestore {
  private constructor(
    private readonly settings: RestoreSettings,
    readonly plan: RestorePlan,
  ) {}

  /** For whoever has the data directory to itself. */
  static async find(settings: RestoreSettings): Promise<PendingRestore | null> {
    const plan = await readWhole<RestorePlan>(planFile(settings.DATA_DIR));
    if (plan) return new PendingRestore(settings, plan);
    // What was made ready, tried or taken away by runs that were cut off before they had decided, or after they had ended.
    const leftovers = await readdir(join(settings.DATA_DIR, 'restore')).catch(() => []);
    for (const name of leftovers.filter((one) => one === 'staged' || one.startsWith('failed-')))
      await rm(join(settings.DATA_DIR, 'restore', name), { recursive: true, force: true });
    await rm(join(settings.DATA_DIR, 'proof'), { recursive: true, force: true });
    return null;
  }

  get #dataDir(): string {
    return this.settings.DATA_DIR;
  }

  get #aside(): string {
    return join(asideFolder(this.#dataDir), this.plan.aside);
  }

  get #failed(): string {
    return join(this.#dataDir, 'restore', `failed-${this.plan.aside}`);
  }

  async #enter(phase: RestorePlan['phase']): Promise<void> {
    this.plan.phase = phase;
    await decide(this.#dataDir, this.plan);
  }

  /** It failed before, and the state before was not put back to the end. */
  get isReturning(): boolean {
    return this.plan.phase === 'clearing' || this.plan.phase === 'returning';
  }

  /** Sets the present state aside and puts the restored one in its place. Throws where the restored state has failed to start before. */
  async apply(): Promise<void> {
    const { plan } = this;
    const { DATABASE_URL: url } = this.settings;
    if (plan.phase === 'prepared') {
      await mkdir(this.#aside, { recursive: true, mode: 0o700 });
      await this.#move(this.#dataDir, this.#aside);
      if (url) await setSchemaAside(url, plan.aside);
      await this.#enter('aside');
    }
    if (plan.phase === 'aside') {
      await this.#move(stagingFolder(this.#dataDir), this.#dataDir);
      if (url) await putIntoPostgres(join(stagingFolder(this.#dataDir), 'database.dump'), url);
      await this.#enter('placed');
    }
    plan.attempts += 1;
    if (plan.attempts > mostAttempts) throw new ToldError({ en: 'The restored state could not be started.', ja: '復元した状態で起動できませんでした。' });
    await decide(this.#dataDir, plan);
  }

  /** Moves what is there and has not been moved. */
  async #move(from: string, to: string): Promise<void> {
    for (const name of exchanged) {
      if (existsSync(join(from, name)) && !existsSync(join(to, name))) await rename(join(from, name), join(to, name));
    }
  }

  /** Completes the database that was put in place, once it is open and of this version. */
  async settle(database: Database): Promise<void> {
    const vectors = join(stagingFolder(this.#dataDir), 'vectors.jsonl');
    if (existsSync(vectors)) {
      await finishDatabase(database, fromLines<VectorRecord>(createReadStream(vectors)), AbortSignal.timeout(24 * 3_600_000), () => undefined);
      await rm(vectors, { force: true });
    }
    await database.write(async (tx) => {
      // A vector store that is not ours holds the vectors of the state before, under numbers that mean other passages now.
      if (this.settings.CHROMA_URL) await tx.query(`UPDATE index_generations SET collection = collection || '_${Date.now().toString(36)}'`);
      for (const { table, values } of this.plan.rows) {
        const columns = Object.keys(values);
        const places = columns.map((_, i) => (database.dialect === 'postgres' ? `$${i + 1}` : '?'));
        await tx.query(
          `INSERT INTO ${table} (${columns.map((column) => `"${column}"`).join(', ')}) VALUES (${places.join(', ')}) ON CONFLICT DO NOTHING`,
          Object.values(values),
        );
      }
    });
  }

  /** The restored state serves. */
  async complete(): Promise<void> {
    await this.#end(null);
  }

  /** Takes the restored state away and puts back what was set aside. Cut off, it is gone on with at the next start. */
  async rollBack(reason: unknown): Promise<void> {
    const { plan } = this;
    plan.reason ??= sayingOf(reason);
    if (plan.phase === 'aside' || plan.phase === 'placed') await this.#enter('clearing');
    if (plan.phase === 'clearing') {
      await mkdir(this.#failed, { recursive: true, mode: 0o700 });
      await this.#move(this.#dataDir, this.#failed);
    }
    await this.#enter('returning');
    await this.#move(this.#aside, this.#dataDir);
    if (this.settings.DATABASE_URL) await bringSchemaBack(this.settings.DATABASE_URL, plan.aside);
    await this.#end(plan.reason);
    // Not before the plan is gone: what is put back must never be taken for what failed.
    await rm(this.#failed, { recursive: true, force: true });
    await rm(this.#aside, { recursive: true, force: true });
  }

  async #end(error: Saying | null): Promise<void> {
    const { backupId, jobId, aside } = this.plan;
    await writeWhole(outcomeFile(this.#dataDir), { backupId, jobId, at: new Date().toISOString(), ok: error === null, error, aside } satisfies RestoreOutcome);
    await rm(planFile(this.#dataDir), { force: true });
    await rm(stagingFolder(this.#dataDir), { recursive: true, force: true });
  }
}
