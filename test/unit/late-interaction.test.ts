import { expect, it } from 'vitest';
import { Batcher } from '../../src/engines/batcher.ts';
import type { VectorsOfTokens } from '../../src/engines/embedder-types.ts';
import type { EncoderInput } from '../../src/engines/encoder-input.ts';
import { LateInteraction } from '../../src/engines/late-interaction.ts';
import type { Tokenizer } from '../../src/runtime/tokenizer-types.ts';

it('refuses documents whose vectors would not fit into memory together, and leaves nothing in the queue', async () => {
  const encoding = (ids: ArrayLike<number>) => ({ ids: Int32Array.from(ids), typeIds: new Int32Array(ids.length), dropped: 0 });
  const tokenizer: Partial<Tokenizer> = {
    content: async (text) => new Array<number>(text.length).fill(1),
    encodeAsync: async (text) => encoding(new Array<number>(text.length).fill(1)),
    frame: (ids) => encoding(ids),
    isSpecial: () => false,
  };
  const batcher = new Batcher<EncoderInput, VectorsOfTokens>({
    runner: { size: 1, idle: () => 1, reserve: () => () => {} },
    settings: { maxPaddedTokens: 1, maxQueuedTokens: 10_000, maxBulkWaitMs: 1 },
  });
  const model = new LateInteraction({
    facts: { maxTokens: 64, prompts: { query: '', passage: '' } },
    multi: { dimensions: 2 ** 20, skipPunctuation: false },
    tokenizer: tokenizer as Tokenizer,
    batcher,
  });
  const documents = ['x'.repeat(60), 'x'.repeat(60), 'x'.repeat(60)];
  await expect(model.rerank('q', documents, { lane: 'bulk' })).rejects.toMatchObject({
    code: 'invalid_request',
    message: expect.stringContaining('128 tokens'),
    param: 'documents',
  });
  expect(batcher.queuedTokens).toBe(0);
});
