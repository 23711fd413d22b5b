import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { buildGraph, openModelFiles } from '../../src/convert/build.ts';
import type { ConvertRequest } from '../../src/convert/convert-types.ts';
import { FP32_PRODUCTS } from '../../src/convert/fp32.ts';
import type { Graph } from '../../src/convert/graph.ts';
import { modelConfig } from '../../src/convert/model-config.ts';
import { outerPrefix, prefixOf, scopedWeights } from '../../src/convert/scoped-weights.ts';
import { LocalLiteError } from '../../src/errors.ts';
import { openWeights } from '../../src/models/safetensors.ts';
import type { Weights } from '../../src/models/weights.ts';
import { tinyModel, tinyRequest } from '../support/tiny-models.ts';

const root = mkdtempSync(join(tmpdir(), 'locallite-refusals-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(root, 'model-'));
});

/** Copies a tiny model, with other settings in its config.json. */
function copyOf(name: string, config: Readonly<Record<string, unknown>> = {}): void {
  cpSync(tinyModel(name) ?? '', directory, { recursive: true });
  const path = join(directory, 'config.json');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...config }));
}

function convert(changes: Partial<ConvertRequest> = {}): Graph {
  const files = openModelFiles(directory);
  try {
    return buildGraph(files, tinyRequest(directory, { dimensions: 24, maxTokens: 40, ...changes }), FP32_PRODUCTS);
  } finally {
    files.close();
  }
}

function refusal(changes: Partial<ConvertRequest> = {}): LocalLiteError {
  try {
    convert(changes);
  } catch (error) {
    if (LocalLiteError.is(error)) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** Names and shapes alone. */
function shapes(tensors: Readonly<Record<string, readonly number[]>>): Weights {
  return {
    names: Object.keys(tensors),
    shape: (name) => tensors[name],
    read: () => new Float32Array(0),
    close: () => undefined,
  };
}

describe('what cannot be converted is refused by name', () => {
  const configs: readonly [string, Readonly<Record<string, unknown>>, RegExp][] = [
    ['another family', { model_type: 'jina_bert' }, /type "jina_bert".* bert, roberta, .*published ONNX file/],
    ['no family', { model_type: null }, /no model_type/],
    ['relative positions', { position_embedding_type: 'relative_key' }, /position_embedding_type "relative_key"/],
    ['a decoder', { is_decoder: true }, /is_decoder/],
    ['an activation', { hidden_act: 'mish' }, /activation is mish/],
    ['an activation with a name that objects have', { hidden_act: 'constructor' }, /activation is constructor/],
    ['heads that do not divide', { num_attention_heads: 5 }, /24 outputs, which 5 heads cannot share/],
    ['no heads', { num_attention_heads: 0 }, /24 outputs, which 0 heads cannot share/],
    ['a billion layers', { num_hidden_layers: 1e9 }, /lack encoder.layer.2.attention/],
    ['no layers', { num_hidden_layers: 0 }, /lack encoder.layer.-1/],
    ['a missing setting', { num_attention_heads: null }, /config.json lacks num_attention_heads/],
    ['a setting of another type', { num_hidden_layers: '2' }, /num_hidden_layers in config.json is "2"; a number is needed/],
    ['more layers than there are', { num_hidden_layers: 3 }, /lack encoder.layer.2.attention.self.query.weight/],
    ['fewer layers than there are', { num_hidden_layers: 1 }, /hold encoder.layer.1.*and 13 more.*fewer layers/],
  ];

  test.each(configs)('%s', (_, config, message) => {
    copyOf('bert-attention-weights', config);
    const error = refusal();
    expect(error.code).toBe('model_unsupported');
    expect(error.message).toMatch(message);
  });

  test('texts longer than the table of positions', () => {
    copyOf('bert-attention-weights');
    expect(refusal({ maxTokens: 49 }).message).toContain('positions for 48 tokens');
    expect(convert({ maxTokens: 48 }).outputs).toHaveLength(2);
  });

  test('tasks that the weights have no head for', () => {
    copyOf('bert-attention-weights');
    expect(refusal({ tasks: ['multi'] })).toMatchObject({ code: 'model_wrong_task', message: expect.stringContaining('no projection') });
    expect(refusal({ tasks: ['chat'] })).toMatchObject({ code: 'model_wrong_task' });
    expect(refusal({ tasks: ['rerank'] })).toMatchObject({
      code: 'model_unsupported',
      message: expect.stringContaining('lack classifier'),
    });
  });

  test.each([
    ['sparse_linear.pt', 'sparse'],
    ['colbert_linear.pt', 'multi'],
  ] as const)('a pickled %s', (file, task) => {
    copyOf('bert-attention-weights');
    writeFileSync(join(directory, file), 'x');
    expect(refusal({ tasks: [task] })).toMatchObject({
      code: 'model_unsupported',
      message: expect.stringMatching(/is pickled.*model.safetensors/),
    });
  });

  test('files that are missing or no JSON', () => {
    expect(refusal()).toMatchObject({ code: 'model_load_failed', message: 'the model has no config.json' });
    writeFileSync(join(directory, 'config.json'), '{');
    expect(refusal()).toMatchObject({ code: 'model_load_failed', message: 'config.json cannot be read as JSON' });
    writeFileSync(join(directory, 'config.json'), '[]');
    expect(refusal()).toMatchObject({ code: 'model_unsupported', message: 'config.json is not a JSON object' });
  });
});

describe('steps of sentence-transformers', () => {
  const step = (type: string, path = '') => ({ idx: 0, name: '0', path, type: `sentence_transformers.models.${type}` });

  function withModules(modules: unknown, config?: unknown): void {
    copyOf('bert-attention-weights');
    writeFileSync(join(directory, 'modules.json'), JSON.stringify(modules));
    if (config === undefined) return;
    mkdirSync(join(directory, '2_Step'));
    writeFileSync(join(directory, '2_Step', 'config.json'), JSON.stringify(config));
  }

  test('an unknown one', () => {
    withModules([step('Transformer'), step('Pooling', '1_Pooling'), step('LSTM', '2_LSTM')]);
    expect(refusal().message).toContain('a step LSTM');
  });

  test.each(['../up', '/etc', '', '.', 'a/b'])('a folder %j outside of the model', (path) => {
    withModules([step('Dense', path)]);
    expect(refusal()).toMatchObject({ code: 'model_load_failed', message: expect.stringContaining('no folder of the model') });
  });

  test('a dense step with an unknown activation, or without weights', () => {
    withModules([step('Dense', '2_Step')], { activation_function: 'torch.nn.modules.activation.Hardswish' });
    expect(refusal().message).toContain('activation Hardswish');
    writeFileSync(join(directory, '2_Step', 'config.json'), '{}');
    expect(refusal().message).toContain('no model.safetensors');
  });

  test('a dense step that takes vectors of another length', () => {
    copyOf('distilbert-dense-steps');
    const path = join(directory, 'modules.json');
    const modules: { type: string }[] = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify(modules.filter((_, index) => index !== 2)));
    expect(refusal({ dimensions: 10 }).message).toBe('3_Dense takes vectors of 40 values, but gets 24');
  });

  test('pooling of logits in another way than the graph has', () => {
    withModules([step('MLMTransformer'), step('SpladePooling', '2_Step')], { pooling_strategy: 'sum' });
    expect(refusal().message).toContain('sum of relu');
  });

  test('a normalisation in the end is left to the card', () => {
    withModules([step('Transformer'), step('Pooling', '1_Pooling'), step('Normalize', '2_Normalize')]);
    expect(convert({ normalize: false }).nodes.some(({ op }) => op === 'LpNormalization')).toBe(false);
    expect(convert({ normalize: true }).nodes.filter(({ op }) => op === 'LpNormalization')).toHaveLength(1);
  });
});

describe('names of tensors', () => {
  test.each([
    ['embeddings.words', '', ''],
    ['bert.embeddings.words', 'bert.', ''],
    ['0.auto_model.embeddings.words', '0.auto_model.', '0.'],
    ['model.bert.embeddings.words', 'model.bert.', 'model.'],
  ])('%s has the prefix %j', (name, prefix, outer) => {
    const weights = shapes({ 'other.weight': [1], [name]: [2, 3] });
    expect(prefixOf(weights, 'embeddings.words')).toBe(prefix);
    expect(outerPrefix(prefix)).toBe(outer);
    expect(scopedWeights(weights, prefix).shape('embeddings.words')).toEqual([2, 3]);
  });

  test('a name that only ends alike is none', () => {
    expect(() => prefixOf(shapes({ my_words: [1] }), 'words')).toThrow(/lack words/);
  });

  test('TensorFlow names of norms, and a prefix, give the same graph', () => {
    copyOf('bert-attention-weights');
    const plain = convert();
    const path = join(directory, 'model.safetensors');
    const bytes = readFileSync(path);
    const length = Number(bytes.readBigUInt64LE());
    const header: Record<string, unknown> = JSON.parse(bytes.subarray(8, 8 + length).toString());
    const renamed = Object.entries(header).map(([name, value]) => [
      name === '__metadata__'
        ? name
        : `bert.${name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta')}`,
      value,
    ]);
    const text = Buffer.from(JSON.stringify(Object.fromEntries(renamed)));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(text.length));
    writeFileSync(path, Buffer.concat([size, text, bytes.subarray(8 + length)]));
    const weights = openWeights(directory);
    expect(weights.names).toContain('bert.encoder.layer.0.output.LayerNorm.gamma');
    weights.close();
    expect(convert().nodes.map(({ op }) => op)).toEqual(plain.nodes.map(({ op }) => op));
  });
});

test('settings are read by type, and parts by name', () => {
  const config = modelConfig({ a: 1, b: null, c: ['x'], d: { e: 2 }, f: [1, 2] });
  expect([config.number('a'), config.number('b', 3), config.texts('c'), config.texts('none')]).toEqual([1, 3, ['x'], []]);
  expect([config.part('d')?.number('e'), config.part('b'), config.numbers('f'), config.numbers('b')]).toEqual([
    2,
    undefined,
    [1, 2],
    undefined,
  ]);
  expect([config.has('a'), config.has('b'), config.keys]).toEqual([true, false, ['a', 'c', 'd', 'f']]);
  expect(() => config.part('d')?.text('e')).toThrow('e in d in config.json is 2; a text is needed');
  expect(() => modelConfig({ a: Number.NaN }).number('a')).toThrow(/a number is needed/);
});
