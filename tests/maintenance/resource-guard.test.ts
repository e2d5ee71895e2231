import { expect, test } from 'vitest';
import { ResourceGuard } from '../../server/maintenance/resource-guard.js';
import { Logging } from '../../server/platform/logging/index.js';

const mebibyte = 1024 ** 2;

test('what is to be done depends on what is short; a budget that is too small at rest is told so', async () => {
  const guard = () =>
    new ResourceGuard({
      ...{ minFreeBytes: 100 * mebibyte, memoryBudgetBytes: 300 * mebibyte, highMemoryShare: 0.8 },
      ...{ hold: () => undefined, doing: () => ({}), log: new Logging('fatal').feature('ingestion') },
    });
  const remedy = async (...rooms: [memory: number, free: number][]) => {
    const watched = guard();
    for (const [memory, free] of rooms) watched.observe({ allMemoryBytes: memory * mebibyte, diskFreeBytes: free * mebibyte, hostMemoryShare: 0.5 });
    return JSON.stringify((await watched.healthCheck().check()) ?? null);
  };
  expect(await remedy([100, 50])).toContain('CLEAN_TEMP');
  expect(await remedy([100, 500], [299, 500])).toContain('It goes on by itself once memory is given back');
  expect(await remedy([430, 500])).toContain('does not go on by itself');
});

test('ingestion pauses beyond 95 % of the budget, and goes on by itself below 85 %', () => {
  const holds: boolean[] = [];
  const guard = new ResourceGuard({
    minFreeBytes: 100 * mebibyte,
    memoryBudgetBytes: 1000 * mebibyte,
    highMemoryShare: 0.8,
    hold: (held) => holds.push(held),
    doing: () => ({}),
    log: new Logging('fatal').feature('ingestion'),
  });
  const memory = (megabytes: number, freeMegabytes = 500) =>
    guard.observe({ allMemoryBytes: megabytes * mebibyte, diskFreeBytes: freeMegabytes * mebibyte, hostMemoryShare: 0.5 });
  memory(940);
  expect(holds).toEqual([]);
  memory(960);
  memory(970);
  expect(holds).toEqual([true]);
  memory(900);
  expect(holds).toEqual([true]);
  memory(840);
  expect(holds).toEqual([true, false]);
  // The disk holds it as well, until there is a tenth more room than made it pause.
  memory(500, 99);
  memory(500, 105);
  expect(holds).toEqual([true, false, true]);
  memory(500, 111);
  expect(holds).toEqual([true, false, true, false]);
});
