import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Gateway, SparseVector, TokenVectors } from '../../src/gateway/gateway-types.ts';
import type { Tensor } from '../../src/runtime/session.ts';
import { type TinyInstall, tinyGateway, wordOf } from '../support/tiny-gateway.ts';
import { readTensors, relativeError, tinyModel } from '../support/tiny-models.ts';

/*
 * Whole requests through the gateway, its queues and its worker processes, against what the reference implementation made of the same ids.
 * The rows are of many lengths, so that padding is part of it.
 */

/** Of the expected values' spread, as the reference's figures are given. */
const TOLERANCE = 1e-4;
const CROSS_ENCODERS = [
  'bert-cross-encoder',
  'xlm-roberta-cross-encoder',
  'modernbert-cross-encoder',
  'deberta-v2-cross-encoder',
  'mpnet-classifier',
];
const SMALL = { dimensions: 24, maxTokens: 32 } as const;
const COLBERT = { dimensions: 64, skipPunctuation: false } as const;

function install(name: string, id: string, more: Omit<TinyInstall, 'id' | 'weights'>): TinyInstall[] {
  const weights = tinyModel(name);
  return weights === undefined ? [] : [{ id, weights, ...more }];
}

const MODELS: readonly TinyInstall[] = [
  ...CROSS_ENCODERS.flatMap((name) =>
    install(name, `tiny/${name}`, { facts: { task: 'rerank', maxTokens: name.startsWith('mpnet') ? 178 : 64 } }),
  ),
  ...install('bert-masked-lm', 'tiny/splade', { facts: { task: 'sparse', sparse: { from: 'vocabulary' } } }),
  ...install('bert', 'tiny/tokens', { built: ['embed'], facts: { task: 'multi', multi: COLBERT } }),
  ...install('bert', 'tiny/filled', { built: ['embed'], facts: { task: 'multi', multi: { ...COLBERT, queryTokens: 32 } } }),
  ...install('bert', 'tiny/attended', {
    built: ['embed'],
    facts: { task: 'multi', multi: { ...COLBERT, queryTokens: 32, attendToFill: true } },
  }),
  ...install('roberta-classifier', 'tiny/two-labels', { facts: { task: 'rerank', ...SMALL } }),
  ...install('roberta-masked-lm', 'tiny/roberta-splade', { facts: { task: 'sparse', sparse: { from: 'vocabulary' }, ...SMALL } }),
  ...install('bert-attention-weights', 'tiny/bm42', { facts: { task: 'sparse', sparse: { from: 'tokens' }, ...SMALL } }),
  ...install('bert-late-interaction', 'tiny/colbert', { facts: { task: 'multi', multi: { ...COLBERT, dimensions: 16 }, ...SMALL } }),
  ...install('xlm-roberta-three-heads', 'tiny/three-heads', {
    facts: {
      task: 'embed',
      alsoTasks: ['sparse', 'multi'],
      sparse: { from: 'tokens' },
      multi: { ...COLBERT, dimensions: 24, skipFirst: true },
      ...SMALL,
      pooling: 'cls',
    },
  }),
];
const has = (id: string): boolean => MODELS.some((model) => model.id === id);

function expectedOf(name: string): Readonly<Record<string, Tensor>> {
  return readTensors(join(tinyModel(name) ?? '', 'expected.safetensors'));
}

/** The real ids of each row. */
function rowsOf({ input_ids: ids, attention_mask: mask }: Readonly<Record<string, Tensor>>): number[][] {
  const [rows = 0, width = 0] = ids?.dims ?? [];
  const real = (row: number): number[] =>
    Array.from({ length: width }, (_, at) => row * width + at).flatMap((at) => (mask?.data[at] === 1n ? [Number(ids?.data[at])] : []));
  return Array.from({ length: rows }, (_, row) => real(row));
}

const text = (ids: readonly number[]): string => ids.map(wordOf).join(' ');
const tensor = (values: readonly number[]): Tensor => ({ type: 'float32', dims: [values.length], data: Float32Array.from(values) });

let home: string;
let gateway: Gateway;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'locallite-tasks-'));
  gateway = await tinyGateway(home, MODELS);
});
afterAll(async () => {
  await gateway.close();
  await rm(home, { recursive: true, force: true });
});

describe('a cross-encoder through the gateway', () => {
  test.for(CROSS_ENCODERS)('%s gives the reference’s logits', async (name, { skip }) => {
    const model = `tiny/${name}`;
    if (!has(model)) skip(`there is no ${name} here`);
    const expected = expectedOf(name);
    const rows = rowsOf(expected);
    // The first id as the query: a request has one, so each row is its own, all at once.
    const answers = await Promise.all(
      rows.map(([first = 0, ...rest]) => gateway.rerank({ model, query: wordOf(first), documents: [text(rest)] })),
    );
    expect(relativeError(tensor(answers.map(({ logits }) => logits[0] ?? 0)), expected['logits'])).toBeLessThan(TOLERANCE);
    answers.forEach(({ scores, logits, promptTokens }, index) => {
      expect(scores[0]).toBeCloseTo(1 / (1 + Math.exp(-(logits[0] ?? 0))), 6);
      expect(promptTokens).toBe(rows[index]?.length);
    });
  });

  test.skipIf(!has('tiny/bert-cross-encoder'))('gives a document the same logit alone and among others', async () => {
    const documents = Array.from({ length: 60 }, (_, index) => text(Array.from({ length: 1 + index }, (_, at) => (at * 7 + index) % 500)));
    const request = { model: 'tiny/bert-cross-encoder', query: 't9 t8' };
    const together = await gateway.rerank({ ...request, documents });
    const alone = await Promise.all(documents.map((document) => gateway.rerank({ ...request, documents: [document] })));
    expect(relativeError(tensor([...together.logits]), tensor(alone.map(({ logits }) => logits[0] ?? 0)))).toBeLessThan(TOLERANCE);
  });
});

/** Weights of each row as a whole vocabulary. */
function dense(vectors: readonly SparseVector[], size: number): Tensor {
  return tensor(
    vectors.flatMap(({ indices, values }) => {
      const weights = new Array<number>(size).fill(0);
      indices.forEach((id, at) => {
        weights[id] = values[at] ?? 0;
      });
      return weights;
    }),
  );
}

/** The largest weight of each id of a row, by the reference's weights of tokens. */
function largestOf(expected: Readonly<Record<string, Tensor>>, size: number): Tensor {
  const weights = expected['token_weights'];
  const width = weights?.dims[1] ?? 0;
  return tensor(
    rowsOf(expected).flatMap((ids, row) => {
      const largest = new Array<number>(size).fill(0);
      ids.forEach((id, at) => {
        largest[id] = Math.max(largest[id] ?? 0, Number(weights?.data[row * width + at]));
      });
      return largest;
    }),
  );
}

describe('sparse vectors through the gateway', () => {
  test.for([
    ['tiny/splade', 'bert-masked-lm', 'splade', 512],
    ['tiny/roberta-splade', 'roberta-masked-lm', 'vocabulary_weights', 61],
  ] as const)('%s gives the reference’s SPLADE weights', async ([model, name, output, size], { skip }) => {
    if (!has(model)) skip(`there is no ${name} here`);
    const expected = expectedOf(name);
    const { vectors } = await gateway.embedSparse({ model, input: rowsOf(expected).map(text) });
    expect(relativeError(dense(vectors, size), expected[output])).toBeLessThan(TOLERANCE);
    for (const { values } of vectors) expect(Math.min(...values)).toBeGreaterThan(0);
  });

  test.for([
    ['tiny/bm42', 'bert-attention-weights'],
    ['tiny/three-heads', 'xlm-roberta-three-heads'],
  ] as const)('%s gives the largest of the reference’s weights of each term', async ([model, name]) => {
    const expected = expectedOf(name);
    const { vectors } = await gateway.embedSparse({ model, input: rowsOf(expected).map(text) });
    expect(relativeError(dense(vectors, 61), largestOf(expected, 61))).toBeLessThan(TOLERANCE);
  });
});

test('a reranker with several labels is refused when it is loaded', async () => {
  await expect(gateway.models.load('tiny/two-labels')).rejects.toMatchObject({
    code: 'model_unsupported',
    message: expect.stringMatching(/logits.*one a pair/),
  });
});

describe('three heads of one graph', () => {
  const expected = expectedOf('xlm-roberta-three-heads');
  const input = rowsOf(expected).map(text);

  test('give the reference’s sentence vectors and token vectors, the first token left out', async () => {
    const model = 'tiny/three-heads';
    const [one, many] = await Promise.all([gateway.embed({ model, input }), gateway.embedMulti({ model, input })]);
    expect(relativeError(tensor(one.vectors.flatMap((vector) => [...vector])), expected['sentence_embedding'])).toBeLessThan(TOLERANCE);
    expect(many.vectors.map(({ tokens }) => tokens)).toEqual(rowsOf(expected).map((ids) => ids.length - 1));
    const wanted = tokenVectorsOf(expected).flatMap((rows) => rows.slice(1).flat());
    expect(relativeError(tensor(many.vectors.flatMap(({ data }) => [...data])), tensor(wanted))).toBeLessThan(TOLERANCE);
  });
});

/** The reference's vectors of each row's real tokens. */
function tokenVectorsOf(expected: Readonly<Record<string, Tensor>>): number[][][] {
  const vectors = expected['token_vectors'];
  const [, width = 0, size = 0] = vectors?.dims ?? [];
  const vectorAt = (at: number): number[] => Array.from(vectors?.data.subarray(at * size, (at + 1) * size) ?? [], Number);
  return rowsOf(expected).map((ids, row) => ids.map((_, token) => vectorAt(row * width + token)));
}

test('late interaction scores documents by MaxSim of the reference’s token vectors', async () => {
  const expected = expectedOf('bert-late-interaction');
  const [query = [], ...documents] = rowsOf(expected);
  const { logits } = await gateway.rerank({ model: 'tiny/colbert', query: text(query), documents: documents.map(text) });
  const [asked = [], ...others] = tokenVectorsOf(expected);
  const product = (a: number[], b: number[]): number => a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);
  const scores = others.map((rows) => asked.reduce((sum, one) => sum + Math.max(...rows.map((other) => product(one, other))), 0));
  expect(scores.length).toBeGreaterThan(1);
  scores.forEach((score, index) => {
    expect(logits[index]).toBeCloseTo(score, 3);
  });
});

describe.skipIf(!has('tiny/tokens'))('token vectors', () => {
  const vectorsOf = async (model: string, ids: readonly number[], inputType: 'query' | 'passage' = 'passage'): Promise<TokenVectors> => {
    const { vectors } = await gateway.embedMulti({ model, input: [text(ids)], inputType });
    if (vectors[0] === undefined) expect.unreachable('a text without vectors');
    return vectors[0];
  };

  test('are the reference’s states at unit length, row by row', async () => {
    const expected = expectedOf('bert');
    const rows = rowsOf(expected);
    const { vectors } = await gateway.embedMulti({ model: 'tiny/tokens', input: rows.map(text) });
    const states = expected['last_hidden_state'];
    const wanted = rows.flatMap((ids, row) =>
      ids.flatMap((_, token) => {
        const start = (row * (states?.dims[1] ?? 0) + token) * 64;
        const state = Array.from(states?.data.subarray(start, start + 64) ?? [], Number);
        const length = Math.hypot(...state);
        return state.map((value) => value / length);
      }),
    );
    expect(vectors.map(({ tokens }) => tokens)).toEqual(rows.map((ids) => ids.length));
    expect(relativeError(tensor(vectors.flatMap(({ data }) => [...data])), tensor(wanted))).toBeLessThan(TOLERANCE);
  });

  test('of a filled query: masks get vectors, and words do not see them unless the card says so', async () => {
    const ids = [7, 80, 300];
    const [plain, filled, attended] = [
      await vectorsOf('tiny/tokens', ids, 'query'),
      await vectorsOf('tiny/filled', ids, 'query'),
      await vectorsOf('tiny/attended', ids, 'query'),
    ];
    expect([plain.tokens, filled.tokens, attended.tokens]).toEqual([3, 32, 32]);
    const words = ({ data }: TokenVectors): Tensor => tensor([...data.subarray(0, 3 * 64)]);
    expect(relativeError(words(filled), words(plain))).toBeLessThan(TOLERANCE);
    expect(relativeError(words(attended), words(plain))).toBeGreaterThan(100 * TOLERANCE);
    expect(Math.hypot(...filled.data.subarray(31 * 64))).toBeCloseTo(1, 4);
  });
});
