import { Argument, type Command, CommanderError, Option } from 'commander';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type LoadedSettings } from '../config/index.js';
import { AppError } from '../platform/errors.js';
import { type Client, RequestFailed, runningServer } from './client.js';
import { enumValues } from './contract.js';
import { finished, type Job, jobFields, type Terminal } from './terminal.js';

interface ListedBackup {
  id: string;
  kind: string;
  state: string;
  createdAt: string;
  bytes: number;
  documents: number;
  encrypted: boolean;
  proof: { at: string; ok: boolean; tookMs: number } | null;
}

interface Estimate {
  directory: string;
  freeBytes: number;
  neededBytes: number;
}

interface ImportOutcome {
  documents: number;
  known: number;
  questions: number;
  conflictCount: number;
  conflicts: { title: string; message: string }[];
}

const backupFields = 'id kind state createdAt bytes documents encrypted proof { at ok tookMs }';
const megabytes = (bytes: number) => `${(bytes / 1024 ** 2).toFixed(1)} MB`;

/** Commands that save, check and bring back. */
export function addBackups(program: Command, { connected, print, progress, exitUsage, exitFailed }: Terminal, settings: () => LoadedSettings): void {
  async function settled(client: Client, job: Job): Promise<Job> {
    const done = await finished(client, job.id, progress);
    progress('');
    if (done.status !== 'SUCCEEDED') throw new RequestFailed(done.error ?? `The job was ${done.status.toLowerCase()}.`, done.status, null);
    return done;
  }

  const save = async (client: Client, kind: string, withVectors: boolean) => {
    const { createBackup } = await client.request<{ createBackup: Job }>(
      `mutation Save($kind: BackupKind!, $withVectors: Boolean!) { createBackup(kind: $kind, withVectors: $withVectors) { ${jobFields} } }`,
      { kind, withVectors },
    );
    return settled(client, createBackup);
  };

  async function latest(client: Client, full: boolean): Promise<string> {
    const { backups } = await client.request<{ backups: ListedBackup[] }>(`query { backups { ${backupFields} } }`);
    const newest = backups.find(({ kind }) => kind === 'FULL' || (kind === 'DATABASE' && !full));
    if (!newest) throw new AppError('NOT_FOUND', 'There is no backup yet.', 'Make one by `erpfts backup`.');
    return newest.id;
  }

  program
    .command('backup')
    .description('save, check what was written, and prove a full backup by restoring it beside')
    .addOption(
      new Option('--kind <kind>', 'what is saved')
        .choices(
          enumValues('BackupKind')
            .filter((kind) => kind !== 'LIBRARY')
            .map((kind) => kind.toLowerCase()),
        )
        .default('full'),
    )
    .option('--dry-run', 'only tell how much space it may need')
    .action(async ({ kind, dryRun }: { kind: string; dryRun?: boolean }) => {
      if (dryRun) {
        const { backupPolicy } = await connected((client) =>
          client.request<{ backupPolicy: Estimate }>('query Estimate($kind: BackupKind!) { backupPolicy(kind: $kind) { directory freeBytes neededBytes } }', {
            kind: kind.toUpperCase(),
          }),
        );
        print(
          backupPolicy,
          () => `up to ${megabytes(backupPolicy.neededBytes)} in ${backupPolicy.directory}, where ${megabytes(backupPolicy.freeBytes)} are free`,
        );
        return;
      }
      const { result } = await connected((client) => save(client, kind.toUpperCase(), false));
      print(result, () => `${String(result?.['id'])}, ${megabytes(Number(result?.['bytes']))}`);
    });

  program
    .command('backups')
    .description('list backups, newest first; exit code 1 where one is bad')
    .action(async () => {
      const { backups, backupPolicy } = await connected((client) =>
        client.request<{ backups: ListedBackup[]; backupPolicy: { damaged: string[] } }>(`query { backups { ${backupFields} } backupPolicy { damaged } }`),
      );
      const { damaged } = backupPolicy;
      const lost = damaged.map((id) => ({ id, state: 'BAD', problems: ['Its manifest is damaged.'] }));
      print([...backups, ...lost], () =>
        [
          ...lost.map(({ id, state, problems }) => `${id.padEnd(32)}  ${state.padEnd(9)}  ${problems.join(' ')}`),
          ...backups.map(({ id, state, bytes, documents, encrypted, proof }) =>
            [
              id.padEnd(32),
              state.padEnd(9),
              megabytes(bytes).padStart(10),
              `${documents} documents`,
              encrypted ? 'encrypted' : '',
              proof ? `proven ${proof.at}` : '',
            ]
              .filter(Boolean)
              .join('  '),
          ),
          `${backups.length} backups`,
        ].join('\n'),
      );
      if (damaged.length > 0 || backups.some(({ state }) => state === 'BAD')) process.exitCode = exitFailed;
    });

  program
    .command('verify-backup')
    .description('compare every byte of a backup with what was written')
    .argument('<id>', 'as `backups` lists it, or `latest`')
    .option('--prove', 'also restore it beside and compare its answers')
    .action(async (name: string, { prove }: { prove?: boolean }) => {
      const { result } = await connected(async (client) => {
        const id = name === 'latest' ? await latest(client, prove ?? false) : name;
        const { verifyBackup } = await client.request<{ verifyBackup: Job }>(
          `mutation Verify($id: ID!, $prove: Boolean!) { verifyBackup(id: $id, prove: $prove) { ${jobFields} } }`,
          { id, prove: prove ?? false },
        );
        return settled(client, verifyBackup);
      });
      print(result, () => `${String(result?.['id'])} is what was written${prove ? ', and can be restored' : ''}`);
    });

  program
    .command('restore')
    .description('exchange the present state for that of a backup; the present one is set aside')
    .addArgument(new Argument('<backup>', 'id of a backup, an archive of one, or `latest`'))
    .option('--yes', 'do it without being asked again')
    .option('--dry-run', 'only tell what would change')
    .action(async (backup: string, { yes, dryRun }: { yes?: boolean; dryRun?: boolean }) => {
      const loaded = settings();
      if (!yes && !dryRun)
        throw new CommanderError(exitUsage, 'erpfts.restore', 'This exchanges all documents. Say --yes to do it, or --dry-run to see what would change.');
      const isRunning = (await runningServer(loaded.settings.DATA_DIR)) !== null;
      // A running server has the folder of backups to itself.
      const known = new Set((await backupsIn(loaded)).map(({ manifest }) => manifest.id));
      const id = isRunning && existsSync(backup) ? (await connected((client) => sendArchive(client, backup))).id : await backupNamed(backup, loaded);
      if (dryRun || isRunning) {
        const outcome = await connected(async (client) => {
          if (!dryRun) return restoreByServer(client, id);
          const seen = await preview(client, id);
          // Only looked into: what was put there for it goes again.
          if (!known.has(id)) await forget(client, id);
          return seen;
        });
        print(outcome, () => JSON.stringify(outcome, null, 2));
        return;
      }
      const [{ restoreOffline }, { entities }] = await Promise.all([import('../backup/index.js'), import('../entities.js')]);
      const outcome = await restoreOffline(id, {
        loaded,
        entities,
        signal: new AbortController().signal,
        report: (stage, share) => progress(stage.toLowerCase(), share),
      });
      progress('');
      print({ id, ...outcome }, () => `${id} is restored${outcome.setAside ? `; the state before is in ${outcome.setAside} of DATA_DIR` : ''}`);
    });

  async function preview(client: Client, id: string): Promise<object> {
    return client.request(
      `query Preview($id: ID!) { restorePreview(id: $id) { documentsNow documentsLost documentsBack lostTitles obstacle backup { ${backupFields} } } }`,
      { id },
    );
  }

  async function restoreByServer(client: Client, id: string): Promise<object> {
    const { restoreBackup } = await client.request<{ restoreBackup: Job }>(
      `mutation Restore($id: ID!, $confirm: String!) { restoreBackup(id: $id, confirm: $confirm) { ${jobFields} } }`,
      { id, confirm: id },
    );
    return (await settled(client, restoreBackup)).result ?? {};
  }

  program
    .command('export')
    .description('write documents, tags and golden queries into an archive for another installation')
    .argument('<file>', 'archive to write, which must not exist')
    .option('--vectors', 'take the vectors along')
    .action(async (file: string, { vectors }: { vectors?: boolean }) => {
      if (existsSync(file)) throw new CommanderError(exitUsage, 'erpfts.export', `${file} exists already: name another file.`);
      const result = await connected(async (client) => {
        const { result: saved } = await save(client, 'LIBRARY', vectors ?? false);
        const id = String(saved?.['id']);
        try {
          await pipeline(Readable.fromWeb((await client.get(`/backups/${id}/archive`)) as never), createWriteStream(`${file}.part`, { mode: 0o600 }));
          await rename(`${file}.part`, file);
        } finally {
          await rm(`${file}.part`, { force: true });
          await forget(client, id);
        }
        return saved;
      });
      const { size } = await stat(file);
      print({ ...result, file }, () => `${file}: ${String(result?.['documents'])} documents, ${megabytes(size)}`);
    });

  program
    .command('import')
    .description('take documents in from an exported archive or a backup; what is here stays as it is')
    .argument('<backup>', 'an archive, or the id of a backup')
    .option('--document <id...>', 'only these documents of it')
    .option('--dry-run', 'only tell what would happen')
    .action(async (backup: string, { document, dryRun }: { document?: string[]; dryRun?: boolean }) => {
      const { result } = await connected(async (client) => {
        const { id, isNew } = existsSync(backup) ? await sendArchive(client, backup) : { id: backup, isNew: false };
        try {
          const { importFromBackup } = await client.request<{ importFromBackup: Job }>(
            `mutation Import($id: ID!, $documentIds: [ID!], $dryRun: Boolean!) { importFromBackup(id: $id, documentIds: $documentIds, dryRun: $dryRun) { ${jobFields} } }`,
            { id, documentIds: document ?? null, dryRun: dryRun ?? false },
          );
          return await settled(client, importFromBackup);
        } finally {
          // It came for this alone.
          if (isNew) await forget(client, id);
        }
      });
      const outcome = result as unknown as ImportOutcome;
      print(outcome, () =>
        [
          ...outcome.conflicts.map(({ title, message }) => `${title}: ${message}`),
          `${outcome.documents} documents ${dryRun ? 'would be taken in' : 'taken in'}, ${outcome.known} known already, ${outcome.questions} questions, ${outcome.conflictCount} conflicts`,
        ].join('\n'),
      );
    });
}

/** Removes what was put among the backups for one command. A copy of it elsewhere was there before, and stays. */
const forget = (client: Client, id: string) => client.request('mutation Delete($id: ID!) { deleteBackup(id: $id, keepCopy: true) }', { id });

function sendArchive(client: Client, path: string): Promise<{ id: string; isNew: boolean }> {
  return client.post('/backups/archives', 'application/x-tar', createReadStream(path));
}

async function backupsIn({ settings }: LoadedSettings) {
  const { BackupFolder, backupDirectory } = await import('../backup/index.js');
  return new BackupFolder(backupDirectory(settings)).list();
}

/** @returns the id of a backup that lies in the folder of backups; an archive, or a copy in the object storage, is put there first */
async function backupNamed(name: string, { settings }: LoadedSettings): Promise<string> {
  const { BackupFolder, backupDirectory, unpack } = await import('../backup/index.js');
  const folder = new BackupFolder(backupDirectory(settings));
  const workName = `received-${process.pid}`;
  if (existsSync(name)) return (await unpack(createReadStream(name), folder, workName)).id;
  if (name === 'latest') {
    const newest = (await folder.list()).find(({ manifest, status }) => status?.state === 'GOOD' && manifest.parts.some((part) => part.name === 'database'));
    if (newest) return newest.manifest.id;
  } else if (await folder.find(name)) return name;
  if (settings.BACKUP_S3_URL) {
    const { ObjectStorage } = await import('../platform/object-storage/index.js');
    const storage = new ObjectStorage(settings);
    try {
      const copies = (await storage.list())
        .filter((copy) => (name === 'latest' ? /-(full|database)-[0-9a-f]{4}\.tar$/.test(copy) : copy === `${name}.tar`))
        .sort();
      if (copies.length > 0) return (await unpack(await storage.get(copies.at(-1)!), folder, workName)).id;
    } finally {
      storage.close();
    }
  }
  if (name !== 'latest')
    throw new AppError('NOT_FOUND', `There is no backup "${name}" in ${folder.directory}.`, 'Name one that `backups` lists, or an archive.');
  throw new AppError('NOT_FOUND', `There is no good backup in ${folder.directory}.`, 'Set BACKUP_DIR to where they lie, or name an archive.');
}
