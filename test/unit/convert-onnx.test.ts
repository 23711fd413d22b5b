import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { buildGraph, openModelFiles } from '../../src/convert/build.ts';
import { FP32_PRODUCTS, transpose } from '../../src/convert/fp32.ts';
import { type ElementData, type ElementType, Graph } from '../../src/convert/graph.ts';
import { writeGraph } from '../../src/convert/onnx-file.ts';
import { pruned } from '../../src/convert/prune.ts';
import type { Tensors } from '../../src/runtime/session.ts';
import { readTensors, tinyModel, tinyRequest, writeAndRun } from '../support/tiny-models.ts';

const root = mkdtempSync(join(tmpdir(), 'locallite-onnx-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const feeds: Tensors = { x: { type: 'float32', dims: [2], data: Float32Array.of(1, -2) } };

/** x + each constant in turn, every one of another element type. */
function everyType(): Graph {
  const graph = new Graph();
  let value = graph.input('x', 'float32', [2]);
  const constants: readonly [ElementType, ElementData][] = [
    ['float32', Float32Array.of(0.5, 1)],
    ['float16', Uint16Array.of(0x3c00, 0xc000)],
    ['int64', BigInt64Array.of(-3n, 4n)],
    ['int32', Int32Array.of(5, -6)],
    ['int8', Int8Array.of(-7, 8)],
    ['uint8', Uint8Array.of(200, 9)],
    ['bool', Uint8Array.of(1, 0)],
  ];
  for (const [type, data] of constants) {
    const constant = graph.constant(type, type, [2], data);
    value = graph.op('Add', [value, graph.op('Cast', [constant], { to: { int: 1 } })]);
  }
  graph.output('y', value, 'float32', [2]);
  return graph;
}

const SUM = [1 + 0.5 + 1 - 3 + 5 - 7 + 200 + 1, -2 + 1 - 2 + 4 - 6 + 8 + 9];

describe('ONNX files', () => {
  test('constants of every element type come back in the runtime', async () => {
    expect([...((await writeAndRun(everyType(), feeds))['y']?.data ?? [])]).toEqual(SUM);
  });

  test('attributes of every kind are understood by the runtime', async () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', [2]);
    const turned = graph.op('Transpose', [graph.op('Unsqueeze', [x, graph.ints('axis', [0])])], { perm: { ints: [1, 0] } });
    const leaky = graph.op('LeakyRelu', [turned], { alpha: { float: 0.25 } });
    const [first = ''] = graph.many('Split', '', [leaky], { axis: { int: 0 }, num_outputs: { int: 2 } }, 2);
    graph.output('y', graph.op('Concat', [leaky, first], { axis: { int: 0 } }), 'float32', [3, 1]);
    const padded = graph.op('Pad', [x, graph.ints('pads', [1, 0])], { mode: { string: 'edge' } });
    graph.output('z', padded, 'float32', [3]);
    const outputs = await writeAndRun(graph, feeds);
    expect([...(outputs['y']?.data ?? [])]).toEqual([1, -0.5, 1]);
    expect([...(outputs['z']?.data ?? [])]).toEqual([1, 1, -2]);
  });

  test('the same graph gives the same bytes', async () => {
    const directory = tinyModel('bert-late-interaction') ?? '';
    const digests = await Promise.all(['a', 'b'].map((name) => digestOf(directory, join(root, `${name}.onnx`))));
    expect(digests[0]).toBe(digests[1]);
  });

  test('one constant is in memory at a time', async () => {
    let open = 0;
    const graph = new Graph();
    let value = graph.input('x', 'float32', [2]);
    for (let index = 0; index < 4; index++) {
      const constant = graph.constant('c', 'float32', [2], () => {
        open += 1;
        return new Float32Array(2).fill(open);
      });
      value = graph.op('Add', [value, constant]);
    }
    graph.output('y', value, 'float32', [2]);
    expect(open).toBe(0);
    await writeGraph(graph, join(root, 'lazy.onnx'));
    expect(open).toBe(4);
  });

  test('above the limit, constants go into a file of their own that the runtime reads', async () => {
    const directory = tinyModel('bert-late-interaction') ?? '';
    const expected = readTensors(join(directory, 'expected.safetensors'));
    const files = openModelFiles(directory);
    const graph = buildGraph(files, tinyRequest(directory, { tasks: ['multi'], maxTokens: 40 }), FP32_PRODUCTS);
    const inside = await writeAndRun(graph, expected);
    const outside = await writeAndRun(graph, expected, { externalAbove: 1000 });
    expect(outside['token_vectors']?.data).toEqual(inside['token_vectors']?.data);
    const path = join(root, 'external.onnx');
    await writeGraph(graph, path, { externalAbove: 1000 });
    files.close();
    expect(statSync(path).size).toBeLessThan(statSync(`${path}_data`).size);
    expect(readFileSync(path).includes('external.onnx_data')).toBe(true);
  });

  test('large constants of the second file start on pages', async () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', [1500]);
    const small = graph.constant('small', 'float32', [300], new Float32Array(300).fill(1));
    const large = graph.constant('large', 'float32', [1500], new Float32Array(1500).fill(2));
    graph.output('y', graph.op('Add', [x, large]), 'float32', [1500]);
    graph.output('z', graph.op('Neg', [small]), 'float32', [300]);
    const path = join(root, 'aligned.onnx');
    await writeGraph(graph, path, { externalAbove: 1000 });
    const data = readFileSync(`${path}_data`);
    expect(data.length).toBe(4096 + 6000);
    expect(data.subarray(1200, 4096).every((byte) => byte === 0)).toBe(true);
    expect(data.readFloatLE(4096)).toBe(2);
    const outputs = await writeAndRun(
      graph,
      { x: { type: 'float32', dims: [1500], data: new Float32Array(1500) } },
      { externalAbove: 1000 },
    );
    expect(outputs['y']?.data[1499]).toBe(2);
    expect(outputs['z']?.data[299]).toBe(-1);
  });

  test.each([undefined, 1])('what was half written is removed when it fails (external above %j)', async (limit) => {
    const graph = everyType();
    graph.constant('short', 'float32', [600], new Float32Array(599));
    const path = join(root, `failed-${limit}.onnx`);
    await expect(writeGraph(graph, path, limit === undefined ? {} : { externalAbove: limit })).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringMatching(/short.* got 2396 bytes instead of 2400/),
    });
    expect(existsSync(path)).toBe(false);
    expect(existsSync(`${path}_data`)).toBe(false);
  });
});

async function digestOf(directory: string, path: string): Promise<string> {
  const files = openModelFiles(directory);
  try {
    await writeGraph(buildGraph(files, tinyRequest(directory, { tasks: ['multi'], maxTokens: 40 }), FP32_PRODUCTS), path);
  } finally {
    files.close();
  }
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

test('pruning keeps what an output needs and nothing else', () => {
  const graph = new Graph();
  const x = graph.input('x', 'float32', [2]);
  const used = graph.floats('used', [1, 2]);
  graph.op('Mul', [graph.op('Add', [x, graph.floats('unused', [1, 2])]), used]);
  graph.output('y', graph.op('Sub', [x, used]), 'float32', [2]);
  const kept = pruned(graph);
  expect(kept.nodes.map(({ op }) => op)).toEqual(['Sub', 'Identity']);
  expect(kept.constants.map(({ name }) => name)).toEqual([used]);
  expect(kept.inputs).toEqual(graph.inputs);
});

test('transposing matches its definition at sizes around the block', () => {
  for (const [rows, columns] of [
    [1, 1],
    [31, 33],
    [64, 5],
    [3, 100],
  ] as const) {
    const matrix = Float32Array.from({ length: rows * columns }, (_, at) => at);
    const turned = transpose(matrix, rows, columns);
    const expected = Float32Array.from({ length: rows * columns }, (_, at) => (at % rows) * columns + Math.floor(at / rows));
    expect(turned).toEqual(expected);
  }
});
