import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Tests start real processes: more at once than cores only makes each of them slower.
    maxWorkers: 2,
    reporters: process.env['CI'] === undefined ? ['default'] : ['dot'],
  },
});
