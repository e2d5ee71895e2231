import { AsyncResource } from 'node:async_hooks';
import PQueue from 'p-queue';
import { In } from 'typeorm';
import { type LoadedSettings } from '../config/index.js';
import { type Clock } from '../platform/clock.js';
import { type Database } from '../platform/database/index.js';
import { AppError, asError, badInput, sayingOf } from '../platform/errors.js';
import { say, type Saying } from '../platform/saying.js';
import { Heartbeat, type JobContext, JobEntity, type JobHandler, type JobQueue } from '../platform/queue/index.js';
import { inBackground, linkOf, type SamplesAnswer } from './background-process.js';
import { type BackupFolder } from './backup-folder.js';
import { backupDirectory, type BackupsService } from './backups.service.js';
import { type BackupCopies, CopyFailed } from './copies.js';
import { type Importer } from './importer.js';
import { type BackupKind, type BackupStatus, type Manifest } from './manifest.js';
import { SharedOriginals } from './shared-originals.js';
import { RestoreJob } from './restoring/restore-job.js';
import { removeSetAside } from './restoring/pending-restore.js';
import { stateQuery, stateText } from './saving/save.js';
import { Verification } from './verification.js';

export const backupKind = 'BACKUP';

export type BackupAction =
  | { action: 'SAVE'; kind: BackupKind; withVectors?: boolean }
  | { action: 'VERIFY'; id: string; prove: boolean }
  | { action: 'RESTORE'; id: string }
  | { action: 'IMPORT'; id: string; documentIds: string[] | null; dryRun: boolean };

/** What the end of an action says of the system. */
export interface BackupFinding {
  /** Each kind by itself: that the vectors were saved says nothing of the database. */
  rule: `backup:${BackupKind}` | 'backup_copy';
  error: Saying | null;
}

export interface BackupJobsParts {
  loaded: LoadedSettings;
  database: Database;
  jobs: JobQueue;
  backups: BackupsService;
  folder: BackupFolder;
  copies: BackupCopies;
  importer: Importer;
  /** Documents that a search answers with, best first, ten at most. */
  answers: (query: string) => Promise<string[]>;
  /** Keeps originals from being removed until the function returned is called. */
  keepOriginals: () => () => void;
  /** Starts the server anew; null where there is none that could be. */
  restart: (() => void) | null;
  clock: Clock;
}

type OnFinding = (finding: BackupFinding) => void;

const dayMs = 86_400_000;

/** Everything that is done with backups, as jobs, one at a time. */
export class BackupJobs implements JobHandler {
  readonly concurrency = 1;
  readonly #listeners: OnFinding[] = [];
  /** Schedules, jobs, deletions and received archives share the originals: one writes at a time. */
  readonly #turns = new PQueue({ concurrency: 1 });

  readonly #shared: SharedOriginals;
  readonly #verification: Verification;
  readonly #restoring: RestoreJob;

  constructor(private readonly parts: BackupJobsParts) {
    this.#shared = new SharedOriginals({ folder: parts.folder, settings: parts.loaded.settings, clock: parts.clock });
    this.#verification = new Verification({ ...parts, shared: this.#shared });
    this.#restoring = new RestoreJob(parts);
    parts.jobs.register(backupKind, this);
  }

  /** Does what writes to the folder of backups alone. Whoever gives up while waiting is let go; what has begun keeps its turn to its end. */
  exclusively<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      let begun = false;
      signal?.addEventListener('abort', () => begun || reject(asError(signal.reason)), { once: true });
      void this.#turns.add(
        AsyncResource.bind(async () => {
          begun = true;
          if (signal?.aborted) return reject(asError(signal.reason));
          await work().then(resolve, reject);
        }),
      );
    });
  }

  /** Deletes a backup and, unless it is kept, its copy at once; originals that only it needed go when nothing else is written. @throws AppError NOT_FOUND */
  async remove(id: string, keepCopy = false): Promise<void> {
    await this.parts.backups.require(id).catch(async (error: unknown) => {
      // A damaged one has no manifest, and is to be got rid of all the more.
      if (!(await this.parts.folder.damaged()).includes(id)) throw error;
    });
    await this.parts.backups.remove(id, keepCopy);
    // Nobody waits for whatever is being written: it may take an hour.
    void this.exclusively(() => this.parts.backups.dropObjects()).catch((error: unknown) => this.parts.backups.leftBehind(error));
  }

  onFinding(listener: OnFinding): void {
    this.#listeners.push(listener);
  }

  #tell(finding: BackupFinding): void {
    for (const listener of this.#listeners) listener(finding);
  }

  /** @throws AppError CONFLICT where a restore is under way */
  async start(action: BackupAction): Promise<JobEntity> {
    const { database, jobs } = this.parts;
    const job = await database.write(async (tx) => {
      await database.lock(tx, backupKind);
      if (await tx.existsBy(JobEntity, { kind: backupKind, subjectId: 'RESTORE', status: In(['QUEUED', 'RUNNING']) }))
        throw new AppError(
          'CONFLICT',
          { en: 'A restore is under way.', ja: '復元が進行中です。' },
          { en: 'Wait until it has finished.', ja: '終わるまでお待ちください。' },
        );
      return jobs.add(tx, { kind: backupKind, subjectId: action.action, payload: { ...action } });
    });
    jobs.announce(job);
    return job;
  }

  /**
   * Asks for the present state to be exchanged for a backup's.
   * @param confirm the backup's id, typed by whoever means it
   * @throws AppError BAD_USER_INPUT, NOT_FOUND, or CONFLICT for a backup that cannot be restored here
   */
  async startRestore(id: string, confirm: string): Promise<JobEntity> {
    const { manifest, status } = await this.parts.backups.require(id);
    if (confirm !== id)
      throw badInput(
        { en: `The confirmation "${confirm}" is not the id of the backup.`, ja: `確認の「${confirm}」がバックアップの ID と違います。` },
        { en: `Type ${id} to confirm.`, ja: `${id} と入力してください。` },
      );
    this.requireRestorable(manifest, status);
    if (!this.parts.restart)
      throw new AppError(
        'CONFLICT',
        { en: 'Only a running server restores by itself.', ja: '自動で復元できるのは稼働中のサーバーだけです。' },
        { en: 'Use `erpfts restore`.', ja: '`erpfts restore` を使ってください。' },
      );
    return this.start({ action: 'RESTORE', id });
  }

  /** @throws AppError CONFLICT for a backup that cannot be restored here */
  requireRestorable(manifest: Manifest, status: BackupStatus | null): void {
    this.#restoring.require(manifest, status);
  }

  async run(context: JobContext): Promise<Record<string, unknown>> {
    const action = context.job.payload as BackupAction;
    switch (action.action) {
      case 'SAVE':
        return this.save(action.kind, context, action.withVectors);
      case 'VERIFY':
        return this.verify(action.id, action.prove, context);
      case 'IMPORT':
        return this.exclusively(() => this.parts.importer.run(action, context), context.signal);
      case 'RESTORE':
        return this.exclusively(() => this.#restoring.run(action.id, context), context.signal);
    }
  }

  /** Saves, verifies, proves a complete backup, copies it away, and removes what is kept no longer. */
  async save(kind: BackupKind, job: JobContext, withVectors = false): Promise<Record<string, unknown>> {
    return this.#watched(kind, job, async (context) => {
      const { loaded, folder, backups, clock } = this.parts;
      await folder.sweep();
      await backups.requireSpace(kind);
      const createdAt = clock.now();
      const id = folder.newId(kind, createdAt);
      const release = this.parts.keepOriginals();
      let manifest: Manifest;
      try {
        const task = { task: 'save' as const, loaded, directory: backupDirectory(loaded.settings), id, kind, createdAt: createdAt.toISOString(), withVectors };
        manifest = await inBackground(task, { ...linkOf(context, 0, 0.5), samples: (queries) => this.#samples(queries) });
      } finally {
        release();
      }
      await this.#shared.absolve(context.signal);
      const verified = await this.#verification.verify(id, kind === 'FULL', context, 0.5);
      const removed = await backups.prune();
      await removeSetAside(loaded.settings, loaded.settings.RESTORE_KEEP_DAYS * dayMs);
      const bytes = (await backups.require(id)).bytes;
      const result = {
        id,
        kind,
        tookMs: manifest.tookMs,
        bytes,
        ...manifest.counts,
        newOriginals: manifest.objects.newCount,
        missing: manifest.missing,
        removed,
      };
      if (kind !== 'LIBRARY') await this.#copyAway(id, context);
      return { ...result, proof: verified.proof };
    });
  }

  /** @throws AppError NOT_FOUND, or BAD_USER_INPUT for a proof of what does not hold everything */
  async startVerification(id: string, prove: boolean): Promise<JobEntity> {
    const { folder, backups } = this.parts;
    // One whose manifest is damaged is looked at as well: that is what there is to say of it.
    const { manifest } = (await folder.damaged()).includes(id) ? { manifest: null } : await backups.require(id);
    if (prove && manifest && manifest.kind !== 'FULL')
      throw badInput(
        {
          en: `A backup of kind ${manifest.kind} does not hold everything that a proof compares.`,
          ja: `種類 ${manifest.kind} のバックアップには、実証で比べるものが揃っていません。`,
        },
        { en: 'Prove one of kind FULL.', ja: 'FULL のものを実証してください。' },
      );
    return this.start({ action: 'VERIFY', id, prove });
  }

  /** Reads every byte of a backup; with `prove` it is restored beside and compared as well. */
  async verify(id: string, prove: boolean, job: JobContext): Promise<Record<string, unknown>> {
    const kind = (await this.parts.folder.find(id))?.manifest.kind ?? 'FULL';
    return this.#watched(kind, job, async (context) => {
      const { problems, proof } = await this.#verification.verify(id, prove, context, 0);
      return { id, problems: problems.map((problem) => say(problem)), proof: proof && { ...proof, problems: proof.problems.map((problem) => say(problem)) } };
    });
  }

  /** Proves the newest complete backup again. */
  async proveNewest(context: JobContext): Promise<Record<string, unknown>> {
    const newest = (await this.parts.backups.list()).find(({ manifest, status }) => manifest.kind === 'FULL' && status?.state === 'GOOD');
    return newest ? this.verify(newest.manifest.id, true, context) : { id: null };
  }

  async #copyAway(id: string, { report, signal }: JobContext): Promise<void> {
    const { copies } = this.parts;
    if (!copies.isWanted) return;
    report({ stage: 'COPY' });
    try {
      await copies.put(id, signal);
      await copies.prune().catch((error: unknown) => this.parts.backups.leftBehind(error));
      this.#tell({ rule: 'backup_copy', error: null });
    } catch (error) {
      if (!signal.aborted) this.#tell({ rule: 'backup_copy', error: sayingOf(error) });
      throw error;
    }
  }

  async #watched<T>(kind: BackupKind, context: JobContext, work: (context: JobContext) => Promise<T>): Promise<T> {
    const { signal } = context;
    const heartbeat = new Heartbeat(() => context.report({}));
    const report: JobContext['report'] = (progress) => {
      heartbeat.begin();
      context.report(progress);
    };
    try {
      const result = await this.exclusively(() => {
        heartbeat.begin();
        return work({ ...context, report });
      }, signal);
      this.#tell({ rule: `backup:${kind}`, error: null });
      return result;
    } catch (error) {
      if (!signal.aborted) this.#tell({ rule: `backup:${kind}`, error: error instanceof CopyFailed ? null : sayingOf(error) });
      throw error;
    } finally {
      heartbeat.stop();
    }
  }

  async #samples(queries: string[]): Promise<SamplesAnswer> {
    const samples: SamplesAnswer['samples'] = [];
    for (const query of queries) {
      // A title may read like a query that cannot be asked.
      const documentIds = await this.parts.answers(query).catch(() => null);
      if (documentIds) samples.push({ query, documentIds });
    }
    const [row] = (await this.parts.database.read.query(stateQuery)) as Record<string, unknown>[];
    return { samples, state: stateText(row) };
  }
}
