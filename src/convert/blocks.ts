import { LocalLiteError } from '../errors.ts';
import type { Weights } from '../models/weights.ts';
import type { BuildContext } from './family.ts';
import type { Graph, Value } from './graph.ts';
import type { LinearLayer } from './products.ts';

/** Where `name` is a layer of the weights: `<name>.weight` [outputs, inputs] and, where it is there, `<name>.bias`. */
export function linearLayer(weights: Weights, name: string, input: LinearLayer['input']): LinearLayer {
  const [outputs, inputs] = shapeOf(weights, `${name}.weight`, 2);
  const biased = weights.shape(`${name}.bias`) !== undefined;
  if (biased) expectShape(weights, `${name}.bias`, [outputs ?? 0]);
  return {
    name,
    inputs: inputs ?? 0,
    outputs: outputs ?? 0,
    weight: () => weights.read(`${name}.weight`),
    bias: biased ? () => weights.read(`${name}.bias`) : undefined,
    input,
  };
}

/** A layer of a head: see {@link LinearLayer.precise}. */
export function preciseLayer(weights: Weights, name: string): LinearLayer {
  return { ...linearLayer(weights, name, 'wide'), precise: true };
}

/** A tensor of one dimension as a constant. */
function vector(graph: Graph, weights: Weights, name: string): Value {
  const shape = shapeOf(weights, name, 1);
  return graph.constant(name, 'float32', shape, () => weights.read(name));
}

/** The bias of a layer, for a fused operator that adds it; an empty string where it has none. */
export function biasOf(graph: Graph, layer: LinearLayer): Value {
  return layer.bias === undefined ? '' : graph.constant(`${layer.name}.bias`, 'float32', [layer.outputs], layer.bias);
}

/** Names of a layer norm's tensors: files that were once TensorFlow's say `gamma` and `beta`. */
function normNames(weights: Weights, name: string): { readonly scale: string; readonly shift: string } {
  const old = weights.shape(`${name}.gamma`) !== undefined && weights.shape(`${name}.weight`) === undefined;
  return old ? { scale: `${name}.gamma`, shift: `${name}.beta` } : { scale: `${name}.weight`, shift: `${name}.bias` };
}

/** Scale and shift of a layer norm as constants, in this order. */
export function normConstants(graph: Graph, weights: Weights, name: string): readonly [Value, Value] {
  const { scale, shift } = normNames(weights, name);
  return [vector(graph, weights, scale), vector(graph, weights, shift)];
}

/** Layer norm over the last dimension. */
export function layerNorm(graph: Graph, weights: Weights, input: Value, norm: { readonly name: string; readonly epsilon: number }): Value {
  return graph.op('LayerNormalization', [input, ...normConstants(graph, weights, norm.name)], {
    axis: { int: -1 },
    epsilon: { float: norm.epsilon },
  });
}

/**
 * Layer norm of `product` + bias + `skip`. `Sum`, because ONNX Runtime turns `Add` and a layer norm into its SkipLayerNormalization, which
 * takes five times as long as the two (1.7 ms against 0.33 ms for 736 x 384 values on one core, ONNX Runtime 1.30).
 */
export function skipLayerNorm(
  { graph, weights }: Pick<BuildContext, 'graph' | 'weights'>,
  inputs: { readonly product: Value; readonly skip: Value; readonly bias: Value },
  norm: { readonly name: string; readonly epsilon: number },
): Value {
  const terms = [inputs.product, inputs.skip, ...(inputs.bias === '' ? [] : [inputs.bias])];
  return layerNorm(graph, weights, graph.op('Sum', terms), norm);
}

/** The state of each text's first token: [texts, tokens, hidden] -> [texts, hidden]. */
export function firstToken(graph: Graph, states: Value): Value {
  return graph.op('Gather', [states, graph.ints('first', [0], [])], { axis: { int: 1 } });
}

/**
 * Shape of a tensor that has to be there.
 * @throws LocalLiteError model_unsupported where it is missing or has another number of dimensions
 */
export function shapeOf(weights: Weights, name: string, dimensions: number): readonly number[] {
  const shape = weights.shape(name);
  if (shape?.length === dimensions) return shape;
  throw new LocalLiteError(
    'model_unsupported',
    shape === undefined
      ? `the weights lack ${name}`
      : `${name} has the shape [${shape.join(', ')}], where ${dimensions} dimensions are expected`,
  );
}

/** @throws LocalLiteError model_unsupported where a tensor is missing or has another shape */
export function expectShape(weights: Weights, name: string, expected: readonly number[]): void {
  const shape = shapeOf(weights, name, expected.length);
  if (shape.every((size, axis) => size === expected[axis])) return;
  throw new LocalLiteError(
    'model_unsupported',
    `${name} has the shape [${shape.join(', ')}]; [${expected.join(', ')}] fits the rest of the model`,
  );
}
