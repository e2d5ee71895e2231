import { type Command } from 'commander';
import { sinceOf, type Terminal } from './terminal.js';

interface EventLine {
  at: string;
  kind: string;
  by: string;
  detail: string | null;
}

/** Adds the command that tells what happened to the system itself. */
export function addEvents(program: Command, { connected, print, exitUsage }: Terminal): void {
  program
    .command('events')
    .description('list starts, stops, changes of settings and maintenance, newest first')
    .option('--since <time>', 'from then on: 90m, 24h, 7d, or a time as 2026-11-27T06:00:00Z')
    .action(async ({ since }: { since?: string }) => {
      const { systemEvents } = await connected((client) =>
        client.request<{ systemEvents: EventLine[] }>('query Events($since: DateTime) { systemEvents(since: $since) { id at kind by detail } }', {
          since: since === undefined ? null : sinceOf(since, exitUsage),
        }),
      );
      print(systemEvents, () =>
        systemEvents.length === 0
          ? 'no event'
          : systemEvents.map(({ at, kind, by, detail }) => [at, kind.toLowerCase().padEnd(19), by, ...(detail ? [detail] : [])].join('  ')).join('\n'),
      );
    });
}
