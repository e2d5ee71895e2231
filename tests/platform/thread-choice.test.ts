import { describe, expect, test } from 'vitest';
import { ThreadChoice } from '../../server/platform/embedder/thread-choice.js';

/** How many of so many queries go to several threads, on a machine that takes so long. */
function bySeveral(choice: ThreadChoice, queries: number, ms: { one: number; several: number }): number {
  let count = 0;
  for (let i = 0; i < queries; i++) {
    const several = choice.next();
    count += several ? 1 : 0;
    // Longer queries take longer.
    choice.took(several, (several ? ms.several : ms.one) * (1 + (i % 7) / 100));
  }
  return count;
}

describe('threads of a query on its own', () => {
  test('several where they are faster, one where they are not, the other now and then', () => {
    for (const [one, several] of [
      [6, 3.5],
      [6, 11.6],
      // They gain little, and keep a core from others.
      [6, 5.7],
    ] as const) {
      const choice = new ThreadChoice();
      expect(bySeveral(choice, 18, { one, several })).toBe(9);
      // Trials after 30, 60 and 120 queries more.
      expect(bySeveral(choice, 30 + 18 + 60 + 18 + 120, { one, several })).toBe(several === 3.5 ? 210 + 18 : 18);
    }
  });

  test('another choice where the machine is busy with something else by now, however slow or quick it was before', () => {
    const choice = new ThreadChoice();
    bySeveral(choice, 18 + 30, { one: 6, several: 3.5 });
    expect(bySeveral(choice, 18 + 60, { one: 8, several: 12 })).toBe(9);
    expect(bySeveral(choice, 18 + 120, { one: 60, several: 35 })).toBe(9 + 120);
    expect(bySeveral(choice, 18 + 120, { one: 6, several: 11 })).toBe(9);
    expect(bySeveral(choice, 18 + 120, { one: 6, several: 3 })).toBe(9 + 120);
  });

  test('one trial in a bad moment is outvoted by those before it', () => {
    const choice = new ThreadChoice();
    bySeveral(choice, 18 + 30 + 18 + 60, { one: 6, several: 4 });
    expect(bySeveral(choice, 18 + 120, { one: 6, several: 6.5 })).toBe(9 + 120);
    expect(bySeveral(choice, 18 + 120, { one: 6, several: 6.5 })).toBe(9);
  });
});
