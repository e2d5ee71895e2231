import { expect, test } from 'vitest';
import { type Backup } from '../../server/backup/backup-folder.js';
import { expired } from '../../server/backup/retention.js';

const settings = {
  BACKUP_DATABASE_DAYS: 30,
  BACKUP_VECTORS_DAYS: 14,
  BACKUP_KEEP_LAST: 2,
  BACKUP_KEEP_DAILY: 0,
  BACKUP_KEEP_WEEKLY: 0,
  BACKUP_KEEP_MONTHLY: 0,
};
const now = new Date('2026-11-26T02:00:00Z');
const aged = (days: number, kind = 'DATABASE', state: string | null = 'GOOD', proven = false) =>
  ({
    manifest: { id: `${kind}-${days}`, kind, createdAt: new Date(now.getTime() - days * 86_400_000).toISOString() },
    status: state && { state, proof: proven ? { ok: true, at: now.toISOString() } : null },
  }) as unknown as Backup;
const ids = (backups: Backup[], change: Partial<typeof settings> = {}) => expired(backups, { ...settings, ...change }, now).map(({ manifest }) => manifest.id);

test("backups go when they are older than the manual's days of their kind", () => {
  const daily = Array.from({ length: 40 }, (_, day) => aged(day));
  expect(ids(daily)).toEqual(Array.from({ length: 9 }, (_, i) => `DATABASE-${31 + i}`));
  const vectors = Array.from({ length: 20 }, (_, day) => aged(day, 'VECTORS'));
  expect(ids(vectors)).toEqual(['VECTORS-15', 'VECTORS-16', 'VECTORS-17', 'VECTORS-18', 'VECTORS-19']);
});

test('the newest of each kind stay however old they are, and bad ones do not count', () => {
  expect(ids([aged(100), aged(200), aged(300)])).toEqual(['DATABASE-300']);
  expect(ids([aged(90, 'DATABASE', 'BAD'), aged(95, 'DATABASE', null), aged(100), aged(200), aged(300)])).toEqual([
    'DATABASE-90',
    'DATABASE-95',
    'DATABASE-300',
  ]);
});

test('the newest proven backup stays', () => {
  expect(ids([aged(50, 'FULL'), aged(60, 'FULL'), aged(70, 'FULL'), aged(80, 'FULL', 'GOOD', true), aged(90, 'FULL', 'GOOD', true)])).toEqual([
    'FULL-70',
    'FULL-90',
  ]);
});

test('the newest of the last weeks and months stays beside', () => {
  const daily = Array.from({ length: 120 }, (_, day) => aged(day));
  // 2026-11-26 is a Thursday: the newest of each week that has passed is its Sunday.
  expect(ids(daily, { BACKUP_KEEP_WEEKLY: 8 })).not.toEqual(expect.arrayContaining(['DATABASE-32', 'DATABASE-39', 'DATABASE-46']));
  expect(ids(daily, { BACKUP_KEEP_WEEKLY: 8 })).toContain('DATABASE-53');
  const monthly = ids(daily, { BACKUP_KEEP_MONTHLY: 3 });
  expect(monthly).not.toContain('DATABASE-57'); // 30 September
  expect(monthly).toContain('DATABASE-56'); // 1 October
  expect(monthly).toContain('DATABASE-87'); // 31 August, the fourth
});
