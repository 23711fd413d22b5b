import type { Graph, Value } from './graph.ts';
import type { LinearLayer } from './products.ts';

/** Layers that read the same tensor as one, their outputs side by side: one pass over the input instead of several. */
export function joinedLayer(name: string, layers: readonly [LinearLayer, ...LinearLayer[]]): LinearLayer {
  const [first] = layers;
  const biased = layers.some((layer) => layer.bias !== undefined);
  return {
    name,
    inputs: first.inputs,
    outputs: layers.reduce((sum, layer) => sum + layer.outputs, 0),
    weight: () => concatenate(layers.map((layer) => layer.weight())),
    bias: biased ? () => concatenate(layers.map((layer) => layer.bias?.() ?? new Float32Array(layer.outputs))) : undefined,
    input: first.input,
  };
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Cuts the last axis into pieces of these sizes. */
export function splitLast(graph: Graph, value: Value, sizes: readonly number[]): readonly Value[] {
  return graph.many('Split', '', [value, graph.ints('split.sizes', sizes)], { axis: { int: -1 } }, sizes.length);
}
