import { expect, it } from 'vitest';
import { Batcher } from '../../src/engines/batcher.ts';
import type { EncoderInput } from '../../src/engines/encoder-input.ts';
import { CrossEncoder } from '../../src/engines/reranker.ts';
import type { Tokenizer } from '../../src/runtime/tokenizer-types.ts';

const IDS = Int32Array.of(1);

/** A cross-encoder for 512 tokens, one a character, whose scores are all 1; and how many rows it ran. */
function crossEncoder() {
  const ran: EncoderInput[] = [];
  const tokenizer: Partial<Tokenizer> = {
    pairSpecials: 2,
    content: async (text) => new Array<number>(text.length).fill(1),
    framePair: () => ({ ids: IDS, typeIds: IDS, dropped: 0 }),
  };
  const batcher = new Batcher<EncoderInput, Float32Array>({
    runner: {
      size: 1,
      idle: () => 1,
      reserve(_lane, granted) {
        granted(async (items) => {
          ran.push(...items);
          return { results: items.map(() => Float32Array.of(1)), inferMs: 1 };
        });
        return () => {};
      },
    },
    settings: { maxPaddedTokens: 512, maxQueuedTokens: 1000, maxBulkWaitMs: 1 },
  });
  const facts = { maxTokens: 512, prompts: { query: '', passage: '' } };
  return { ran, model: new CrossEncoder({ facts, tokenizer: tokenizer as Tokenizer, batcher }) };
}

it('refuses windows that would read a long query over and over again for days', async () => {
  const { model, ran } = crossEncoder();
  const documents = ['x'.repeat(2_000_000)];
  const options = { lane: 'bulk', long: 'windows' } as const;
  await expect(model.rerank('q'.repeat(490), documents, options)).rejects.toMatchObject({
    code: 'invalid_request',
    message: expect.stringContaining('shorten the query'),
    param: 'documents',
  });
  expect(ran).toEqual([]);
  expect([...(await model.rerank('q'.repeat(490), documents, { ...options, maxWindows: 3 })).logits]).toEqual([1]);
  expect(ran).toHaveLength(3);
});
