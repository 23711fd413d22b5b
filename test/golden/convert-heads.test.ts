import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ConvertRequest } from '../../src/convert/convert-types.ts';
import { normalizeRows, pool } from '../../src/engines/pooling.ts';
import type { Tensor, Tensors } from '../../src/runtime/session.ts';
import { convertAndRun, readTensors, relativeError, tinyModel, tinyRequest } from '../support/tiny-models.ts';

const TOLERANCE = 1e-4;

/** Folder of a model that is part of the checkout. */
function fixture(name: string): string {
  const directory = tinyModel(name);
  if (directory === undefined) throw new Error(`test/fixtures/tiny-models/${name} is missing`);
  return directory;
}

function fixtureRequest(name: string, changes: Partial<ConvertRequest>): ConvertRequest {
  return tinyRequest(fixture(name), { dimensions: 24, maxTokens: 40, ...changes });
}

function expectedOf(name: string): Tensors {
  return readTensors(join(fixture(name), 'expected.safetensors'));
}

describe('heads of fp32 graphs against PyTorch', () => {
  const cases: readonly [string, string, Partial<ConvertRequest>][] = [
    ['bert-relu-classifier', 'logits', { tasks: ['rerank'] }],
    ['roberta-classifier', 'logits', { tasks: ['rerank'] }],
    ['distilbert-classifier', 'logits', { tasks: ['rerank'] }],
    ['mpnet-classifier', 'logits', { tasks: ['rerank'], maxTokens: 178 }],
    ['roberta-masked-lm', 'vocabulary_weights', { tasks: ['sparse'] }],
    ['distilbert-masked-lm', 'vocabulary_weights', { tasks: ['sparse'] }],
    ['bert-attention-weights', 'token_weights', { tasks: ['sparse'] }],
    ['bert-late-interaction', 'token_vectors', { tasks: ['multi'] }],
    ['xlm-roberta-three-heads', 'sentence_embedding', { tasks: ['embed', 'sparse', 'multi'], pooling: 'cls' }],
    ['xlm-roberta-three-heads', 'token_weights', { tasks: ['embed', 'sparse', 'multi'], pooling: 'cls' }],
    ['xlm-roberta-three-heads', 'token_vectors', { tasks: ['embed', 'sparse', 'multi'], pooling: 'cls' }],
    ['distilbert-dense-steps', 'sentence_embedding', { tasks: ['embed'], dimensions: 10 }],
  ];

  test.each(cases)('%s: %s', async (name, output, changes) => {
    const expected = expectedOf(name);
    const outputs = await convertAndRun(fixtureRequest(name, changes), expected);
    const mask = output.startsWith('token_') ? expected['attention_mask'] : undefined;
    expect(relativeError(outputs[output], expected[output], mask)).toBeLessThan(TOLERANCE);
  });
});

describe('sentence vectors', () => {
  const feeds = expectedOf('bert-attention-weights');

  for (const pooling of ['mean', 'cls', 'last'] as const) {
    for (const normalize of [true, false]) {
      test(`${pooling} pooling in the graph ${normalize ? 'and unit length ' : ''}is what pooling its states gives`, async () => {
        const outputs = await convertAndRun(fixtureRequest('bert-attention-weights', { pooling, normalize }), feeds);
        const states = outputs['last_hidden_state'];
        if (!(states?.data instanceof Float32Array)) throw new Error('no states');
        const data = pool(
          { data: states.data, width: states.dims[1] ?? 0, dimensions: 24, lengths: Int32Array.from(lengthsOf(feeds)) },
          pooling,
        );
        if (normalize) normalizeRows(data, 24);
        expect(relativeError(outputs['sentence_embedding'], { type: 'float32', dims: [3, 24], data })).toBeLessThan(1e-5);
      });
    }
  }

  test('a card with another length of vectors is refused', async () => {
    await expect(convertAndRun(fixtureRequest('bert-attention-weights', { dimensions: 25 }), feeds)).rejects.toMatchObject({
      code: 'model_unsupported',
      message: expect.stringContaining('24 values where its card says 25'),
    });
  });
});

describe('padding', () => {
  const cases: readonly [string, string, Partial<ConvertRequest>][] = [
    ['bert-attention-weights', 'sentence_embedding', { pooling: 'mean' }],
    ['bert-attention-weights', 'sentence_embedding', { pooling: 'last' }],
    ['bert-attention-weights', 'token_weights', { tasks: ['sparse'] }],
    ['xlm-roberta-three-heads', 'token_vectors', { tasks: ['multi'] }],
    ['distilbert-masked-lm', 'vocabulary_weights', { tasks: ['sparse'] }],
    ['mpnet-classifier', 'logits', { tasks: ['rerank'], maxTokens: 178 }],
  ];

  test.each(cases)('%s: %s of a text does not depend on how far it is padded, or with what', async (name, output, changes) => {
    const all = expectedOf(name);
    const [shortest = 0] = lengthsOf(all);
    const request = fixtureRequest(name, changes);
    const padded = (await convertAndRun(request, firstText(all, undefined)))[output];
    const alone = (await convertAndRun(request, firstText(all, shortest)))[output];
    if (padded === undefined || alone === undefined) throw new Error('no output');
    const kept = { ...padded, data: padded.data.slice(0, alone.data.length) };
    // One value has no spread: compare it with zero beside it.
    expect(relativeError(withZero(kept), withZero(alone))).toBeLessThan(1e-5);
  });
});

function withZero(tensor: Tensor): Tensor {
  return { type: 'float32', dims: [tensor.data.length + 1], data: Float32Array.from([0, ...Array.from(tensor.data, Number)]) };
}

function lengthsOf(feeds: Tensors): readonly number[] {
  const mask = feeds['attention_mask'];
  const [rows = 0, width = 0] = mask?.dims ?? [];
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: width }, (_, column) => Number(mask?.data[row * width + column])).reduce((sum, bit) => sum + bit, 0),
  );
}

/** The first text alone: cut to `width` tokens, or as wide as its batch, with other ids in the padding. */
function firstText(feeds: Tensors, width: number | undefined): Tensors {
  const [, all = 0] = feeds['input_ids']?.dims ?? [];
  const tokens = width ?? all;
  const [length = 0] = lengthsOf(feeds);
  const cut = (name: string, padding: bigint): Tensor => {
    const row = Array.from({ length: tokens }, (_, at) => (at < length ? BigInt(feeds[name]?.data[at] ?? 0) : padding));
    return { type: 'int64', dims: [1, tokens], data: BigInt64Array.from(row) };
  };
  return { input_ids: cut('input_ids', 7n), attention_mask: cut('attention_mask', 0n) };
}
