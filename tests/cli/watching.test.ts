import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import { cleanEnvironment } from '../support/environment.js';
import { TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({
    LOG_LEVEL: 'info',
    METRICS_INTERVAL_SECONDS: '1',
    ALERT_HOLD_SECONDS: '1',
    ALERT_MEMORY_WARNING: '0.0001',
    ALERT_MEMORY_CRITICAL: '0.0001',
    ALERT_CPU_WARNING: '1',
    ALERT_CPU_CRITICAL: '1',
  });
  await server.take('buoy.txt', 'The buoy blinks twice.');
});
afterAll(() => server.stop());

const program = join(packageRoot, 'ops/bin/erpfts.cjs');
const options = () => ({ cwd: server.dataDir, env: { ...cleanEnvironment(), DATA_DIR: server.dataDir } });

function erpfts(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], options(), (error, out, err) => resolve({ code: error ? Number(error.code) : 0, out, err }));
  });
}

test('logs are listed, chosen and followed', async () => {
  expect((await erpfts('logs', '--text', 'ready')).out).toMatch(/^\S+Z {2}INFO {3}- {2}ready$/m);
  expect((await erpfts('--json', 'logs', '--level', 'fatal')).out.trim()).toBe('[]');
  expect((await erpfts('logs', '--level', 'loud')).code).toBe(2);
  expect((await erpfts('logs', '--since', '1h', '--feature', 'jobs')).out).toMatch(/INFO {3}jobs {2}a job was begun/);
  expect((await erpfts('--json', 'logs', '--since', '2099-01-01')).out.trim()).toBe('[]');
  expect((await erpfts('logs', '--since', 'lately')).code).toBe(2);
  expect((await erpfts('config', '--log-level', 'info')).out).toBe('what is logged from now on: info and worse\n');
  expect((await erpfts('config', '--log-level', 'loud')).code).toBe(2);
  await erpfts('config', '--log-level', 'debug');
  expect((await erpfts('config')).out).toContain('LOG_LEVEL=debug  (runtime)');
  expect((await erpfts('config', '--changes')).out).toMatch(/LOG_LEVEL.*info.*debug/);
  await erpfts('config', '--log-level', 'info');
  expect((await erpfts('config')).out).toContain('LOG_LEVEL=info  (environment)');
  expect((await erpfts('logs', '--first', '0')).code).toBe(2);
  const follower = spawn(process.execPath, [program, 'logs', '--follow', '--text', 'log_level'], options());
  let seen = '';
  follower.stdout.on('data', (part: Buffer) => (seen += part.toString()));
  try {
    await expect
      .poll(
        async () => {
          await server.ask('mutation { setLogLevel(level: INFO) }');
          return seen;
        },
        { timeout: 20_000, interval: 500 },
      )
      .toContain('the log level was changed');
  } finally {
    follower.kill('SIGKILL');
  }
  // Where no server runs there is nothing to follow, and none is kept from starting.
  const empty = await mkdtemp(join(tmpdir(), 'erpfts-watching-'));
  const alone = await new Promise<{ code: unknown; err: string }>((resolve) =>
    execFile(process.execPath, [program, 'logs', '--follow'], { ...options(), env: { ...options().env, DATA_DIR: empty } }, (error, _out, err) =>
      resolve({ code: error?.code, err }),
    ),
  );
  expect(alone).toEqual({ code: 1, err: 'No server runs here that could be followed.\nStart it, or leave --follow out.\n' });
  await rm(empty, { recursive: true });
});

test('an open critical alert is listed and is exit code 1', async () => {
  await expect.poll(async () => (await erpfts('alerts')).out, { timeout: 20_000 }).toMatch(/CRITICAL +ACTIVE +memory +Memory is in use/);
  expect((await erpfts('alerts')).code).toBe(1);
  const [alert] = (JSON.parse((await erpfts('--json', 'alerts')).out) as { id: string; rule: string }[]).filter(({ rule }) => rule === 'memory');
  expect((await erpfts('alerts', 'acknowledge', alert!.id)).out).toBe('memory is acknowledged\n');
  expect((await erpfts('alerts', 'silence', alert!.id)).code).toBe(0);
  const { alerts } = await server.ask<{ alerts: { edges: { node: { id: string; silencedUntil: string | null } }[] } }>(
    '{ alerts(first: 100) { edges { node { id silencedUntil } } } }',
  );
  const silencedUntil = alerts.edges.find(({ node }) => node.id === alert!.id)?.node.silencedUntil;
  expect(new Date(silencedUntil ?? 0).getTime()).toBeGreaterThan(Date.now() + 23 * 3_600_000);
  expect((await erpfts('alerts', 'thresholds')).out).toMatch(/^memory +CRITICAL +now 0\.\d+, warning 0\.0001, critical 0\.0001$/m);
});

test('what was measured is shown over time, with what is used of the limits, and reports are made and read', async () => {
  await expect.poll(async () => (await erpfts('metrics', '--since', '10m')).out, { timeout: 20_000 }).toMatch(/^\S+Z {2}hostCpuShare=\d/m);
  expect((await erpfts('metrics')).out).toMatch(/host\.diskReadBytesPerSecond: [^]*diskForecast\.freeBytes: \d+/);
  expect((await erpfts('config', '--limits')).out).toBe('nothing is limited: see RATE_LIMITING\n');
  expect((await erpfts('reports')).out).toMatch(/^no report so far/);
  expect((await erpfts('reports', 'make', 'capacity')).out).toMatch(/^capacity, \S+ to \S+\n/);
  const [, id] = /(\S+)$/m.exec((await erpfts('reports')).out) ?? [];
  expect((await erpfts('reports', 'show', id!)).out).toMatch(/^capacity, /);
  expect((await erpfts('reports', 'show', 'nothing')).code).toBe(1);
});

test('schedules are listed, run and switched', async () => {
  expect((await erpfts('schedule')).out).toMatch(/^DAILY +30 3 \* \* \* +next \d{4}-\S+, never run$/m);
  expect((await erpfts('schedule', 'disable', 'monthly')).out.trim()).toBe('MONTHLY is off');
  expect((await erpfts('schedule', 'enable', 'monthly')).out).toContain('MONTHLY is on, next ');
  expect((await erpfts('schedule', 'run', 'daily')).out).toMatch(/^DAILY has run as job \S+/);
  expect((await erpfts('schedule')).out).toMatch(/^DAILY .*succeeded/m);
  expect((await erpfts('schedule', 'history', 'daily')).out).toMatch(/^\d{4}-\S+Z {2}succeeded +\d+\.\d s {2}ROTATE_LOGS \d+ ms, CLEAN_TEMP \d+ ms/);
  expect((await erpfts('schedule', 'history', 'hourly')).code).toBe(2);
  const unknown = await erpfts('schedule', 'run', 'hourly');
  expect([unknown.code, unknown.err]).toEqual([2, expect.stringContaining('there are DAILY')]);
  expect((await erpfts('schedule', 'disable', 'hourly')).code).toBe(2);
  expect((await erpfts('logs', '--text', 'a schedule was turned')).out).toMatch(/turned off[^]*turned on|turned on[^]*turned off/);
});

test('maintenance mode is turned on and off', async () => {
  expect((await erpfts('maintenance-mode', 'on', '--reason', 'new disk', '--until', '2099-01-01T06:00:00Z')).out.trim()).toBe(
    'on, new disk, until 2099-01-01T06:00:00.000Z',
  );
  expect((await erpfts('maintenance-mode')).out).toMatch(/^on/);
  expect((await erpfts('maintenance-mode', 'off')).out.trim()).toBe('off');
  expect((await erpfts('logs', '--text', 'maintenance begins')).out).toMatch(/maintenance {2}maintenance begins/);
  expect((await erpfts('maintenance-mode', 'on', '--until', 'soon')).code).toBe(2);
});

test('indexes are rebuilt and repairs tried first', async () => {
  expect((await erpfts('rebuild-index')).out).toMatch(/source: STORED[\s\S]*vectors: 1/);
  expect((await erpfts('rebuild-index', '--reembed')).out).toMatch(/embedded: 1/);
  expect((await erpfts('optimize-index')).out).toMatch(/vectors: 1/);
  expect((await erpfts('verify-data', '--repair', '--dry-run')).out.trim()).toBe('differences: 0, to be mended: 0, left: 0');
  expect((await erpfts('maintenance', 'clear-cache', '--options', '{"kinds":["SEARCH"]}')).code).toBe(0);
  expect((await erpfts('maintenance', 'clear-cache', '--options', 'all')).code).toBe(2);
});

test('settings shown are those of the server that runs, and what changed since its start before', async () => {
  // The caller's own environment says nothing of a server that runs.
  const { out } = await erpfts('config');
  expect(out).toMatch(/^ALERT_MEMORY_CRITICAL=0\.0001 {2}\(environment\)$/m);
  // But for the level of the log, which another test sets.
  expect(
    (await erpfts('config', '--changes')).out.split('\n').filter((line) => line && !line.includes('LOG_LEVEL') && line !== 'no setting has changed'),
  ).toEqual([]);
});

test('a test of the channels says that there is none, and what to set', async () => {
  expect(await erpfts('alerts', '--test')).toMatchObject({ code: 0, out: 'no channel is set: see ALERT_WEBHOOK_URL and SMTP_URL\n' });
});

test('on a terminal one line tells how far a task is; elsewhere lines are plain', async ({ skip }) => {
  expect((await erpfts('maintenance', 'vacuum')).err).not.toContain('\u001b');
  const command = [process.execPath, program, 'maintenance', 'reload-model'].map((part) => `'${part}'`).join(' ');
  let shown: string;
  try {
    // A terminal of its own, as the manual of script(1) has it.
    shown = execFileSync('script', ['--quiet', '--return', '--command', command, '/dev/null'], options()).toString();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return skip();
  }
  // The line is written over, by the control sequence that clears it (ECMA-48, EL).
  expect(shown.split('\r\u001b[K').some((line) => /^\[[#.]+\] \d+ % {2}/.test(line))).toBe(true);
});

test('a shell completes commands, choices, options and what those take', async () => {
  const { out } = await erpfts('completion', 'bash');
  const complete = (...typed: string[]) =>
    execFileSync(
      'bash',
      ['-c', `${out}\nCOMP_WORDS=(${typed.map((word) => `'${word}'`).join(' ')}) COMP_CWORD=${typed.length - 1}; _erpfts; echo "\${COMPREPLY[*]}"`],
      { encoding: 'utf8' },
    ).trim();
  expect(complete('erpfts', 'verify-d')).toBe('verify-data');
  expect(complete('erpfts', 'maintenance', 'vac')).toBe('vacuum');
  expect(complete('erpfts', 'schedule', 'e')).toBe('enable');
  expect(complete('erpfts', 'verify-data', '--dry')).toBe('--dry-run');
  expect(complete('erpfts', 'search', '--mode', 'k')).toBe('keyword');
  expect(complete('erpfts', 'logs', '--level', 'f')).toBe('fatal');
  expect((await erpfts('completion', 'tcsh')).code).toBe(2);
});
