import { defineConfig } from 'vitest/config';

/**
 * The mode `long` (`npm run test:long`): files named *.long.test.ts join, and tests may do more rounds of the same.
 * The mode `docs` (`npm run docs`): tests that compare a generated page write it instead.
 */
export default defineConfig(({ mode }) => {
  const long = mode === 'long';
  return {
    test: {
      globalSetup: 'test/global-setup.ts',
      include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
      exclude: long ? [] : ['**/*.long.test.ts'],
      env: { ...(long && { LOCALLITE_TEST_LONG: '1' }), ...(mode === 'docs' && { UPDATE_DOCS: '1' }) },
      testTimeout: long ? 300_000 : 30_000,
      hookTimeout: long ? 300_000 : 60_000,
      pool: 'forks',
      maxWorkers: 2,
    },
  };
});
