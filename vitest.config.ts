import { defineConfig } from 'vitest/config';

/** Suites start servers of their own: two at a time is what two cores bear. */
export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    // A week takes minutes: it has a command of its own.
    exclude: process.env['REHEARSE_WEEK'] ? [] : ['tests/week/**'],
    globalSetup: ['tests/support/global-setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    reporters: ['default'],
  },
});
