import { joinedLayer } from './blocks-projection.ts';
import type { Graph, Value } from './graph.ts';
import type { LinearLayer, Products, SelfAttentionLayer } from './products.ts';

/** Products in float32: the reference that every other precision is measured against. */
export const FP32_PRODUCTS: Products = {
  linear(graph, input, layer, options) {
    const product = graph.op('MatMul', [input, transposedWeight(graph, layer)]);
    if (layer.bias === undefined || options?.bias === 'apart') return product;
    // Not `Add`, which would be fused with a Gelu behind it into a slower operator.
    return graph.op('Sum', [product, graph.constant(`${layer.name}.bias`, 'float32', [layer.outputs], layer.bias)]);
  },
  selfAttention(graph, input, layer, mask) {
    const joined = joinedProjections(layer);
    const product = graph.op('MatMul', [input, transposedWeight(graph, joined)]);
    const [query = '', key = '', value = ''] = graph.many('Split', '', [product], { axis: { int: -1 }, num_outputs: { int: 3 } }, 3);
    const bias = joined.bias === undefined ? '' : graph.constant(`${joined.name}.bias`, 'float32', [joined.outputs], joined.bias);
    return multiHeadAttention(graph, { query, key, value, bias, mask }, layer);
  },
  table: (graph, name, rows, columns, data) => graph.constant(name, 'float32', [rows, columns], data),
};

/** Inputs of fused attention; an empty string leaves one out. */
export interface AttentionInputs {
  /** [texts, tokens, hidden] each, the heads side by side. */
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
  /** Of query, key and value, one behind the other: [3 x hidden]. */
  readonly bias: Value;
  /** int32 [texts, tokens]. */
  readonly mask: Value;
  /** Added to the scores: [1 or texts, heads, tokens, tokens]. */
  readonly scores?: Value;
}

/** com.microsoft's MultiHeadAttention: [texts, tokens, hidden]. */
export function multiHeadAttention(
  graph: Graph,
  inputs: AttentionInputs,
  layer: { readonly heads: number; readonly scale?: number },
): Value {
  const { query, key, value, bias, mask, scores } = inputs;
  return graph.fused('MultiHeadAttention', [query, key, value, bias, mask, ...(scores === undefined ? [] : [scores])], {
    num_heads: { int: layer.heads },
    ...(layer.scale === undefined ? {} : { scale: { float: layer.scale } }),
  });
}

/** Query, key and value as one layer of three times the outputs, named after the query's. */
export function joinedProjections({ projections }: SelfAttentionLayer): LinearLayer {
  return joinedLayer(`${projections[0].name}+key+value`, projections);
}

/** The weights of a layer as a constant [inputs, outputs], as a product from the right wants them. */
function transposedWeight(graph: Graph, { name, inputs, outputs, weight }: LinearLayer): Value {
  return graph.constant(`${name}.weight`, 'float32', [inputs, outputs], () => transpose(weight(), outputs, inputs));
}

/** Row-major [rows, columns] -> [columns, rows]. */
export function transpose(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const turned = new Float32Array(matrix.length);
  // Block by block: a column of a large matrix touches a cache line for every element.
  const block = 32;
  for (let top = 0; top < rows; top += block) {
    for (let left = 0; left < columns; left += block) {
      for (let row = top; row < Math.min(top + block, rows); row++) {
        for (let column = left; column < Math.min(left + block, columns); column++) {
          turned[column * rows + row] = matrix[row * columns + column] ?? 0;
        }
      }
    }
  }
  return turned;
}
