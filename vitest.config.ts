import { defineConfig } from 'vitest/config';

/** `npm run test:long` is the mode `long`: files named *.long.test.ts join, and tests may do more rounds of the same. */
export default defineConfig(({ mode }) => {
  const long = mode === 'long';
  return {
    test: {
      include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
      exclude: long ? [] : ['**/*.long.test.ts'],
      env: long ? { LOCALLITE_TEST_LONG: '1' } : {},
      testTimeout: long ? 300_000 : 30_000,
      hookTimeout: long ? 300_000 : 60_000,
      pool: 'forks',
      maxWorkers: 2,
    },
  };
});
