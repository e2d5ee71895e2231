import { loadSettings } from '../../server/config/index.js';
import { describe, expect, test } from 'vitest';
import { judge, type Threshold } from '../../server/alerts/thresholds.js';
import { forecast } from '../../server/reports/forecast.js';

const disk: Threshold = { rule: 'disk', series: 'diskUsedShare', warning: 0.8, critical: 0.9, inWords: String, subject: { en: '', ja: '' }, remedy: '' };

describe('a threshold', () => {
  test.each([
    [0.79, 'NORMAL', 'NORMAL'],
    [0.8, 'NORMAL', 'WARNING'],
    [0.77, 'WARNING', 'WARNING'],
    [0.75, 'WARNING', 'NORMAL'],
    [0.9, 'WARNING', 'CRITICAL'],
    [0.86, 'CRITICAL', 'CRITICAL'],
    [0.85, 'CRITICAL', 'WARNING'],
    [0.1, 'CRITICAL', 'NORMAL'],
    [null, 'CRITICAL', 'NORMAL'],
  ] as const)('judges %s after %s as %s', (value, before, level) => {
    expect(judge(disk, value, before)).toBe(level);
  });
});

describe('the forecast of the disk', () => {
  const day = 86_400_000;
  const start = Date.parse('2026-05-01T00:00:00Z');
  const line = (count: number, stepMs: number, free: (i: number) => number) =>
    Array.from({ length: count }, (_, i) => ({ at: new Date(start + i * stepMs), freeBytes: free(i) }));

  test('is the day on which the line meets zero', () => {
    const { bytesPerDay, fullAt } = forecast(line(11, day, (i) => 100e9 - i * 5e9));
    expect(bytesPerDay).toBeCloseTo(5e9, -3);
    // 50 GB are left after ten days.
    expect(fullAt?.toISOString().slice(0, 10)).toBe('2026-05-21');
  });

  test('is not given where it grows, or nobody can tell yet', () => {
    expect(forecast(line(10, day, (i) => 1e9 + i)).fullAt).toBeNull();
    expect(forecast(line(10, 60_000, (i) => 1e9 - i * 1e6))).toEqual({ freeBytes: 1e9 - 9e6, bytesPerDay: null, fullAt: null });
    expect(forecast([])).toEqual({ freeBytes: null, bytesPerDay: null, fullAt: null });
  });
});

test('a warning beyond what is critical is refused at the start', () => {
  expect(() => loadSettings({ ALERT_CPU_WARNING: '0.9', ALERT_CPU_CRITICAL: '0.2' }, '')).toThrow(
    'ALERT_CPU_WARNING=0.9 is not allowed: it lies beyond ALERT_CPU_CRITICAL=0.2. Lower the first or raise the second.',
  );
  expect(loadSettings({ ALERT_CPU_WARNING: '0.2', ALERT_CPU_CRITICAL: '0.2' }, '').settings.ALERT_CPU_WARNING).toBe(0.2);
});
