import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { loadTokenizer } from '../../src/runtime/tokenizer.ts';

// A platform for which the native library has no build.
vi.mock('node:module', async (original) => ({
  ...(await original<typeof import('node:module')>()),
  createRequire: () => () => {
    throw new Error('Cannot find module');
  },
}));

const directory = path.join(fileURLToPath(new URL('../fixtures/tokenizers', import.meta.url)), 'bpe-llama2');

test('without the native library everything but places works', async () => {
  const tokenizer = await loadTokenizer(directory);
  await expect(tokenizer.spans('hello')).rejects.toMatchObject({
    code: 'model_unsupported',
    message: expect.stringContaining(`${process.platform}-${process.arch}`),
  });
  const text = 'unbroken'.repeat(20_000);
  const { ids } = await tokenizer.encodeAsync(text);
  expect(ids.length).toBeGreaterThan(20_000);
  expect(Buffer.from(ids.buffer).equals(Buffer.from(tokenizer.encode(text).ids.buffer))).toBe(true);
});
