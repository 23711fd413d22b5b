import { LocalLiteError } from '../errors.ts';
import { buildGraph, type ModelFiles } from './build.ts';
import type { ConvertRequest } from './convert-types.ts';
import { Graph, type Port, type Value } from './graph.ts';
import { plainGraph } from './plain.ts';
import { qdqProducts } from './qdq.ts';
import type { Ranges } from './qdq-ranges.ts';
import { buildGpuGraph } from './target-gpu.ts';

/** Lengths that texts are padded to, one graph each: a neural processor compiles a graph for one shape. */
const LENGTHS = [64, 128, 256, 512];

/** The lengths that cover texts of up to `maxTokens` tokens (512 at most), shortest first. */
export function npuLengths(maxTokens: number): readonly number[] {
  const longest = Math.min(maxTokens, LENGTHS.at(-1) ?? maxTokens);
  return [...LENGTHS.filter((length) => length < longest), longest];
}

/** What a graph for neural processors is made with. */
export interface NpuOptions {
  /** Tokens that every text is padded to. */
  readonly tokens: number;
  /** Of every layer, for int8; see gatherRanges. */
  readonly ranges: Ranges;
}

/**
 * The graph of a model for neural processors: one text of exactly `tokens` tokens a run (padding has attention_mask 0), no dynamic
 * dimensions, ONNX's own operators. int8 puts every layer between QuantizeLinear and DequantizeLinear with static scales (uint16 activations,
 * int8 weights); fp16 is for processors that compute in it.
 * @throws LocalLiteError model_unsupported for another precision than int8 and fp16, and where buildGraph does
 */
export function buildNpuGraph(files: ModelFiles, request: ConvertRequest, { tokens, ranges }: NpuOptions): Graph {
  const fitted: ConvertRequest = { ...request, maxTokens: tokens };
  if (request.precision === 'fp16') return withStaticShapes(buildGpuGraph(files, fitted), tokens);
  if (request.precision === 'int8') return withStaticShapes(plainGraph(buildGraph(files, fitted, qdqProducts(ranges))), tokens);
  throw new LocalLiteError('model_unsupported', `graphs for the target npu are made in int8 and fp16, not in ${request.precision}`);
}

/** The same graph for one text of `tokens` tokens. */
function withStaticShapes(source: Graph, tokens: number): Graph {
  const graph = new Graph();
  graph.constants.push(...source.constants);
  graph.nodes.push(...source.nodes);
  graph.inputs.push(...source.inputs.map((port) => ({ ...port, dims: [1, tokens] })));
  graph.outputs.push(...source.outputs.map((port) => ({ ...port, dims: port.dims.map((dim) => sizeOf(dim, source, port, tokens)) })));
  return graph;
}

function sizeOf(dim: number | string, graph: Graph, port: Port, tokens: number): number {
  if (typeof dim === 'number') return dim;
  if (dim === 'texts') return 1;
  return dim === 'tokens' ? tokens : widthOf(port.name, graph);
}

/** The last dimension of a value, from the weights of the layer that made it. */
function widthOf(value: Value, graph: Graph): number {
  const constant = graph.constants.find(({ name }) => name === value);
  if (constant !== undefined) return constant.dims.at(-1) ?? 1;
  const maker = graph.nodes.find(({ outputs }) => outputs.includes(value));
  return maker === undefined ? 1 : widthOf(maker.inputs[maker.op === 'MatMul' ? 1 : 0] ?? '', graph);
}
