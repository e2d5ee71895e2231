import { defineConfig } from 'vitest/config';

/** Suites start servers of their own: two at a time is what two cores bear. */
export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    // A week takes minutes: it has a command of its own.
    exclude: process.env['REHEARSE_WEEK'] ? [] : ['tests/week/**'],
    globalSetup: ['tests/support/global-setup.ts'],
    // A test that waits for something has its own limit for that; these only end what hangs, on slow machines too.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    maxWorkers: 2,
    reporters: ['default'],
  },
});
