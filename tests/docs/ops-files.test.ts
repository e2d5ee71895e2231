import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../server/config/index.js';
import { backupSettings } from '../../server/config/backup-settings.js';

const read = (name: string) => readFileSync(join(packageRoot, 'ops', name), 'utf8');
const defaultOf = (kind: string) => backupSettings[`BACKUP_${kind.toUpperCase()}_SCHEDULE` as 'BACKUP_FULL_SCHEDULE'].parse(undefined);

test("cron's lines run the server's backups at the server's times", () => {
  const lines = read('cron/erpfts')
    .split('\n')
    .map((line) => /^(\S+ \S+ \S+ \S+ \S+) erpfts .*npx erpfts backup --kind (\w+)$/.exec(line))
    .filter((line) => line !== null);
  expect(lines.map(([, , kind]) => kind).sort()).toEqual(['config', 'database', 'full', 'vectors']);
  for (const [, time, kind] of lines) expect([kind, time]).toEqual([kind, defaultOf(kind!)]);
});

test('the timers of systemd do the same', () => {
  const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
  const timers = readdirSync(join(packageRoot, 'ops/systemd')).filter((name) => name.endsWith('.timer'));
  expect(timers).toHaveLength(4);
  for (const name of timers) {
    const text = read(`systemd/${name}`);
    const kind = /Unit=erpfts-backup@(\w+)\.service/.exec(text)?.[1];
    const [, weekday = '', day = '', hour = '', minute = ''] = /OnCalendar=(?:(\w+) )?\*-\*-(\*|\d+) (\d+):(\d+):00/.exec(text) ?? [];
    const time = [Number(minute), Number(hour), day === '*' ? '*' : Number(day), '*', weekday ? weekdays.indexOf(weekday) : '*'].join(' ');
    expect([name, time]).toEqual([`erpfts-backup-${kind}.timer`, defaultOf(kind!)]);
  }
});

test('the recovery scripts are shell that can be read', () => {
  for (const name of readdirSync(join(packageRoot, 'ops/recovery'))) execFileSync('sh', ['-n', join(packageRoot, 'ops/recovery', name)]);
});
