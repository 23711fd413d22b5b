import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildGraph, openModelFiles } from '../../src/convert/build.ts';
import type { ConvertRequest } from '../../src/convert/convert-types.ts';
import { FP32_PRODUCTS } from '../../src/convert/fp32.ts';
import type { Graph } from '../../src/convert/graph.ts';
import { writeGraph } from '../../src/convert/onnx-file.ts';
import type { Products } from '../../src/convert/products.ts';
import { openSession } from '../../src/runtime/onnx.ts';
import type { Tensor, Tensors } from '../../src/runtime/session.ts';

const root = join(import.meta.dirname, '../..');
const FOLDERS = [join(root, 'test/fixtures/tiny-models'), join(root, '../shared/data/tiny-models')];

/** Folder of a tiny random-weight model, or undefined where this checkout has none of that name. */
export function tinyModel(name: string): string | undefined {
  return FOLDERS.map((folder) => join(folder, name)).find((folder) => existsSync(join(folder, 'model.safetensors')));
}

/** Tensors of a small safetensors file, integers as they are. */
export function readTensors(path: string): Readonly<Record<string, Tensor>> {
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE());
  const header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }> = JSON.parse(
    bytes.subarray(8, 8 + length).toString(),
  );
  return Object.fromEntries(
    Object.entries(header)
      .filter(([name]) => name !== '__metadata__')
      .map(
        ([
          name,
          {
            dtype,
            shape,
            data_offsets: [begin, end],
          },
        ]) => {
          const buffer = new Uint8Array(bytes.subarray(8 + length + begin, 8 + length + end)).buffer;
          if (dtype === 'I64') return [name, { type: 'int64', dims: shape, data: new BigInt64Array(buffer) }];
          return [name, { type: 'float32', dims: shape, data: new Float32Array(buffer) }];
        },
      ),
  );
}

/** A request for a tiny model: everything of hidden size 64. */
export function tinyRequest(directory: string, changes: Partial<ConvertRequest> = {}): ConvertRequest {
  return {
    id: 'locallite/tiny',
    directory,
    output: directory,
    precision: 'fp32',
    target: 'cpu',
    tasks: ['embed'],
    pooling: 'mean',
    normalize: true,
    dimensions: 64,
    maxTokens: 64,
    ...changes,
  };
}

/** Converts a folder into `model.onnx` of a temporary folder and runs one batch through it. */
export async function convertAndRun(request: ConvertRequest, feeds: Tensors, products: Products = FP32_PRODUCTS): Promise<Tensors> {
  const files = openModelFiles(request.directory);
  try {
    return await writeAndRun(buildGraph(files, request, products), feeds);
  } finally {
    files.close();
  }
}

/** Writes a graph and runs one batch through it, giving those of `feeds` that it has inputs for. */
export async function writeAndRun(graph: Graph, feeds: Tensors, options: { externalAbove?: number } = {}): Promise<Tensors> {
  const folder = await mkdtemp(join(tmpdir(), 'locallite-convert-'));
  const path = join(folder, 'model.onnx');
  try {
    await writeGraph(graph, path, options);
    const session = await openSession({ path, provider: 'cpu', threads: 1, runtimePackage: undefined, providerLibrary: undefined });
    try {
      const wanted = session.inputs.map(({ name }) => [name, feeds[name] ?? zerosLike(feeds)] as const);
      return await session.run(
        Object.fromEntries(wanted),
        session.outputs.map(({ name }) => name),
      );
    } finally {
      await session.nodesByProvider();
      await session.dispose();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function zerosLike(feeds: Tensors): Tensor {
  const dims = feeds['input_ids']?.dims ?? [];
  return { type: 'int64', dims, data: new BigInt64Array(dims.reduce((product, size) => product * size, 1)) };
}

/** Largest difference relative to the spread of the expected values, over the rows that `mask` keeps (all, where it is left out). */
export function relativeError(actual: Tensor | undefined, expected: Tensor | undefined, mask?: Tensor): number {
  if (actual === undefined || expected === undefined) throw new Error('an output is missing');
  if (actual.data.length !== expected.data.length) throw new Error(`${actual.dims} is not ${expected.dims}`);
  const width = mask === undefined ? 1 : expected.data.length / mask.data.length;
  let worst = 0;
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < expected.data.length; at++) {
    if (mask !== undefined && mask.data[Math.floor(at / width)] !== 1n) continue;
    const value = Number(expected.data[at]);
    least = Math.min(least, value);
    most = Math.max(most, value);
    const difference = Math.abs(Number(actual.data[at]) - value);
    worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference);
  }
  return worst / (most - least);
}
