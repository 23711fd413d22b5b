import { selfAttentionOf } from './blocks-self-attention.ts';
import { FP32_PRODUCTS } from './fp32.ts';
import type { Graph, Value } from './graph.ts';
import { quantiseWeights } from './int8-weights.ts';
import type { LinearLayer, Products } from './products.ts';
import type { Ranges } from './qdq-ranges.ts';

/**
 * Room above what calibration saw. Sixteen bits have it to spare: the step is still 1 / 8,192 of the largest value seen, and a text that is
 * unlike all of calibration's is not clipped.
 */
const HEADROOM = 4;
const ZERO_POINT = 32_768;

/**
 * Products between QuantizeLinear and DequantizeLinear with static scales, as neural processors take them: uint16 activations, int8 weights
 * with a scale for each output. What `ranges` lacks, and heads, stay in float32.
 */
export function qdqProducts(ranges: Ranges): Products {
  const linear: Products['linear'] = (graph, input, layer, options) => {
    const range = ranges.get(layer.name);
    if (layer.precise === true || range === undefined) return FP32_PRODUCTS.linear(graph, input, layer, options);
    const quantised = throughSixteenBits(graph, input, range.input);
    const product = throughSixteenBits(graph, graph.op('MatMul', [quantised, dequantisedWeights(graph, layer)]), range.output);
    if (layer.bias === undefined || options?.bias === 'apart') return product;
    return graph.op('Add', [product, graph.constant(`${layer.name}.bias`, 'float32', [layer.outputs], layer.bias)]);
  };
  return { linear, selfAttention: selfAttentionOf(linear), table: FP32_PRODUCTS.table };
}

/** Rounds a value to one of 65,536 steps, evenly on both sides of zero. */
function throughSixteenBits(graph: Graph, value: Value, largest: number): Value {
  const scale = graph.floats('scale', [Math.fround((Math.max(largest, 1e-6) * HEADROOM) / (ZERO_POINT - 1))], []);
  const zero = graph.constant('zero_point', 'uint16', [], Uint16Array.of(ZERO_POINT));
  return graph.fused('DequantizeLinear', [graph.fused('QuantizeLinear', [value, scale, zero]), scale, zero]);
}

function dequantisedWeights(graph: Graph, layer: LinearLayer): Value {
  const { name, inputs, outputs } = layer;
  const quantised = () => quantiseWeights({ values: layer.weight(), outputs, inputs }, 127, {});
  const weights = graph.constant(`${name}.weight`, 'int8', [inputs, outputs], () => quantised().values);
  const scales = graph.constant(`${name}.scales`, 'float32', [outputs], () => quantised().scales);
  const zeros = graph.constant(`${name}.zeros`, 'int8', [outputs], new Int8Array(outputs));
  return graph.op('DequantizeLinear', [weights, scales, zeros], { axis: { int: 1 } });
}
