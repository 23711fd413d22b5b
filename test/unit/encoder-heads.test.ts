import { describe, expect, it } from 'vitest';
import { createEncoder } from '../../src/engines/encoder.ts';
import type { EncoderBatch, EncoderSettings } from '../../src/engines/encoder-protocol.ts';
import type { InferenceSession, Tensor, Tensors } from '../../src/runtime/session.ts';

const BATCH: EncoderBatch = {
  head: 'embed',
  kind: 'passage',
  lengths: Int32Array.of(3, 2),
  ids: Int32Array.of(2, 7, 3, 2, 3),
  typeIds: undefined,
  attended: undefined,
};

const settings = (more: Partial<EncoderSettings> = {}): EncoderSettings => ({
  heads: ['embed'],
  pooling: 'mean',
  normalize: false,
  dimensions: 2,
  sparseFrom: undefined,
  tokenDimensions: 2,
  graph: undefined,
  ...more,
});

const floats = (dims: readonly number[], values: readonly number[]): Tensor => ({ type: 'float32', dims, data: Float32Array.from(values) });

/** A graph that gives what it is told to, and keeps what it was fed. */
function graph(outputs: Tensors, inputs = ['input_ids', 'attention_mask']): InferenceSession & { fed: Tensors[] } {
  const fed: Tensors[] = [];
  return {
    fed,
    inputs: inputs.map((name) => ({ name, type: 'int64', shape: ['batch', 'tokens'] })),
    outputs: Object.keys(outputs).map((name) => ({ name, type: 'float32', shape: [] })),
    run: async (feeds, wanted) => {
      // Feeds are written into memory that the next run uses again.
      fed.push(Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }])));
      return Object.fromEntries(Object.entries(outputs).filter(([name]) => wanted.includes(name)));
    },
    dispose: async () => {},
  };
}

const run = async (outputs: Tensors, head: EncoderBatch['head'], more: Partial<EncoderSettings> = {}): Promise<number[][]> => {
  const values = await createEncoder(graph(outputs), settings({ heads: [head], ...more })).run({ ...BATCH, head });
  return values.map((part) => Array.from(part, (value) => Math.round(value * 1e6) / 1e6));
};

describe('what a graph is fed', () => {
  it('masks padding, and what only fills a row', async () => {
    const session = graph({ last_hidden_state: floats([2, 3, 2], new Array(12).fill(1)) }, [
      'input_ids',
      'attention_mask',
      'token_type_ids',
    ]);
    const encoder = createEncoder(session, settings());
    await encoder.run({ ...BATCH, typeIds: Int32Array.of(0, 1, 1, 0, 1) });
    await encoder.run({ ...BATCH, attended: Int32Array.of(1, 2) });
    const row = (feeds: Tensors | undefined, name: string): number[] => Array.from(feeds?.[name]?.data ?? [], Number);
    expect(row(session.fed[0], 'token_type_ids')).toEqual([0, 1, 1, 0, 1, 0]);
    expect(row(session.fed[1], 'input_ids')).toEqual([2, 7, 3, 2, 3, 0]);
    expect(row(session.fed[0], 'attention_mask')).toEqual([1, 1, 1, 1, 1, 0]);
    expect(row(session.fed[1], 'attention_mask')).toEqual([1, 0, 0, 1, 1, 0]);
  });
});

describe('sentence vectors', () => {
  it('come from a finished output rather than from token states', async () => {
    const outputs = { last_hidden_state: floats([2, 3, 2], new Array(12).fill(9)), dense_vecs: floats([2, 2], [1, 2, 3, 4]) };
    expect(await run(outputs, 'embed')).toEqual([[1, 2, 3, 4]]);
  });

  it('of another size than the card says are refused', async () => {
    const refused = run({ sentence_embedding: floats([2, 3], [1, 2, 3, 4, 5, 6]) }, 'embed');
    await expect(refused).rejects.toMatchObject({ code: 'model_unsupported', message: expect.stringMatching(/3 values a text.*2/) });
  });
});

describe('logits', () => {
  it('are one a pair', async () => {
    expect(await run({ logits: floats([2, 1], [0.5, -2]) }, 'rerank')).toEqual([[0.5, -2]]);
    expect(await run({ logits: { type: 'float16', dims: [2, 1], data: Uint16Array.of(0x3800, 0xc000) } }, 'rerank')).toEqual([[0.5, -2]]);
  });

  it('of several labels are refused', async () => {
    const refused = run({ logits: floats([2, 3], [1, 2, 3, 4, 5, 6]) }, 'rerank');
    await expect(refused).rejects.toMatchObject({ code: 'model_unsupported', message: expect.stringMatching(/\[2, 3\].*one a pair/) });
  });
});

describe('sparse weights', () => {
  it('of the vocabulary travel without their zeros', async () => {
    const weights = floats([2, 4], [0, 0.5, 0, 2, 0, 0, 0, 1]);
    expect(await run({ vocabulary_weights: weights }, 'sparse', { sparseFrom: 'vocabulary' })).toEqual([
      [2, 1],
      [1, 3, 3],
      [0.5, 2, 1],
    ]);
  });

  it('of a published masked language model are the largest log(1 + relu) over the real tokens', async () => {
    // The third token of the second row is padding, and would be the largest.
    const logits = floats([2, 3, 2], [1, -1, 3, -2, 2, -3, -1, 0, 0, 5, 99, 99]);
    const [terms, ids, values] = await run({ output: logits }, 'sparse', { sparseFrom: 'vocabulary' });
    expect([terms, ids]).toEqual([
      [1, 1],
      [0, 1],
    ]);
    expect(values?.[0]).toBeCloseTo(Math.log(4), 5);
    expect(values?.[1]).toBeCloseTo(Math.log(6), 5);
  });

  it.each([
    ['token_weights', [2, 3]],
    ['sparse_vecs', [2, 3, 1]],
  ])('of tokens are those of real tokens (%s)', async (name, dims) => {
    expect(await run({ [name]: floats(dims, [1, 2, 3, 4, 5, 6]) }, 'sparse', { sparseFrom: 'tokens' })).toEqual([[1, 2, 3, 4, 5]]);
  });

  it("may be the first token's attention, averaged over the heads", async () => {
    const head = (first: readonly number[]): number[] => [...first, 9, 9, 9, 9, 9, 9];
    const attention = floats([2, 2, 3, 3], [...head([0.2, 0.4, 0.4]), ...head([0.4, 0.2, 0.4]), ...head([1, 0, 7]), ...head([0, 1, 7])]);
    const more = { sparseFrom: 'tokens', graph: { output: 'attention_6' } } as const;
    expect(await run({ attention_6: attention }, 'sparse', more)).toEqual([[0.3, 0.3, 0.4, 0.5, 0.5]]);
  });
});

describe('token vectors', () => {
  it('are those of real tokens, made unit vectors', async () => {
    const vectors = floats([2, 3, 2], [3, 4, 0, 2, 1, 0, 0, 5, 6, 8, 9, 9]);
    expect(await run({ contextual: vectors }, 'multi')).toEqual([
      [3, 2],
      [0.6, 0.8, 0, 1, 1, 0, 0, 1, 0.6, 0.8],
    ]);
  });

  it('may lack the first token', async () => {
    const vectors = floats([2, 2, 2], [1, 0, 0, 1, 0, 1, 9, 9]);
    expect(await run({ colbert_vecs: vectors }, 'multi')).toEqual([
      [2, 1],
      [1, 0, 0, 1, 0, 1],
    ]);
  });

  it('of another size than the card says are refused', async () => {
    const refused = run({ token_vectors: floats([2, 3, 1], [1, 2, 3, 4, 5, 6]) }, 'multi');
    await expect(refused).rejects.toMatchObject({ code: 'model_unsupported', message: expect.stringContaining('[rows, tokens, 2]') });
  });
});

describe('heads', () => {
  const outputs = { dense_vecs: floats([2, 2], [1, 2, 3, 4]), sparse_vecs: floats([2, 3, 1], [1, 2, 3, 4, 5, 6]) };

  it('are those that the graph has', () => {
    const encoder = createEncoder(graph(outputs), settings({ heads: ['embed', 'sparse', 'multi'], sparseFrom: 'tokens' }));
    expect(encoder.heads).toEqual(['embed', 'sparse']);
  });

  it("must hold the model's own", () => {
    expect(() => createEncoder(graph(outputs), settings({ heads: ['rerank'] }))).toThrow(
      expect.objectContaining({ code: 'model_unsupported', message: expect.stringMatching(/dense_vecs, sparse_vecs\) holds logits/) }),
    );
  });
});
