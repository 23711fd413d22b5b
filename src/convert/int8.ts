import { FP32_PRODUCTS, joinedProjections, multiHeadAttention } from './fp32.ts';
import type { Graph, Value } from './graph.ts';
import { byteAttention, maskBias } from './int8-attention.ts';
import { type Int8Options, rowProduct, staticProduct } from './int8-product.ts';
import type { LinearLayer, Products } from './products.ts';

/**
 * Products of uint8 activations and int8 weights on the processor. Layers behind a norm have one static scale, made even over the channels
 * by smoothing; all others a scale for each row, computed in the graph. Neither lets a text's vector depend on its batch.
 */
export function int8Products(options: Int8Options): Products {
  const inFloat = (layer: LinearLayer) => layer.precise === true || options.keptInFloat.has(layer.name);
  const biasOf = once(maskBias);
  return {
    linear(graph, input, layer, bias) {
      if (inFloat(layer)) return FP32_PRODUCTS.linear(graph, input, layer, bias);
      const statistics = options.statistics.get(layer.name);
      const product = { graph, input, layer, statistics, options, biased: bias?.bias !== 'apart' };
      return layer.input === 'normed' && statistics?.largest !== undefined ? staticProduct(product) : rowProduct(product);
    },
    selfAttention(graph, input, layer, mask) {
      const joined = joinedProjections(layer);
      if (inFloat(joined)) return FP32_PRODUCTS.selfAttention(graph, input, layer, mask);
      const statistics = options.statistics.get(joined.name);
      const product = { graph, input, layer: joined, statistics, options, biased: true };
      if (statistics?.largest !== undefined) return byteAttention(product, layer, biasOf(graph, mask));
      const sizes = layer.projections.map(({ outputs }) => outputs);
      const split = [rowProduct(product), graph.ints('projections', sizes)];
      const [query = '', key = '', value = ''] = graph.many('Split', '', split, { axis: { int: -1 } }, 3);
      return multiHeadAttention(graph, { query, key, value, bias: '', mask }, layer);
    },
    table: FP32_PRODUCTS.table,
  };
}

/** What is made of a graph's value is made once. */
function once(make: (graph: Graph, value: Value) => Value): (graph: Graph, value: Value) => Value {
  const made = new WeakMap<Graph, Map<Value, Value>>();
  return (graph, value) => {
    const ofGraph = made.get(graph) ?? new Map<Value, Value>();
    made.set(graph, ofGraph);
    const result = ofGraph.get(value) ?? make(graph, value);
    ofGraph.set(value, result);
    return result;
  };
}
