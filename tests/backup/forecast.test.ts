import { expect, test } from 'vitest';
import { type Backup } from '../../server/backup/backup-folder.js';
import { forecast } from '../../server/backup/forecast.js';

const settings = {
  BACKUP_DATABASE_DAYS: 10,
  BACKUP_VECTORS_DAYS: 14,
  BACKUP_KEEP_LAST: 1,
  BACKUP_KEEP_DAILY: 0,
  BACKUP_KEEP_WEEKLY: 0,
  BACKUP_KEEP_MONTHLY: 0,
};
const now = new Date('2026-11-26T12:00:00Z');
const day = (days: number) => new Date(now.getTime() + days * 86_400_000);
const taken = (daysAgo: number, own: number, newBytes = 0) =>
  ({
    manifest: { kind: 'DATABASE', createdAt: day(-daysAgo).toISOString(), objects: { bytes: 500, newBytes } },
    status: { state: 'GOOD' },
    bytes: own + 500,
  }) as unknown as Backup;
const daily = Array.from({ length: 30 }, (_, i) => ({ kind: 'DATABASE' as const, at: day(i + 0.5) }));
const scene = { settings, now, usedBytes: 600, freeBytes: 1e9, estimate: { DATABASE: 70 } };

test('backups taken every day add up until the rules remove as many as come', () => {
  const { bytes, fullAt } = forecast([taken(0.5, 100)], daily, scene);
  // Originals of 500, and ten or eleven backups of 100.
  expect(bytes).toBeGreaterThanOrEqual(500 + 10 * 100);
  expect(bytes).toBeLessThanOrEqual(500 + 12 * 100);
  expect(fullAt).toBeNull();
});

test('the day on which the disk is full is the first on which one more does not fit', () => {
  const { fullAt } = forecast([taken(0.5, 100)], daily, { ...scene, freeBytes: 350 });
  expect(fullAt).toEqual(day(3.5));
});

test('originals grow as fast as they did, whatever the rules remove', () => {
  const grown = [taken(0, 100, 40), taken(10, 100, 160), taken(20, 100, 9_999)];
  const { bytes } = forecast(grown, [], { ...scene, usedBytes: 800 });
  // Two hundred in the twenty days after the first, so three hundred in thirty.
  expect(bytes).toBeCloseTo(800 + 300, 5);
});

test('a kind that was never taken counts by its estimate', () => {
  expect(forecast([], daily.slice(0, 1), { ...scene, usedBytes: 0 }).bytes).toBe(70);
});
