import type { Graph, Value } from './graph.ts';
import { rowRange, rowRanges } from './int8-rows.ts';
import { chooseSmoothing, type Matrix, quantiseWeights, relativeError } from './int8-weights.ts';
import type { LinearLayer } from './products.ts';
import type { LayerStatistics, Statistics } from './statistics.ts';
import { together } from './together.ts';

/** What int8 products are made with. */
export interface Int8Options {
  /** Layers that are missing are quantised row by row. */
  readonly statistics: Statistics;
  /** See weightBits in int8-cpu.ts. */
  readonly weightBits: 7 | 8;
  /** Names of layers that stay in float32. */
  readonly keptInFloat: ReadonlySet<string>;
  /** Told of each layer when its weights are written: the expected error of its output, relative to the output. */
  readonly onLayer?: (name: string, relativeError: number) => void;
}

/** One product of bytes to add to a graph. */
export interface Product {
  readonly graph: Graph;
  readonly input: Value;
  readonly layer: LinearLayer;
  readonly statistics: LayerStatistics | undefined;
  readonly options: Int8Options;
  readonly biased: boolean;
}

/** Weights and what goes with them, as the product of bytes takes them. */
interface ByteWeights {
  /** int8 [inputs, outputs]. */
  readonly values: Int8Array;
  /** Of a product of integers, for each output. */
  readonly scales: Float32Array;
  /** Added to each output. */
  readonly bias: Float32Array;
}

/** Activations as bytes of one static scale, and the weights that fit them. */
export interface StaticInput {
  readonly bytes: Value;
  readonly weights: () => ByteWeights;
}

/**
 * Quantises an input by what calibration saw of it: each channel by its share of the smoothing, all by one scale.
 * @param uses how often `weights` is going to be called, after which they are let go of
 */
export function staticInput(product: Product, uses: number): StaticInput {
  const { graph, input, layer } = product;
  const parts = together(() => quantiseStatic(product), uses + 1);
  const factors = graph.constant(`${layer.name}.factors`, 'float32', [layer.inputs], () => parts().factors);
  // QuantizeLinear with a scale for each channel does the same without the product, but takes thirty times as long.
  const bytes = graph.op('QuantizeLinear', [graph.op('Mul', [input, factors]), one(graph), byte(graph, 128)]);
  return { bytes, weights: parts };
}

/** The product of an input behind a norm; its bias costs nothing. */
export function staticProduct(product: Product): Value {
  const { graph, layer } = product;
  const { bytes, weights } = staticInput(product, WEIGHT_CONSTANTS);
  return byteProduct(graph, { bytes, zero: 128 }, { ...layer, weights });
}

/** Constants that {@link byteProduct} makes of weights. */
export const WEIGHT_CONSTANTS = 3;

/** [..., inputs] bytes times weights: float32 [..., outputs]. */
export function byteProduct(
  graph: Graph,
  { bytes, zero }: { readonly bytes: Value; readonly zero: number },
  layer: { readonly name: string; readonly inputs: number; readonly outputs: number; readonly weights: () => ByteWeights },
): Value {
  const { name, inputs, outputs, weights } = layer;
  const values = graph.constant(`${name}.weight`, 'int8', [inputs, outputs], () => weights().values);
  const scales = graph.constant(`${name}.scales`, 'float32', [outputs], () => weights().scales);
  const bias = graph.constant(`${name}.bias`, 'float32', [outputs], () => weights().bias);
  return graph.fused('MatMulIntegerToFloat', [bytes, values, one(graph), scales, byte(graph, zero), '', bias]);
}

/** The product of any other input: each row has the scale of its own largest value. */
export function rowProduct(product: Product): Value {
  const { graph, input, layer, biased } = product;
  const { zero, steps } = rowRange(layer);
  const scale = graph.op('Mul', [rowRanges(graph, input, layer), graph.floats('step', [1 / steps], [])]);
  // One block a row: the scale of each row without a pass of its own over the row.
  const zeros = graph.op('Expand', [byte(graph, zero), graph.op('Shape', [scale])]);
  const bytes = graph.op('QuantizeLinear', [input, scale, zeros], { axis: { int: -1 }, block_size: { int: layer.inputs } });
  const weights = together(() => quantiseRows(product), WEIGHT_CONSTANTS);
  const value = graph.op('Mul', [byteProduct(graph, { bytes, zero }, { ...layer, weights }), scale]);
  if (!biased || layer.bias === undefined) return value;
  return graph.op('Sum', [value, graph.constant(`${layer.name}.bias`, 'float32', [layer.outputs], layer.bias)]);
}

const byte = (graph: Graph, value: number) => graph.constant('zero_point', 'uint8', [], Uint8Array.of(value));
const one = (graph: Graph) => graph.floats('one', [1], []);

function largestInteger({ weightBits }: Int8Options): number {
  return weightBits === 8 ? 127 : 63;
}

function quantiseStatic({ layer, statistics, options, biased }: Product): ByteWeights & { readonly factors: Float32Array } {
  const matrix = matrixOf(layer);
  const seen = statistics ?? unseen(layer);
  const { smoothing, scale } = chooseSmoothing(matrix, seen);
  const quantised = quantiseWeights(matrix, largestInteger(options), { ...seen, smoothing });
  options.onLayer?.(layer.name, relativeError(quantised, scale));
  const own = biased ? layer.bias?.() : undefined;
  return {
    values: quantised.values,
    factors: smoothing.map((value) => 1 / (value * scale)),
    scales: quantised.scales.map((value) => value * scale),
    bias: quantised.correction.map((value, index) => value + (own?.[index] ?? 0)),
  };
}

/** Keeps types simple where a caller has checked that statistics are there. */
function unseen({ inputs }: LinearLayer): LayerStatistics {
  const ones = new Float32Array(inputs).fill(1);
  return { largest: ones, mean: new Float32Array(inputs), energy: ones };
}

function matrixOf({ weight, outputs, inputs }: LinearLayer): Matrix {
  return { values: weight(), outputs, inputs };
}

/** Its bias is what rounding the weights takes away on average, as a share of the row's range; the layer's own comes later. */
function quantiseRows({ layer, statistics, options }: Product): ByteWeights {
  // Of a normed layer, statistics are of the values themselves, not of shares of a row's range.
  const facts = layer.input === 'wide' && statistics !== undefined ? { mean: statistics.mean, energy: statistics.energy } : {};
  const quantised = quantiseWeights(matrixOf(layer), largestInteger(options), facts);
  const { steps } = rowRange(layer);
  options.onLayer?.(layer.name, relativeError(quantised, 1 / steps));
  return { ...quantised, bias: quantised.correction.map((value) => value * steps) };
}
