import { describe, expect, test } from 'vitest';
import { ThreadChoice } from '../../server/platform/embedder/thread-choice.js';

/** How many of so many queries go to several threads, on a machine that takes so long. */
function bySeveral(choice: ThreadChoice, queries: number, ms: { one: number; several: number }): number {
  let count = 0;
  for (let i = 0; i < queries; i++) {
    const several = choice.next();
    count += several ? 1 : 0;
    // Longer queries take longer.
    choice.took(several, (several ? ms.several : ms.one) * (1 + (i % 7) / 20));
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
      expect(bySeveral(choice, 14, { one, several })).toBe(7);
      const share = bySeveral(choice, 400, { one, several }) / 400;
      expect(share).toBeCloseTo(several === 3.5 ? 0.975 : 0.025, 3);
    }
  });

  test('another choice where the machine is busy with something else by now', () => {
    const choice = new ThreadChoice();
    bySeveral(choice, 100, { one: 6, several: 3.5 });
    bySeveral(choice, 100, { one: 8, several: 12 });
    expect(bySeveral(choice, 80, { one: 8, several: 12 })).toBe(2);
  });
});
