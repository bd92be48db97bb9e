import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    // Many tests wait for peers: one worker less than there are processors would leave small machines idle.
    maxWorkers: Math.max(2, availableParallelism()),
  },
});
