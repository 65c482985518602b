import { defineConfig } from 'vitest/config';

/** Suites against real servers: `npm run test:conformance`, or with the names of some kinds. What a kind needs must be installed: a suite that can not run fails. */
export default defineConfig({
  test: {
    include: ['test/conformance/**/*.test.ts'],
    setupFiles: ['test/tell-standing.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // One server after the other: each kind has the machine for itself.
    fileParallelism: false,
    reporters: ['default'],
  },
});
