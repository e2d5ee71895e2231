import { afterEach, expect, test, vi } from 'vitest';
import { Heartbeat } from '../../server/platform/queue/heartbeat.js';

afterEach(() => vi.useRealTimers());

test('a job beats for as long as it waits, and for an hour of silent work', () => {
  vi.useFakeTimers();
  let beats = 0;
  const heartbeat = new Heartbeat(() => (beats += 1));
  vi.advanceTimersByTime(3 * 3_600_000);
  expect(beats).toBe(540);
  heartbeat.begin();
  vi.advanceTimersByTime(3_600_000 - 1);
  expect(beats).toBe(540 + 179);
  vi.advanceTimersByTime(3 * 3_600_000);
  expect(beats).toBe(540 + 179);
  heartbeat.stop();
});
