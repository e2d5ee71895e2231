import './production.js';
import { Command, CommanderError } from 'commander';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { addAsking } from './cli/asking.js';
import { addBackups } from './cli/backups.js';
import { type Client, RequestFailed, withClient } from './cli/client.js';
import { filesUnder, ingest, type IngestedFile } from './cli/ingest.js';
import { addCompletion } from './cli/completion.js';
import { addConfiguration } from './cli/configuration.js';
import { addExamples } from './cli/examples.js';
import { addEvents } from './cli/events.js';
import { addLoadTest } from './cli/load-test.js';
import { addLogs } from './cli/logs.js';
import { addMetrics } from './cli/metrics.js';
import { addReports } from './cli/reports.js';
import { addOperations } from './cli/operations.js';
import { addWatching } from './cli/watching.js';
import { loadSettings, type LoadedSettings, SettingsError, version } from './config/index.js';
import { type Database } from './platform/database/index.js';
import { AppError, messageOf } from './platform/errors.js';

const exitFailed = 1;
const exitUsage = 2;

const program = new Command('erpfts')
  .description('A self-hosted knowledge base: drop documents in, find the passage by meaning.')
  .version(version)
  .option('--json', 'print results as JSON')
  .showHelpAfterError()
  .exitOverride();

const out = (text: string) => process.stdout.write(`${text}\n`);
const note = (text: string) => process.stderr.write(`${text}\n`);
const asJson = () => program.opts<{ json?: boolean }>().json === true;

/** Prints a result for programs or for people. */
function print(value: unknown, forPeople: () => string): void {
  out(asJson() ? JSON.stringify(value, null, 2) : forPeople());
}

const plainProgressMs = 5000;
let progressToldAt = Date.now();

const barWidth = 20;

/** Replaces the line that tells how far a long command is; where there is no terminal, a plain line every few seconds. @param share 0..1 */
function progress(text: string, share?: number): void {
  const percent = share === undefined ? '' : `${Math.round(share * 100)} %`;
  if (process.stderr.isTTY) {
    const done = Math.round((share ?? 0) * barWidth);
    const bar = share === undefined ? '' : `[${'#'.repeat(done)}${'.'.repeat(barWidth - done)}] ${percent}  `;
    process.stderr.write(`\r\u001b[K${bar}${text}`);
  } else if (text !== '' && Date.now() - progressToldAt >= plainProgressMs) {
    progressToldAt = Date.now();
    note([text, percent].filter(Boolean).join(', '));
  }
}

function settings(): LoadedSettings {
  return loadSettings();
}

/** @param exclusive whether a server that runs on the same data directory must be stopped first */
async function withDatabase<T>(work: (database: Database) => Promise<T>, exclusive: boolean): Promise<T> {
  const { settings: values } = settings();
  // Loaded here and not above: most commands only talk to the server that runs.
  const [{ migrations }, { entities }, { Database: Opened, lockDataDirectory }, { createLogger }] = await Promise.all([
    import('../migrations/index.js'),
    import('./entities.js'),
    import('./platform/database/index.js'),
    import('./platform/logging/index.js'),
  ]);
  const unlock = exclusive ? await lockDataDirectory(values.DATA_DIR, 0) : null;
  const database = await Opened.open({ settings: values, entities, migrations, log: createLogger('error') }, { migrate: false });
  try {
    return await work(database);
  } finally {
    await database.close();
    await unlock?.();
  }
}

const connected = <T>(work: (client: Client) => Promise<T>) => withClient(settings(), work);

program
  .command('serve', { isDefault: true })
  .description('run the server until it is stopped')
  .action(async () => (await import('./main.js')).serve(settings()));

const migrate = program.command('migrate').description('bring the database to another version of its schema');
migrate
  .command('up')
  .description('apply all outstanding migrations')
  .action(() =>
    withDatabase(async (database) => {
      const applied = await database.migrateUp();
      print({ applied }, () => (applied.length > 0 ? `applied ${applied.join(', ')}` : 'nothing to apply'));
    }, true),
  );
migrate
  .command('down')
  .description('revert the newest applied migration; its data is lost')
  .action(() =>
    withDatabase(async (database) => {
      await database.migrateDown();
      const states = await database.migrationStates();
      print(states, () => `${states.filter((state) => state.applied).length} of ${states.length} migrations are applied`);
    }, true),
  );
migrate
  .command('status')
  .description('list migrations and whether they are applied')
  .action(() =>
    withDatabase(async (database) => {
      const states = await database.migrationStates();
      print(states, () => states.map(({ name, applied }) => `${applied ? 'applied' : 'outstanding'}  ${name}`).join('\n'));
    }, false),
  );

program
  .command('init-db')
  .description('make the database ready for a first start')
  .action(() =>
    withDatabase(async (database) => {
      const applied = await database.migrateUp();
      print({ applied }, () => 'the database is ready');
    }, true),
  );

program
  .command('check-database')
  .description('read every page of the database, with the server stopped; exit code 1 where one is damaged')
  .action(async () => {
    const { DATABASE_URL: url, DATA_DIR: dataDir } = settings().settings;
    const problems =
      url || existsSync(join(dataDir, 'erpfts.sqlite'))
        ? await withDatabase((database) => database.integrityProblems(), true).catch((error: unknown) => {
            // Anything else, such as a server that runs, says nothing of the database.
            if (!/SQLITE_(CORRUPT|NOTADB)/.test(messageOf(error))) throw error;
            return [messageOf(error)];
          })
        : ['There is no database.'];
    print({ problems }, () => (problems.length > 0 ? problems.join('\n') : 'the database is whole'));
    if (problems.length > 0) process.exitCode = exitFailed;
  });

program
  .command('ingest')
  .description('take in files, and folders with all that is in them')
  .argument('<path...>')
  .option('--tag <tag...>', 'tags for the documents', [])
  .option('--ending <ending...>', 'take only files in folders that end so, e.g. .source.html', [])
  .action(async (paths: string[], options: { tag: string[]; ending: string[] }) => {
    const endings = options.ending.map((ending) => ending.toLowerCase());
    const files = await filesUnder(paths, endings);
    if (files.length === 0) throw new CommanderError(exitUsage, 'erpfts.noFiles', 'No file was found under the paths given.');
    const results = await connected((client) => ingest(client, files, { tags: options.tag, endings, onProgress: progress }));
    progress('');
    print(results, () => summary(results));
    if (results.some(({ outcome }) => outcome === 'FAILED' || outcome === 'REFUSED')) process.exitCode = exitFailed;
  });

function summary(results: IngestedFile[]): string {
  const count = (outcome: IngestedFile['outcome']) => results.filter((result) => result.outcome === outcome).length;
  const problems = results.filter(({ message }) => message !== null).map(({ path, code, message }) => `${code}  ${path}: ${message}`);
  return [...problems, `${count('READY')} taken in, ${count('DUPLICATE')} known already, ${count('FAILED')} failed, ${count('REFUSED')} refused`].join('\n');
}

const terminal = { connected, print, progress, exitUsage, exitFailed };
addAsking(program, terminal);
addOperations(program, terminal);
addLogs(program, terminal);
addMetrics(program, terminal);
addLoadTest(program, terminal, settings);
addEvents(program, terminal);
addReports(program, terminal);
addWatching(program, terminal);
addConfiguration(program, terminal);
addBackups(program, terminal, settings);
addCompletion(program, out);

program
  .command('sign-in-link')
  .description('make a link that signs one browser in, once, within 24 hours')
  .action(async () => {
    const { createSignInLink: link } = await connected((client) => client.request<{ createSignInLink: string }>('mutation { createSignInLink }'));
    print({ link }, () => link);
  });

addExamples(program);

function explain(error: unknown): string {
  const remedy = error instanceof AppError || error instanceof RequestFailed ? error.remedy : null;
  return [messageOf(error), ...(remedy ? [remedy] : [])].join('\n');
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Help and version end the same way, with nothing wrong.
    if (error.code.startsWith('erpfts.')) note(error.message);
    process.exitCode = error.exitCode === 0 ? 0 : exitUsage;
  } else if (error instanceof SettingsError) {
    note(error.message);
    process.exitCode = exitUsage;
  } else {
    note(error instanceof AppError || error instanceof RequestFailed ? explain(error) : `erpfts failed: ${explain(error)}`);
    process.exitCode = exitFailed;
  }
}
