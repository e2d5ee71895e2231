import { Argument, type Command, CommanderError } from 'commander';
import { RequestFailed } from './client.js';
import { finished, firstOf, type Terminal } from './terminal.js';

interface ScheduleLine {
  name: string;
  pattern: string;
  enabled: boolean;
  nextRunAt: string | null;
  lastJob: { status: string; finishedAt: string | null; error: string | null } | null;
}

interface RunLine {
  status: string;
  startedAt: string | null;
  finishedAt: string | null;
  error: string | null;
  result: { steps?: { step: string; tookMs: number }[] } | null;
}

interface AlertLine {
  id: string;
  rule: string;
  severity: string;
  state: string;
  message: string;
  raisedAt: string;
}

interface Mode {
  enabled: boolean;
  reason: string | null;
  until: string | null;
}

const dayMs = 86_400_000;

const unknownSchedule = (name: string, schedules: { name: string }[], exitUsage: number) =>
  new CommanderError(exitUsage, 'erpfts.schedule', `There is no schedule "${name.toUpperCase()}": there are ${schedules.map((one) => one.name).join(', ')}.`);
const alertFields = 'id rule severity state message raisedAt';

/** Commands that watch a running system: its alerts, schedules and mode. */
export function addWatching(program: Command, { connected, print, progress, exitUsage, exitFailed }: Terminal): void {
  const alertsCommand = program.command('alerts').description('look at alerts and at what raises them, acknowledge and silence them');
  const changed = async (mutation: string, variables: Record<string, unknown>) => {
    const { alert } = await connected((client) => client.request<{ alert: AlertLine }>(mutation, variables));
    print(alert, () => `${alert.rule} is ${alert.state.toLowerCase()}`);
  };
  alertsCommand
    .command('acknowledge')
    .description('say that somebody looks after an alert')
    .argument('<id>', 'as `alerts --json` lists it')
    .action((id: string) => changed(`mutation Acknowledge($id: ID!) { alert: acknowledgeAlert(id: $id) { ${alertFields} } }`, { id }));
  alertsCommand
    .command('silence')
    .description('tell nobody of an alert for a day')
    .argument('<id>', 'as `alerts --json` lists it')
    .action((id: string) =>
      changed(`mutation Silence($id: ID!, $until: DateTime) { alert: silenceAlert(id: $id, until: $until) { ${alertFields} } }`, {
        id,
        until: new Date(Date.now() + dayMs).toISOString(),
      }),
    );
  alertsCommand
    .command('thresholds')
    .description('list the values that raise alerts, with what is measured now')
    .action(async () => {
      const { thresholds } = await connected((client) =>
        client.request<{ thresholds: { rule: string; warning: number; critical: number; value: number | null; level: string }[] }>(
          'query { thresholds { rule warning critical value level } }',
        ),
      );
      print(thresholds, () =>
        thresholds
          .map(
            ({ rule, warning, critical, value, level }) => `${rule.padEnd(16)}${level.padEnd(10)}now ${value ?? '–'}, warning ${warning}, critical ${critical}`,
          )
          .join('\n'),
      );
    });
  alertsCommand
    .command('list', { isDefault: true })
    .description('list open alerts; exit code 1 where one is critical')
    .option('--all', 'those that are over as well, at most 100')
    .option('--test', 'send a test by every channel that is set, and tell what became of it')
    .action(async ({ all, test }: { all?: boolean; test?: boolean }) => {
      if (test) return testChannels();
      const { alerts } = await connected((client) =>
        client.request<{ alerts: { edges: { node: AlertLine }[] } }>(
          `query Alerts($filter: AlertFilter) { alerts(first: 100, filter: $filter) { edges { node { ${alertFields} } } } }`,
          { filter: all ? null : { states: ['ACTIVE', 'ACKNOWLEDGED'] } },
        ),
      );
      const found = alerts.edges.map(({ node }) => node);
      print(found, () =>
        found.length === 0
          ? 'no alert'
          : found.map(({ raisedAt, severity, state, rule, message }) => [raisedAt, severity.padEnd(8), state.padEnd(12), rule, message].join('  ')).join('\n'),
      );
      if (found.some(({ severity, state }) => severity === 'CRITICAL' && state !== 'RESOLVED')) process.exitCode = exitFailed;
    });

  async function testChannels(): Promise<void> {
    const { testNotifications: told } = await connected((client) =>
      client.request<{ testNotifications: { channel: string; error: string | null }[] }>('mutation { testNotifications { channel error } }'),
    );
    print(told, () =>
      told.length === 0
        ? 'no channel is set: see ALERT_WEBHOOK_URL and SMTP_URL'
        : told.map(({ channel, error }) => `${channel}: ${error ?? 'delivered'}`).join('\n'),
    );
    if (told.some(({ error }) => error !== null)) process.exitCode = exitFailed;
  }

  const schedule = program.command('schedule').description('look at schedules, run them, turn them on and off');
  schedule
    .command('list', { isDefault: true })
    .description('list schedules with their next and last run')
    .action(async () => {
      const { schedules } = await connected((client) =>
        client.request<{ schedules: ScheduleLine[] }>('query { schedules { name pattern enabled nextRunAt lastJob { status finishedAt error } } }'),
      );
      print(schedules, () =>
        schedules
          .map(({ name, pattern, nextRunAt, lastJob }) => {
            const last = lastJob ? `${lastJob.status.toLowerCase()} ${lastJob.finishedAt ?? ''}`.trim() : 'never run';
            return `${name.padEnd(16)}${(pattern || 'off').padEnd(14)}next ${nextRunAt ?? 'never'}, ${last}${lastJob?.error ? `: ${lastJob.error}` : ''}`;
          })
          .join('\n'),
      );
    });
  schedule
    .command('run')
    .description('run a schedule now and wait until it is done')
    .argument('<name>', 'as `schedule list` names it')
    .action(async (name: string) => {
      // Waited for: where no server runs, the work ends with this command.
      const job = await connected(async (client) => {
        const { schedules } = await client.request<{ schedules: { name: string }[] }>('query { schedules { name } }');
        if (!schedules.some((one) => one.name === name.toUpperCase())) throw unknownSchedule(name, schedules, exitUsage);
        const { runSchedule } = await client.request<{ runSchedule: { id: string } }>('mutation Run($name: String!) { runSchedule(name: $name) { id } }', {
          name: name.toUpperCase(),
        });
        return finished(client, runSchedule.id, progress);
      });
      progress('');
      if (job.status !== 'SUCCEEDED') throw new RequestFailed(job.error ?? `The run was ${job.status.toLowerCase()}.`, job.status, null);
      print(job, () => `${name.toUpperCase()} has run as job ${job.id}`);
    });
  schedule
    .command('history')
    .description('list the runs of a schedule, newest first, with what each step took')
    .argument('<name>')
    .option('--first <n>', 'how many, 1 to 100', '10')
    .action(async (typed: string, { first }: { first: string }) => {
      const name = typed.toUpperCase();
      const { schedules } = await connected((client) =>
        client.request<{ schedules: { name: string; history: RunLine[] }[] }>(
          'query History($first: Int!) { schedules { name history(first: $first) { id status startedAt finishedAt error result } } }',
          { first: firstOf(first, exitUsage) },
        ),
      );
      const found = schedules.find((one) => one.name === name);
      if (!found) throw unknownSchedule(name, schedules, exitUsage);
      print(found.history, () =>
        found.history
          .map(({ status, startedAt, finishedAt, error, result }) => {
            const seconds = startedAt && finishedAt ? `${((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000).toFixed(1)} s` : '';
            const steps = (result?.steps ?? []).map(({ step, tookMs }) => `${step} ${tookMs} ms`).join(', ');
            return [startedAt ?? 'waits', status.toLowerCase().padEnd(9), seconds.padStart(8), error ?? steps].join('  ').trimEnd();
          })
          .join('\n'),
      );
    });
  for (const [verb, enabled] of [
    ['enable', true],
    ['disable', false],
  ] as const) {
    schedule
      .command(verb)
      .description(enabled ? 'turn a schedule on; it waits for its next time' : 'turn a schedule off')
      .argument('<name>')
      .action(async (name: string) => {
        const { enableSchedule } = await connected(async (client) => {
          const { schedules } = await client.request<{ schedules: { name: string }[] }>('query { schedules { name } }');
          if (!schedules.some((one) => one.name === name.toUpperCase())) throw unknownSchedule(name, schedules, exitUsage);
          return client.request<{ enableSchedule: ScheduleLine }>(
            'mutation Enable($name: String!, $enabled: Boolean!) { enableSchedule(name: $name, enabled: $enabled) { name enabled nextRunAt } }',
            { name: name.toUpperCase(), enabled },
          );
        });
        print(enableSchedule, () => `${enableSchedule.name} is ${enableSchedule.enabled ? `on, next ${enableSchedule.nextRunAt ?? 'never'}` : 'off'}`);
      });
  }

  program
    .command('maintenance-mode')
    .description('make readers wait while the system is worked on, or tell whether they do')
    .addArgument(new Argument('[state]').choices(['on', 'off']))
    .option('--reason <text>', 'shown to readers')
    .option('--until <time>', 'expected end, ISO 8601, e.g. 2026-12-01T06:00:00+09:00')
    .action(async (state: string | undefined, { reason, until }: { reason?: string; until?: string }) => {
      const end = until === undefined ? null : new Date(until);
      if (end && Number.isNaN(end.getTime()))
        throw new CommanderError(exitUsage, 'erpfts.until', `--until takes a time such as 2026-12-01T06:00:00+09:00, not "${until}".`);
      const mode = await connected(async (client) => {
        if (state === undefined) return (await client.request<{ maintenanceMode: Mode }>('query { maintenanceMode { enabled reason until } }')).maintenanceMode;
        const { setMaintenanceMode } = await client.request<{ setMaintenanceMode: Mode }>(
          'mutation Mode($enabled: Boolean!, $reason: String, $until: DateTime) { setMaintenanceMode(enabled: $enabled, reason: $reason, until: $until) { enabled reason until } }',
          { enabled: state === 'on', reason: reason ?? null, until: end?.toISOString() ?? null },
        );
        return setMaintenanceMode;
      });
      print(mode, () => [mode.enabled ? 'on' : 'off', mode.reason, mode.until && `until ${mode.until}`].filter(Boolean).join(', '));
    });
}
