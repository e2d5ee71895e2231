import { Argument, type Command, CommanderError, Option } from 'commander';
import { type Client, RequestFailed } from './client.js';
import { enumValues } from './contract.js';
import { finished, firstOf, type Job, jobFields, shown, type Terminal } from './terminal.js';

/** As it is listed, and looked at closely. */
interface ListedJob extends Job {
  subject: string | null;
  /** Of work on one document. */
  document: { title: string } | null;
  owner: string | null;
  stuck: boolean;
  startedAt: string | null;
  finishedAt: string | null;
}

interface LoggedJob extends ListedJob {
  log: { at: string; step: string; message: string | null }[];
}

interface Verification {
  found: number;
  mended?: number;
  left?: number;
  damages: { kind: string; documentId: string | null; subject: string; message: string; mended?: boolean }[];
  /** Where all of them are to be had, if there are more. */
  list?: string;
}

interface ListedDocument {
  id: string;
  title: string;
  status: string;
  chunkCount: number;
  error: { code: string } | null;
}

interface Page<T> {
  totalCount: number;
  edges: { node: T }[];
}

interface TaskState {
  task: string;
  about: string;
  lastJob: { status: string; finishedAt: string | null; error: string | null } | null;
}

const listedFields = `${jobFields} subject document { title } owner stuck startedAt finishedAt`;
/** A file of JSON lines of the server. */
async function lines<T>(client: Client, path: string): Promise<T[]> {
  const text = await new Response(await client.get(path)).text();
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
}

/** As it is typed: `integrity-check` for INTEGRITY_CHECK. */
const typed = (task: string) => task.toLowerCase().replaceAll('_', '-');

function parsedOptions(text: string, exitUsage: number): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new CommanderError(exitUsage, 'erpfts.options', `--options takes a JSON object, not ${text}.`);
}

const figures = (result: Record<string, unknown> | null) =>
  Object.entries(result ?? {})
    .map(([name, value]) => `${name}: ${shown(value)}`)
    .join('\n');

/** Commands that look at a running system and keep it healthy. */
export function addOperations(program: Command, { connected, print, progress, exitUsage, exitFailed }: Terminal): void {
  /** Starts a task and waits for it. */
  const done = (task: string, options: Record<string, unknown> = {}) =>
    connected(async (client) => {
      const { runMaintenance } = await client.request<{ runMaintenance: Job }>(
        `mutation Start($task: MaintenanceTask!, $options: JSONObject) { runMaintenance(task: $task, options: $options) { ${jobFields} } }`,
        { task, options },
      );
      const job = await finished(client, runMaintenance.id, progress);
      progress('');
      if (job.status !== 'SUCCEEDED') throw new RequestFailed(job.error ?? `The task was ${job.status.toLowerCase()}.`, job.status, null);
      return job;
    });

  program
    .command('maintenance')
    .description('start a maintenance task and wait until it is done; without one, list them')
    .addArgument(new Argument('[task]').choices(enumValues('MaintenanceTask').map(typed)))
    .option('--options <json>', 'what the task is to be told, e.g. {"source":"REEMBED"}')
    .action(async (name: string | undefined, { options }: { options?: string }) => {
      if (name === undefined) {
        const { maintenanceTasks } = await connected((client) =>
          client.request<{ maintenanceTasks: TaskState[] }>('query { maintenanceTasks { task about lastJob { status finishedAt error } } }'),
        );
        print(maintenanceTasks, () =>
          maintenanceTasks
            .map(({ task, about, lastJob }) => {
              const last = lastJob ? `${lastJob.status.toLowerCase()} ${lastJob.finishedAt ?? ''}`.trim() : 'never run';
              return `${typed(task).padEnd(24)}${last}\n  ${about}`;
            })
            .join('\n'),
        );
        return;
      }
      const job = await done(name.toUpperCase().replaceAll('-', '_'), options === undefined ? {} : parsedOptions(options, exitUsage));
      print(job, () => figures(job.result));
    });

  program
    .command('verify-data')
    .description('compare originals, texts, passages, full text, vectors and ChromaDB, and name every difference')
    .option('--repair', 'mend what can be mended')
    .option('--dry-run', 'with --repair: only tell what would be mended')
    .action(async ({ repair, dryRun }: { repair?: boolean; dryRun?: boolean }) => {
      const { result } = await done(repair ? 'REPAIR_DATA' : 'VERIFY_DATA', repair ? { dryRun: dryRun ?? false } : {});
      const { found, mended = 0, left = found, damages: first, list } = result as unknown as Verification;
      const damages = list === undefined ? first : await connected((client) => lines<Verification['damages'][number]>(client, list));
      print({ ...result, damages }, () =>
        [
          ...damages.map((damage) => {
            const outcome = damage.mended === undefined ? '' : damage.mended ? (dryRun ? 'to be mended' : 'mended') : 'left';
            return [damage.kind.padEnd(18), damage.documentId ?? damage.subject, damage.message, outcome].filter(Boolean).join('  ');
          }),
          repair ? `differences: ${found}, ${dryRun ? 'to be mended' : 'mended'}: ${mended}, left: ${left}` : `differences: ${found}`,
        ].join('\n'),
      );
      if (left > 0 || (dryRun && found > 0)) process.exitCode = exitFailed;
    });

  program
    .command('rebuild-index')
    .description('make the vector index anew while it answers, from the vectors in the database')
    .option('--reembed', 'make the vectors themselves anew, too')
    .action(async ({ reembed }: { reembed?: boolean }) => {
      const job = await done('REBUILD_INDEX', { source: reembed ? 'REEMBED' : 'STORED' });
      print(job, () => figures(job.result));
    });

  program
    .command('optimize-index')
    .description('bring the vector index in line with the database')
    .action(async () => {
      const job = await done('OPTIMIZE_INDEX');
      print(job, () => figures(job.result));
    });

  const jobsCommand = program.command('jobs').description('list jobs, cancel them, begin them again');
  for (const [verb, field, about] of [
    ['cancel', 'cancelJob', 'cancel a job that waits or runs'],
    ['retry', 'retryJob', 'queue a failed or cancelled job again'],
    ['recover', 'recoverJob', 'begin a running job again that is stuck'],
  ] as const) {
    jobsCommand
      .command(verb)
      .description(about)
      .argument('<id>', 'as `jobs` lists it')
      .action(async (id: string) => {
        const { job } = await connected((client) =>
          client.request<{ job: Job }>(`mutation Change($id: ID!) { job: ${field}(id: $id) { ${jobFields} } }`, { id }),
        );
        print(job, () => `${job.kind} ${job.id} is ${job.status.toLowerCase()}`);
      });
  }
  jobsCommand
    .command('show')
    .description('show a job with its steps and its result')
    .argument('<id>', 'as `jobs` lists it')
    .action(async (id: string) => {
      const { job } = await connected((client) =>
        client.request<{ job: LoggedJob | null }>(`query Job($id: ID!) { job(id: $id) { ${listedFields} log { at step message } } }`, { id }),
      );
      if (!job) throw new RequestFailed(`There is no job "${id}".`, 'NOT_FOUND', 'See `erpfts jobs`.');
      const { kind, subject, document, owner, status, stuck, startedAt, finishedAt, log, error, result } = job;
      print(job, () =>
        [
          [kind, subject ?? document?.title, owner && `by ${owner}`].filter(Boolean).join('  '),
          `${stuck ? 'stuck' : status.toLowerCase()}, begun ${startedAt ?? 'not yet'}, ended ${finishedAt ?? 'not yet'}`,
          ...log.map(({ at, step, message }) => [at, step, message].filter(Boolean).join('  ')),
          error,
          figures(result),
        ]
          .filter(Boolean)
          .join('\n'),
      );
    });
  jobsCommand
    .command('list', { isDefault: true })
    .description('list jobs, newest first')
    .option('--first <n>', 'how many', '20')
    .addOption(new Option('--status <status...>', 'only those in these states').choices(['queued', 'running', 'succeeded', 'failed', 'cancelled']))
    .action(async ({ first, status }: { first: string; status?: string[] }) => {
      const variables = { first: firstOf(first, exitUsage), statuses: status?.map((one) => one.toUpperCase()) ?? null };
      const { jobs } = await connected((client) =>
        client.request<{ jobs: Page<ListedJob> }>(
          `query Jobs($first: Int!, $statuses: [JobStatus!]) { jobs(first: $first, filter: { statuses: $statuses }) { totalCount edges { node { ${listedFields} } } } }`,
          variables,
        ),
      );
      print(jobs, () =>
        [
          ...jobs.edges.map(({ node: { id, kind, status: state, progress: done, createdAt, error, subject, document, owner, stuck } }) =>
            [
              ...[createdAt, (stuck ? 'STUCK' : state).padEnd(9), `${Math.round(done * 100)} %`.padStart(5), kind.padEnd(12), id],
              [subject ?? document?.title, owner && `by ${owner}`, error].filter(Boolean).join('  '),
            ]
              .join('  ')
              .trimEnd(),
          ),
          `${jobs.totalCount} jobs`,
        ].join('\n'),
      );
    });

  program
    .command('documents')
    .description('list documents, newest first')
    .option('--first <n>', 'how many', '20')
    .option('--title <text>', 'only those whose title or file name holds this')
    .action(async ({ first, title }: { first: string; title?: string }) => {
      const { documents } = await connected((client) =>
        client.request<{ documents: Page<ListedDocument> }>(
          'query Documents($first: Int!, $text: String) { documents(first: $first, filter: { text: $text }) { totalCount edges { node { id title status chunkCount error { code } } } } }',
          { first: firstOf(first, exitUsage), text: title ?? null },
        ),
      );
      print(documents, () =>
        [
          ...documents.edges.map(
            ({ node: { id, title: name, status, chunkCount, error } }) =>
              `${id}  ${status.padEnd(10)} ${String(chunkCount).padStart(5)}  ${name}${error ? `  (${error.code})` : ''}`,
          ),
          `${documents.totalCount} documents`,
        ].join('\n'),
      );
    });
}
