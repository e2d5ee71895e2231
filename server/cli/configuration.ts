import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import { loadSettings, maskedSettings } from '../config/index.js';
import { RequestFailed, runningServer } from './client.js';
import { enumValues } from './contract.js';
import { type Terminal } from './terminal.js';

interface SettingLine {
  name: string;
  value: string;
  source: string;
}

interface ChangeLine {
  name: string;
  before: string | null;
  after: string | null;
  at: string;
}

/** Adds the command that shows settings: those of the server that runs, or those that one would start with. */
export function addConfiguration(program: Command, { connected, print }: Terminal): void {
  program
    .command('config')
    .description('show the settings in force, secrets masked: those of the server that runs, or those it would start with')
    .addOption(
      new Option('--log-level <level>', 'what is logged from now until the next start').choices(enumValues('LogLevel').map((level) => level.toLowerCase())),
    )
    .option('--limits', 'the limits of requests, and what is used of them')
    .option('--changes', 'which settings had another value at the start before, newest first')
    .action(async ({ changes, logLevel, limits }: { changes?: boolean; logLevel?: string; limits?: boolean }) => {
      if ((logLevel !== undefined || limits) && !(await runningServer(resolve(loadSettings().settings.DATA_DIR))))
        throw new RequestFailed('No server runs here.', 'UNAVAILABLE', 'Start it: its log level and its limits end with it.');
      if (logLevel !== undefined) {
        const { setLogLevel } = await connected((client) =>
          client.request<{ setLogLevel: string }>('mutation Level($level: LogLevel!) { setLogLevel(level: $level) }', { level: logLevel.toUpperCase() }),
        );
        return print(setLogLevel, () => `what is logged from now on: ${setLogLevel.toLowerCase()} and worse`);
      }
      if (limits) {
        const { rateLimits } = await connected((client) =>
          client.request<{ rateLimits: { kind: string; limit: number; used: number; resetsAt: string | null }[] }>(
            'query { rateLimits { kind limit used resetsAt } }',
          ),
        );
        return print(rateLimits, () =>
          rateLimits.length === 0
            ? 'nothing is limited: see RATE_LIMITING'
            : rateLimits.map(({ kind, limit, used, resetsAt }) => `${kind.padEnd(8)}${used} of ${limit}${resetsAt ? `, anew at ${resetsAt}` : ''}`).join('\n'),
        );
      }
      if (changes) {
        const { settingChanges } = await connected((client) =>
          client.request<{ settingChanges: ChangeLine[] }>('query { settingChanges { name before after at } }'),
        );
        return print(settingChanges, () =>
          settingChanges.length === 0
            ? 'no setting has changed'
            : settingChanges.map(({ at, name, before, after }) => `${at}  ${name}: ${before ?? '–'} → ${after ?? '–'}`).join('\n'),
        );
      }
      const own = loadSettings();
      const shown: SettingLine[] = (await runningServer(resolve(own.settings.DATA_DIR)))
        ? (await connected((client) => client.request<{ settings: SettingLine[] }>('query { settings { name value source } }'))).settings
        : maskedSettings(own).map(({ name, value, source }) => ({ name, value: String(value), source }));
      print(shown, () => shown.map(({ name, value, source }) => `${name}=${value}  (${source})`).join('\n'));
    });
}
