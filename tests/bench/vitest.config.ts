import { defineConfig } from 'vitest/config';

/** Benches run one after another, alone on the machine, and take as long as they take. */
export default defineConfig({
  test: { include: ['tests/bench/**/*.bench.ts'], fileParallelism: false, testTimeout: 7_200_000, hookTimeout: 7_200_000, disableConsoleIntercept: true },
});
