import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { loadSettings } from '../config/index.js';
import { type Client, RequestFailed, runningServer } from './client.js';
import { enumValues } from './contract.js';
import { firstOf, sinceOf, type Terminal } from './terminal.js';

interface LogLine {
  at: string;
  level: string;
  message: string;
  event: string | null;
  feature: string | null;
  details: object | null;
}

interface LogPage {
  logs: { edges: { node: LogLine }[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } };
}

interface LogFilter {
  levels: string[] | null;
  text: string | null;
  features: string[] | null;
  from: string | null;
}

interface LogOptions {
  first: string;
  level?: string[];
  text?: string;
  feature?: string[];
  since?: string;
  follow?: boolean;
}

const followMs = 1000;
const linesPerPage = 100;
/** Lines of one second that are read; of more the newest. */
const mostFollowed = 5000;
const query = `query Logs($first: Int!, $after: String, $filter: LogFilter) {
  logs(first: $first, after: $after, filter: $filter) {
    edges { node { at level message event feature details } } pageInfo { hasNextPage endCursor } } }`;

/** What has a name tells more than its words, such as the time of each step. */
const line = ({ at, level, feature, message, event, details }: LogLine) =>
  [at, level.padEnd(5), feature ?? '-', message, event ?? '', event && details ? JSON.stringify(details) : ''].join('  ').trimEnd();

/** Adds the command that shows the log of the system. */
export function addLogs(program: Command, { connected, print, exitUsage }: Terminal): void {
  program
    .command('logs')
    .description('show what was logged, oldest first')
    .option('--first <n>', 'how many of the newest lines, 1 to 100', '30')
    .addOption(new Option('--level <level...>', 'only lines of these levels').choices(enumValues('LogLevel').map((name) => name.toLowerCase())))
    .option('--text <text>', 'only lines that hold this')
    .option('--feature <name...>', 'only lines of these parts, such as search or jobs')
    .option('--since <time>', 'only lines since then: 90m, 24h, 7d, or a time as 2026-11-27T06:00:00Z')
    .option('--follow', 'go on with lines as they come, until Ctrl-C; with --json each on a line of its own')
    .action(async ({ first, level, text, feature, since, follow }: LogOptions) => {
      const size = firstOf(first, exitUsage);
      const filter = {
        levels: level?.map((one) => one.toUpperCase()) ?? null,
        text: text ?? null,
        features: feature ?? null,
        from: since === undefined ? null : sinceOf(since, exitUsage),
      };
      // One started for the occasion logs nothing worth following, and would keep others from starting theirs.
      if (follow && !(await runningServer(resolve(loadSettings().settings.DATA_DIR))))
        throw new RequestFailed('No server runs here that could be followed.', 'UNAVAILABLE', 'Start it, or leave --follow out.');
      await connected(async (client) => {
        const { logs } = await client.request<LogPage>(query, { first: size, after: null, filter });
        const entries = logs.edges.map(({ node }) => node).reverse();
        if (!follow) return print(entries, () => entries.map(line).join('\n'));
        const isJson = program.opts<{ json?: boolean }>().json === true;
        const tell = (entry: LogLine) => process.stdout.write(`${isJson ? JSON.stringify(entry) : line(entry)}\n`);
        for (const entry of entries) tell(entry);
        return followFrom(client, filter, entries, tell);
      });
    });
}

/** Goes on for good, also through a restart of the server. */
async function followFrom(client: Client, filter: LogFilter, told: LogLine[], tell: (entry: LogLine) => void): Promise<never> {
  // Only lines of the same millisecond can come twice.
  const toldAt = (at: string, lines: LogLine[]) => lines.filter((entry) => entry.at === at).map((entry) => JSON.stringify(entry));
  let from = told.at(-1)?.at ?? new Date().toISOString();
  for (let known = new Set(toldAt(from, told)); ;) {
    await delay(followMs);
    const found = await client.patiently(() => linesSince(client, filter, from));
    for (const entry of found) if (!known.has(JSON.stringify(entry))) tell(entry);
    const newest = found.at(-1)?.at ?? from;
    known = new Set([...(newest === from ? known : []), ...toldAt(newest, found)]);
    from = newest;
  }
}

/** Oldest first. */
async function linesSince(client: Client, filter: LogFilter, from: string): Promise<LogLine[]> {
  const found: LogLine[] = [];
  for (let after: string | null = null; ;) {
    const { logs }: LogPage = await client.request<LogPage>(query, { first: linesPerPage, after, filter: { ...filter, from } });
    found.push(...logs.edges.map(({ node }) => node));
    after = logs.pageInfo.endCursor;
    if (!logs.pageInfo.hasNextPage || found.length >= mostFollowed) return found.reverse();
  }
}
