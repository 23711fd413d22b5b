import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { distanceRow } from '../../src/convert/blocks-disentangled.ts';
import type { ConvertRequest } from '../../src/convert/convert-types.ts';
import type { Tensor, Tensors } from '../../src/runtime/session.ts';
import { convertAndRun, readTensors, relativeError, tinyModel, tinyRequest } from '../support/tiny-models.ts';

/** Of the expected values' spread, as the reference's figures are given. */
const TOLERANCE = 1e-4;

/** Hidden sizes of models that give token states; see scripts/tiny-models.py. */
const EMBEDDERS: Readonly<Record<string, number>> = {
  'modernbert-odd': 36,
  'nomic-bert-odd': 36,
  'nomic-bert-gelu': 24,
  'deberta-v2-convolution': 24,
  'deberta-v2-plain-attention': 24,
  'qwen3-grouped': 40,
  'qwen3-window': 24,
  'gemma3-both-sides': 36,
  'gemma3-causal': 32,
};
const CLASSIFIERS = ['modernbert-mean-classifier', 'deberta-v2-buckets', 'deberta-v2-own-projections'];
/** Where the checkout's neighbour has them. */
const SHARED_EMBEDDERS = ['modernbert', 'nomic-bert', 'qwen3-embedding', 'gemma3-embedding'];
const SHARED_CLASSIFIERS = ['modernbert-cross-encoder', 'deberta-v2-cross-encoder'];

let scratch = '';
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'locallite-modern-'));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

function fixture(name: string): { readonly directory: string; readonly expected: Tensors } {
  const directory = tinyModel(name);
  if (directory === undefined) throw new Error(`there is no tiny model ${name}`);
  return { directory, expected: readTensors(join(directory, 'expected.safetensors')) };
}

describe('fp32 graphs of the modern families', () => {
  const models = [...Object.keys(EMBEDDERS), ...SHARED_EMBEDDERS];
  for (const name of models) {
    test.skipIf(tinyModel(name) === undefined)(`${name}: token states`, async () => {
      const { directory, expected } = fixture(name);
      const outputs = await convertAndRun(tinyRequest(directory, { dimensions: EMBEDDERS[name] ?? 64 }), expected);
      expect(relativeError(outputs['last_hidden_state'], expected['last_hidden_state'], expected['attention_mask'])).toBeLessThan(
        TOLERANCE,
      );
    });
  }

  for (const name of [...CLASSIFIERS, ...SHARED_CLASSIFIERS]) {
    test.skipIf(tinyModel(name) === undefined)(`${name}: logits`, async () => {
      const { directory, expected } = fixture(name);
      const outputs = await convertAndRun(tinyRequest(directory, { tasks: ['rerank'] }), expected);
      expect(relativeError(outputs['logits'], expected['logits'])).toBeLessThan(TOLERANCE);
    });
  }

  test('modernbert-masked-lm: weights of the vocabulary, through the tied table', async () => {
    const { directory, expected } = fixture('modernbert-masked-lm');
    const outputs = await convertAndRun(tinyRequest(directory, { tasks: ['sparse'] }), expected);
    expect(relativeError(outputs['vocabulary_weights'], splade(expected))).toBeLessThan(TOLERANCE);
  });
});

/** The largest log(1 + relu(logit)) over a text's real tokens, of the reference's logits. */
function splade({ logits, attention_mask: mask }: Tensors): Tensor {
  if (logits === undefined || mask === undefined) throw new Error('logits and mask are needed');
  const [texts = 0, tokens = 0, vocabulary = 0] = logits.dims;
  const data = new Float32Array(texts * vocabulary);
  for (let at = 0; at < logits.data.length; at++) {
    const row = Math.floor(at / vocabulary);
    if (mask.data[row] !== 1n) continue;
    const cell = Math.floor(row / tokens) * vocabulary + (at % vocabulary);
    data[cell] = Math.max(data[cell] ?? 0, Math.log1p(Math.max(0, Number(logits.data[at]))));
  }
  return { type: 'float32', dims: [texts, vocabulary], data };
}

describe('a text does not depend on its batch', () => {
  for (const [name, dimensions] of Object.entries(EMBEDDERS)) {
    test(`${name}: alone, and beside garbage in the padding`, async () => {
      const { directory, expected } = fixture(name);
      for (const pooling of ['cls', 'mean', 'last'] as const) {
        const request = tinyRequest(directory, { dimensions, pooling });
        const together = (await convertAndRun(request, withGarbage(expected)))['sentence_embedding'];
        const alone = (await convertAndRun(request, onlyText(expected, 1)))['sentence_embedding'];
        expect(relativeError(alone, row(together, 1))).toBeLessThan(1e-5);
      }
    });
  }

  for (const name of CLASSIFIERS) {
    test(`${name}: logits alone, and beside garbage in the padding`, async () => {
      const { directory, expected } = fixture(name);
      const request = tinyRequest(directory, { tasks: ['rerank'] });
      const together = (await convertAndRun(request, withGarbage(expected)))['logits'];
      const alone = (await convertAndRun(request, onlyText(expected, 1)))['logits'];
      expect(relativeError(alone, row(together, 1))).toBeLessThan(1e-5);
    });
  }
});

/** Ids under the padding are made 7: nothing but the mask may tell them from real ones. */
function withGarbage(feeds: Tensors): Tensors {
  const { input_ids: ids, attention_mask: mask } = feeds;
  if (ids === undefined || mask === undefined) throw new Error('ids and mask are needed');
  const data = BigInt64Array.from({ length: ids.data.length }, (_, at) => (Number(mask.data[at]) === 1 ? BigInt(ids.data[at] ?? 0) : 7n));
  return { ...feeds, input_ids: { type: 'int64', dims: ids.dims, data } };
}

/** One text of a batch, without padding. */
function onlyText(feeds: Tensors, text: number): Tensors {
  const tokens = feeds['input_ids']?.dims[1] ?? 0;
  const mask = [...(feeds['attention_mask']?.data ?? [])].slice(text * tokens, (text + 1) * tokens);
  const length = mask.filter((real) => Number(real) === 1).length;
  return Object.fromEntries(
    ['input_ids', 'attention_mask', 'token_type_ids'].flatMap((name) => {
      const data = feeds[name]?.data.slice(text * tokens, text * tokens + length);
      return data instanceof BigInt64Array ? [[name, { type: 'int64', dims: [1, length], data }]] : [];
    }),
  );
}

function row(tensor: Tensor | undefined, at: number): Tensor {
  if (!(tensor?.data instanceof Float32Array)) throw new Error('a float32 output is missing');
  const width = tensor.dims[1] ?? 0;
  return { type: 'float32', dims: [1, width], data: tensor.data.slice(at * width, (at + 1) * width) };
}

describe('settings of config.json', () => {
  /** The fixture's folder with other settings; undefined removes one. */
  async function withConfig(name: string, changes: Readonly<Record<string, unknown>>): Promise<string> {
    const directory = join(await mkdtemp(join(scratch, 'model-')), name);
    await cp(fixture(name).directory, directory, { recursive: true });
    const config: Record<string, unknown> = { ...JSON.parse(await readFile(join(directory, 'config.json'), 'utf8')), ...changes };
    await writeFile(join(directory, 'config.json'), JSON.stringify(config));
    return directory;
  }

  async function states(directory: string, name: string, changes: Partial<ConvertRequest> = {}): Promise<number> {
    const { expected } = fixture(name);
    const outputs = await convertAndRun(tinyRequest(directory, { dimensions: EMBEDDERS[name] ?? 0, ...changes }), expected);
    return relativeError(outputs['last_hidden_state'], expected['last_hidden_state'], expected['attention_mask']);
  }

  const gone = undefined;
  /** The same models in the words of older files. */
  const older: readonly (readonly [name: string, changes: Readonly<Record<string, unknown>>])[] = [
    [
      'modernbert-odd',
      { layer_types: gone, rope_parameters: gone, global_attn_every_n_layers: 3, global_rope_theta: 160_000, local_rope_theta: 10_000 },
    ],
    [
      'nomic-bert-odd',
      {
        ...{ hidden_size: gone, num_hidden_layers: gone, num_attention_heads: gone, intermediate_size: gone, rope_parameters: gone },
        ...{ hidden_act: gone, layer_norm_eps: gone, head_dim: gone, n_embd: 36, n_layer: 3, n_head: 3, n_inner: 50 },
        ...{ activation_function: 'swiglu', layer_norm_epsilon: 1e-12, rotary_emb_base: 1000, rotary_emb_fraction: 1, prenorm: false },
        ...{ rotary_emb_interleaved: false, rotary_emb_scale_base: null, rotary_scaling_factor: null, causal: false, use_rms_norm: false },
      },
    ],
    ['qwen3-grouped', { rope_parameters: gone, rope_theta: 10_000, layer_types: gone, sliding_window: null }],
    ['qwen3-window', { rope_parameters: gone, rope_theta: 1_000_000, rope_scaling: { type: 'linear', factor: 2 }, layer_types: gone }],
    [
      'gemma3-both-sides',
      {
        ...{ layer_types: gone, sliding_window_pattern: 3, rope_parameters: gone, rope_theta: 1_000_000, rope_local_base_freq: 10_000 },
        rope_scaling: { rope_type: 'linear', factor: 4 },
      },
    ],
  ];
  for (const [name, changes] of older) {
    test(`${name}: as older files say it`, async () => {
      expect(await states(await withConfig(name, changes), name)).toBeLessThan(TOLERANCE);
    });
  }

  test('a setting that matters changes the states', async () => {
    expect(await states(await withConfig('modernbert-odd', { local_attention: 4 }), 'modernbert-odd')).toBeGreaterThan(TOLERANCE);
    expect(await states(await withConfig('gemma3-causal', { sliding_window: 5 }), 'gemma3-causal')).toBeGreaterThan(TOLERANCE);
    expect(await states(await withConfig('gemma3-both-sides', { query_pre_attn_scalar: 16 }), 'gemma3-both-sides')).toBeGreaterThan(
      TOLERANCE,
    );
  });

  test('a window that no text outgrows costs nothing and changes nothing', async () => {
    const { directory, expected } = fixture('modernbert-odd');
    const text = onlyText(expected, 0);
    const short = await convertAndRun(tinyRequest(directory, { dimensions: 36, maxTokens: 3 }), text);
    const long = await convertAndRun(tinyRequest(directory, { dimensions: 36, maxTokens: 64 }), text);
    expect(relativeError(short['sentence_embedding'], long['sentence_embedding'])).toBeLessThan(1e-6);
  });

  const refused: readonly (readonly [name: string, changes: Readonly<Record<string, unknown>>, message: RegExp])[] = [
    ['modernbert-odd', { layer_types: ['full_attention', 'chunked_attention'] }, /chunked_attention/],
    ['modernbert-odd', { hidden_activation: 'mish' }, /mish/],
    ['modernbert-odd', { num_attention_heads: 5 }, /num_attention_heads 5/],
    ['nomic-bert-odd', { prenorm: true }, /prenorm/],
    ['nomic-bert-odd', { num_experts: 8 }, /mixture of experts/],
    ['nomic-bert-odd', { rotary_emb_scale_base: 512 }, /rotary_emb_scale_base/],
    ['nomic-bert-odd', { rotary_scaling_factor: 2, max_trained_positions: 32 }, /rotary_scaling_factor.*32 tokens/s],
    ['deberta-v2-convolution', { pos_att_type: ['p2p'] }, /p2p/],
    ['deberta-v2-convolution', { position_buckets: 64 }, /rel_embeddings/],
    ['deberta-v2-plain-attention', { type_vocab_size: 2 }, /token_type_embeddings/],
    ['qwen3-grouped', { rope_parameters: { rope_type: 'yarn', factor: 4 } }, /yarn.*default, linear/s],
    ['qwen3-grouped', { num_key_value_heads: 4 }, /heads/],
    ['gemma3-causal', { attn_logit_softcapping: 50 }, /attn_logit_softcapping/],
  ];
  for (const [name, changes, message] of refused) {
    test(`${name} with ${JSON.stringify(changes)} is refused by name`, async () => {
      const directory = await withConfig(name, changes);
      const attempt = convertAndRun(tinyRequest(directory, { dimensions: EMBEDDERS[name] ?? 0 }), {});
      await expect(attempt).rejects.toMatchObject({ code: 'model_unsupported', message: expect.stringMatching(message) });
    });
  }

  test('a pooling of a cross-encoder that nobody knows is refused by name', async () => {
    const directory = await withConfig('modernbert-mean-classifier', { classifier_pooling: 'max' });
    await expect(convertAndRun(tinyRequest(directory, { tasks: ['rerank'] }), {})).rejects.toMatchObject({
      code: 'model_unsupported',
      message: expect.stringContaining('classifier_pooling "max"'),
    });
  });
});

describe('rows of relative positions', () => {
  /** As transformers 5.23's make_log_bucket_position gives them for -furthest … furthest, clamped to the table. */
  test.each([
    [256, 512, '4f2667537bd62b2f7f0e263808d6f8f40d4a89b46a6ddc6488124b07731aca2b'],
    [32, 130, '175126afcfb7712edce16d3ff1b33bf750418a7965df24fd847383ee99b1dbd2'],
    [128, 1024, '11f1a74882e796fc994c383464029417fac886c0af09fe97a7586e4045ac62d1'],
    [256, 8192, '2c51b4cc49e64279bfec4485d99364049b8f8d972c150e1c95f08c271a08fb75'],
    [320, 1000, '1f9574377d6db12c51a517dc51207eb3e3b1d45e6ca0e95ad175f6309f43991c'],
  ])('%i buckets up to %i', async (span, furthest, expected) => {
    const rows = Array.from({ length: 2 * furthest + 1 }, (_, at) => distanceRow(at - furthest, { span, logarithmicUpTo: furthest }));
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(rows.join(',')));
    expect(Buffer.from(digest).toString('hex')).toBe(expected);
  });
});
