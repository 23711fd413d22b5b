import { expect, it } from 'vitest';
import { StaticEmbedder } from '../../src/engines/static-embedder.ts';
import type { Tokenizer } from '../../src/runtime/tokenizer-types.ts';

const ROWS = 64;
const DIMENSIONS = 1024;
const FRAME = Int32Array.of(1, 2);
const FACTS = {
  dimensions: DIMENSIONS,
  maxTokens: 1_000_000,
  pooling: 'mean',
  normalize: false,
  prompts: { query: '', passage: '' },
} as const;

/** A model whose texts have one token a character, the fourth row for all of them, and whose rows hold their own number. */
function embedder(): StaticEmbedder {
  const encoding = (ids: Int32Array) => ({ ids, typeIds: new Int32Array(ids.length), dropped: 0 });
  const tokenizer: Partial<Tokenizer> = {
    vocabularySize: ROWS,
    idOf: () => undefined,
    content: async (text) => new Array<number>(text.length).fill(4),
    frame: () => encoding(FRAME),
    fromIds: (ids) => encoding(Int32Array.from(ids)),
  };
  const data = Float32Array.from({ length: ROWS * DIMENSIONS }, (_, at) => Math.floor(at / DIMENSIONS));
  return new StaticEmbedder({ rows: ROWS, dimensions: DIMENSIONS, data }, tokenizer as Tokenizer, { ...FACTS, dropUnknown: false });
}

it('gives others a turn while it sums up one long text', async () => {
  let turns = 0;
  let going = true;
  const count = (): void => {
    turns += 1;
    if (going) setImmediate(count);
  };
  setImmediate(count);
  const { vectors } = await embedder().embed(['x'.repeat(50_000)], { lane: 'bulk' });
  going = false;
  expect(turns).toBeGreaterThan(10);
  expect(vectors[0]?.[0]).toBe(4);
});

it('reads ids as the text that they are of, framed or not', async () => {
  const { vectors, promptTokens } = await embedder().embed([[1, 8, 4, 2], [8, 4], 'xy'], { lane: 'bulk' });
  expect(vectors.map((vector) => vector[0])).toEqual([6, 6, 4]);
  expect(promptTokens).toBe(6);
});
