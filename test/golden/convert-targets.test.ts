import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildGraph, type ModelFiles, openModelFiles } from '../../src/convert/build.ts';
import { convertFiles } from '../../src/convert/convert.ts';
import type { ConvertRequest } from '../../src/convert/convert-types.ts';
import { Graph } from '../../src/convert/graph.ts';
import { writeGraph } from '../../src/convert/onnx-file.ts';
import { plainGraph } from '../../src/convert/plain.ts';
import { gatherRanges, type Ranges, rangeProducts } from '../../src/convert/qdq-ranges.ts';
import type { EncodedText } from '../../src/convert/run-graph.ts';
import { buildGpuGraph } from '../../src/convert/target-gpu.ts';
import { buildNpuGraph, npuLengths } from '../../src/convert/target-npu.ts';
import type { Tensor, Tensors } from '../../src/runtime/session.ts';
import { withHalfArithmetic } from '../support/half-arithmetic.ts';
import { readTensors, relativeError, tinyModel, tinyRequest, writeAndRun } from '../support/tiny-models.ts';

/** One of each family, and of each head that reads more than one vector a text. */
const MODELS: readonly (readonly [name: string, changes: Partial<ConvertRequest>, output: string])[] = [
  ['bert', {}, 'last_hidden_state'],
  ['roberta', {}, 'last_hidden_state'],
  ['distilbert', {}, 'last_hidden_state'],
  ['mpnet', {}, 'last_hidden_state'],
  ['bert-cross-encoder', { tasks: ['rerank'] }, 'logits'],
  ['xlm-roberta-cross-encoder', { tasks: ['rerank'] }, 'logits'],
  ['modernbert-odd', { dimensions: 36 }, 'last_hidden_state'],
  ['modernbert-mean-classifier', { tasks: ['rerank'] }, 'logits'],
  ['nomic-bert-odd', { dimensions: 36, pooling: 'cls' }, 'last_hidden_state'],
  ['deberta-v2-buckets', { tasks: ['rerank'] }, 'logits'],
  ['deberta-v2-convolution', { dimensions: 24 }, 'last_hidden_state'],
  ['qwen3-grouped', { dimensions: 40, pooling: 'last' }, 'last_hidden_state'],
  ['gemma3-both-sides', { dimensions: 36 }, 'last_hidden_state'],
];

function fixture(name: string): { readonly directory: string; readonly expected: Tensors } {
  const directory = tinyModel(name);
  if (directory === undefined) throw new Error(`there is no tiny model ${name}`);
  return { directory, expected: readTensors(join(directory, 'expected.safetensors')) };
}

async function gpuRun(name: string, changes: Partial<ConvertRequest>, look: (graph: Graph) => void = () => undefined): Promise<Tensors> {
  const { directory, expected } = fixture(name);
  const files = openModelFiles(directory);
  try {
    const graph = buildGpuGraph(files, tinyRequest(directory, { target: 'gpu', precision: 'fp16', ...changes }));
    look(graph);
    return await writeAndRun(withHalfArithmetic(graph), expected);
  } finally {
    files.close();
  }
}

describe('graphs for graphics processors', () => {
  for (const [name, changes, output] of MODELS) {
    test.skipIf(tinyModel(name) === undefined)(`${name}: float32 without fused operators`, async () => {
      const { expected } = fixture(name);
      const outputs = await gpuRun(name, { ...changes, precision: 'fp32' }, expectPlain);
      expect(relativeError(outputs[output], expected[output], maskFor(expected, output))).toBeLessThan(1e-4);
    });

    test.skipIf(tinyModel(name) === undefined)(`${name}: float16`, async () => {
      const { expected } = fixture(name);
      const outputs = await gpuRun(name, changes, expectPlain);
      expect(outputs[output]?.type).toBe('float32');
      expect(relativeError(outputs[output], expected[output], maskFor(expected, output))).toBeLessThan(5e-3);
      expect(Object.values(outputs).every(({ data }) => [...data].every((value) => Number.isFinite(Number(value))))).toBe(true);
    });
  }

  test('weights take half the room; heads stay in float32', async () => {
    const bytes = (graph: Graph) => graph.constants.reduce((sum, { data }) => sum + data().byteLength, 0);
    const sizes: number[] = [];
    await gpuRun('modernbert-mean-classifier', { tasks: ['rerank'], precision: 'fp32' }, (graph) => sizes.push(bytes(graph)));
    await gpuRun('modernbert-mean-classifier', { tasks: ['rerank'] }, (graph) => {
      sizes.push(bytes(graph));
      expect(typesOf(graph, 'classifier.weight')).toEqual(['float32']);
      expect(typesOf(graph, 'layers.0.mlp.Wi.weight')).toEqual(['float16']);
    });
    expect((sizes[1] ?? 0) / (sizes[0] ?? 1)).toBeLessThan(0.6);
  });

  test('a family whose values outgrow float16 keeps its weights in it, and computes in float32', async () => {
    await gpuRun('gemma3-both-sides', { dimensions: 36 }, (graph) => {
      expect(typesOf(graph, 'layers.0.mlp.down_proj.weight')).toEqual(['float16']);
      const halves = new Set(graph.constants.filter(({ type }) => type === 'float16').map(({ name }) => name));
      const products = graph.nodes.filter(({ op }) => op === 'MatMul');
      expect(products.length).toBeGreaterThan(0);
      expect(products.filter(({ inputs }) => inputs.some((input) => halves.has(input)))).toEqual([]);
    });
  });

  test('values whose squares do not fit float16 are normed all the same', async () => {
    const directory = await withLargeEmbeddings('qwen3-grouped');
    try {
      const { expected } = fixture('qwen3-grouped');
      const request = tinyRequest(directory, { dimensions: 40, target: 'gpu', precision: 'fp16' });
      const outputs = await withFiles(directory, async (files) => ({
        half: await writeAndRun(withHalfArithmetic(buildGpuGraph(files, request)), expected),
        float: await writeAndRun(buildGpuGraph(files, { ...request, precision: 'fp32' }), expected),
      }));
      const mask = expected['attention_mask'];
      expect(relativeError(outputs.half['last_hidden_state'], outputs.float['last_hidden_state'], mask)).toBeLessThan(5e-3);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  test('other precisions are refused by name', () => {
    const { directory } = fixture('qwen3-grouped');
    const files = openModelFiles(directory);
    const request = tinyRequest(directory, { dimensions: 40 });
    try {
      expect(() => buildGpuGraph(files, { ...request, precision: 'q4', target: 'gpu' })).toThrow(
        /gpu are made in fp16 and fp32, not in q4/,
      );
      const npu = { ...request, precision: 'q4', target: 'npu' } as const;
      expect(() => buildNpuGraph(files, npu, { tokens: 64, ranges: new Map() })).toThrow(/npu are made in int8 and fp16, not in q4/);
    } finally {
      files.close();
    }
  });
});

test('an operator that nobody knows how to take apart is an error of ours', () => {
  const graph = new Graph();
  graph.output('y', graph.fused('MatMulNBits', [graph.input('x', 'float32', ['texts'])]), 'float32', ['texts']);
  expect(() => plainGraph(graph)).toThrow(/MatMulNBits cannot be taken apart/);
});

function typesOf(graph: Graph, name: string): readonly string[] {
  return graph.constants.filter((constant) => constant.name.startsWith(`${name}#`)).map(({ type }) => type);
}

async function withFiles<T>(directory: string, work: (files: ModelFiles) => Promise<T>): Promise<T> {
  const files = openModelFiles(directory);
  try {
    return await work(files);
  } finally {
    files.close();
  }
}

/** A copy of a tiny model (float16 weights) whose embeddings are 4,096 times as large: the norm behind them takes that out again. */
async function withLargeEmbeddings(name: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'locallite-large-'));
  await cp(fixture(name).directory, directory, { recursive: true });
  const path = join(directory, 'model.safetensors');
  const bytes = await readFile(path);
  const length = Number(bytes.readBigUInt64LE());
  const [begin, end] = JSON.parse(bytes.subarray(8, 8 + length).toString())['embed_tokens.weight'].data_offsets;
  for (let at = 8 + length + begin; at < 8 + length + end; at += 2) {
    const half = bytes.readUInt16LE(at);
    if ((half & 0x7c00) !== 0) bytes.writeUInt16LE(half + (12 << 10), at);
  }
  await writeFile(path, bytes);
  return directory;
}

function expectPlain(graph: Graph): void {
  expect(graph.nodes.filter(({ domain }) => domain !== '')).toEqual([]);
  expect(graph.inputs.map(({ type }) => type)).toEqual(graph.inputs.map(() => 'int64'));
  expect(graph.outputs.map(({ type }) => type)).toEqual(graph.outputs.map(() => 'float32'));
}

function maskFor(expected: Tensors, output: string): Tensor | undefined {
  return output === 'logits' ? undefined : expected['attention_mask'];
}

/** Texts of a batch, without padding. */
function textsOf({ input_ids: ids, attention_mask: mask }: Tensors): readonly EncodedText[] {
  const [texts = 0, tokens = 0] = ids?.dims ?? [];
  return Array.from({ length: texts }, (_, text) => {
    const real = Array.from({ length: tokens }, (_, at) => text * tokens + at).filter((at) => Number(mask?.data[at]) === 1);
    return { ids: Int32Array.from(real, (at) => Number(ids?.data[at])) };
  });
}

/** Ranges of a tiny model on its own texts. */
async function rangesOf(request: ConvertRequest, texts: readonly EncodedText[]): Promise<Ranges> {
  const folder = await mkdtemp(join(tmpdir(), 'locallite-ranges-'));
  const files = openModelFiles(request.directory);
  try {
    await writeGraph(buildGraph(files, request, rangeProducts()), join(folder, 'model.onnx'));
    const steps: number[] = [];
    const ranges = await gatherRanges(join(folder, 'model.onnx'), texts, {
      signal: AbortSignal.timeout(20_000),
      onProgress: (done) => steps.push(done),
    });
    expect(steps).toHaveLength(texts.length);
    expect(steps.at(-1)).toBe(1);
    return ranges;
  } finally {
    files.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The text `row` of a batch alone, in the batch's own length. */
function rowOf(feeds: Tensors, row: number): Tensors {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { type, dims, data }]) => {
      const width = data.length / (dims[0] ?? 1);
      return [name, { type, dims: [1, ...dims.slice(1)], data: data.slice(row * width, (row + 1) * width) } as Tensor];
    }),
  );
}

/** Cosines of the states of real tokens. */
function cosines(actual: Tensor, expected: Tensor | undefined, mask: Tensor | undefined): readonly number[] {
  const width = actual.dims.at(-1) ?? 1;
  const state = (tensor: Tensor | undefined, row: number) => [...(tensor?.data.slice(row * width, (row + 1) * width) ?? [])].map(Number);
  return [...(mask?.data ?? [])].flatMap((real, row) => (Number(real) === 1 ? [cosine(state(actual, row), state(expected, row))] : []));
}

function cosine(left: readonly number[], right: readonly number[]): number {
  const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);
  return dot(left, right) / Math.sqrt(dot(left, left) * dot(right, right));
}

/** Outputs of one text each as those of a batch. */
function stacked(rows: readonly (Tensor | undefined)[]): Tensor {
  const data = rows.flatMap((row) => [...(row?.data ?? [])].map(Number));
  return { type: 'float32', dims: [rows.length, ...(rows[0]?.dims.slice(1) ?? [])], data: Float32Array.from(data) };
}

describe('graphs for neural processors', () => {
  test('lengths cover every text, and end where the model does', () => {
    expect(npuLengths(512)).toEqual([64, 128, 256, 512]);
    expect(npuLengths(8192)).toEqual([64, 128, 256, 512]);
    expect(npuLengths(256)).toEqual([64, 128, 256]);
    expect(npuLengths(300)).toEqual([64, 128, 256, 300]);
    expect(npuLengths(40)).toEqual([40]);
  });

  for (const [name, changes, output] of MODELS) {
    test.skipIf(tinyModel(name) === undefined)(`${name}: int8 between quantising and dequantising, one text of one length`, async () => {
      const { directory, expected } = fixture(name);
      const request = tinyRequest(directory, { target: 'npu', precision: 'int8', ...changes });
      const ranges = await rangesOf(request, textsOf(expected));
      const tokens = expected['input_ids']?.dims[1] ?? 0;
      const files = openModelFiles(directory);
      try {
        const graph = buildNpuGraph(files, request, { tokens, ranges });
        expectStatic(graph, tokens);
        const rows = await Promise.all([0, 1, 2, 3].map(async (row) => (await writeAndRun(graph, rowOf(expected, row)))[output]));
        if (output === 'logits') expect(relativeError(stacked(rows), expected[output])).toBeLessThan(0.02);
        else {
          const found = cosines(stacked(rows), expected[output], expected['attention_mask']);
          expect(Math.min(...found)).toBeGreaterThan(0.995);
          expect(found.reduce((sum, value) => sum + value, 0) / found.length).toBeGreaterThan(0.999);
        }
      } finally {
        files.close();
      }
    });
  }
});

test('a conversion for neural processors gives one graph a length, and its fidelity', async () => {
  const { directory, expected } = fixture('gemma3-both-sides');
  const output = await mkdtemp(join(tmpdir(), 'locallite-npu-'));
  const texts = textsOf(expected);
  try {
    for (const precision of ['int8', 'fp16'] as const) {
      const request = tinyRequest(directory, { output, precision, target: 'npu', dimensions: 36, maxTokens: 100 });
      const phases: string[] = [];
      const report = await withFiles(directory, (files) =>
        convertFiles(files, request, {
          texts: { calibration: texts, heldOut: texts },
          signal: AbortSignal.timeout(30_000),
          onProgress: ({ phase }) => phases.push(phase),
        }),
      );
      expect((await readdir(output)).toSorted()).toEqual(['model-64.onnx', 'model.onnx']);
      expect(report).toMatchObject({ precision, target: 'npu', family: 'gemma3', tokensPerSecond: undefined });
      expect(report.fidelity?.texts).toBe(texts.length);
      expect(report.fidelity?.worstCosine).toBeGreaterThan(0.995);
      expect(phases).toContain('checking');
      expect(phases.includes('calibrating')).toBe(precision === 'int8');
    }
  } finally {
    await rm(output, { recursive: true, force: true });
  }
});

function expectStatic(graph: Graph, tokens: number): void {
  const ports = [...graph.inputs, ...graph.outputs];
  expect(ports.flatMap(({ dims }) => dims).filter((dim) => typeof dim !== 'number')).toEqual([]);
  expect(graph.inputs.map(({ dims }) => dims)).toEqual(graph.inputs.map(() => [1, tokens]));
  const fused = graph.nodes.filter(({ domain }) => domain !== '').map(({ op }) => op);
  expect(new Set(fused)).toEqual(new Set(['QuantizeLinear', 'DequantizeLinear']));
}
