import type { Weights } from '../models/weights.ts';
import type { Graph, Value } from './graph.ts';

/** A norm over the last axis. */
export interface Norm {
  /** As in the weights, without `.weight`. */
  readonly name: string;
  readonly epsilon: number;
  /** `layer`: mean and variance, bias where the weights have one. `rms`: root mean square only. */
  readonly kind: 'layer' | 'rms';
  /** Added to every weight (Gemma keeps them around zero); default 0. */
  readonly offset?: number;
}

/** A norm of a sum, and the sum itself for the next residual. */
export interface NormedSum {
  readonly normed: Value;
  readonly sum: Value;
}

/** [..., size] -> the same. */
export function norm(graph: Graph, weights: Weights, value: Value, settings: Norm): Value {
  const scale = normScale(graph, weights, settings);
  const attributes = { axis: { int: -1 }, epsilon: { float: settings.epsilon } };
  if (settings.kind === 'rms') return graph.op('SimplifiedLayerNormalization', [value, scale], attributes);
  return graph.op('LayerNormalization', [value, scale, ...normBias(graph, weights, settings)], attributes);
}

/**
 * The norm of `value + residual`, both [texts, tokens, size]. `bias` of the product that made `value`, where left apart. `Sum`, because ONNX
 * Runtime turns `Add` and a norm into one operator that takes several times as long as the two (see skipLayerNorm in blocks.ts).
 */
export function normOfSum(graph: Graph, weights: Weights, value: Value, residual: Value, settings: Norm, bias: Value = ''): NormedSum {
  const sum = graph.op('Sum', bias === '' ? [value, residual] : [value, residual, bias]);
  return { normed: norm(graph, weights, sum, settings), sum };
}

function normScale(graph: Graph, weights: Weights, { name, offset = 0 }: Norm): Value {
  const shape = weights.shape(`${name}.weight`) ?? [weights.read(`${name}.weight`).length];
  return graph.constant(`${name}.weight`, 'float32', shape, () => weights.read(`${name}.weight`).map((weight) => weight + offset));
}

function normBias(graph: Graph, weights: Weights, { name }: Norm): readonly Value[] {
  const shape = weights.shape(`${name}.bias`);
  return shape === undefined ? [] : [graph.constant(`${name}.bias`, 'float32', shape, () => weights.read(`${name}.bias`))];
}
