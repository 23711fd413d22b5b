import { FP32_PRODUCTS, joinedProjections, multiHeadAttention } from './fp32.ts';
import type { Graph, Value } from './graph.ts';
import type { LinearLayer, Products } from './products.ts';
import { together } from './together.ts';

/** Weights that share a scale; MatMulNBits takes powers of two from 16. */
const BLOCK = 32;
/** Of MatMulNBits: activations are rounded to int8 block by block inside the product, each row by itself. */
const ACCURACY_LEVEL = 4;

/**
 * Products with weights of 4 bits in blocks of 32 (com.microsoft's MatMulNBits): the least memory, at the cost of fidelity. Layers whose
 * inputs do not divide into blocks stay in float32.
 */
export const Q4_PRODUCTS: Products = {
  linear(graph, input, layer, options) {
    if (!fits(layer)) return FP32_PRODUCTS.linear(graph, input, layer, options);
    const product = blockProduct(graph, input, layer);
    if (layer.bias === undefined || options?.bias === 'apart') return product;
    return graph.op('Sum', [product, graph.constant(`${layer.name}.bias`, 'float32', [layer.outputs], layer.bias)]);
  },
  selfAttention(graph, input, layer, mask) {
    const joined = joinedProjections(layer);
    if (!fits(joined)) return FP32_PRODUCTS.selfAttention(graph, input, layer, mask);
    const sizes = graph.ints(
      'projections',
      layer.projections.map(({ outputs }) => outputs),
    );
    const [query = '', key = '', value = ''] = graph.many(
      'Split',
      '',
      [blockProduct(graph, input, joined), sizes],
      { axis: { int: -1 } },
      3,
    );
    const bias = joined.bias === undefined ? '' : graph.constant(`${joined.name}.bias`, 'float32', [joined.outputs], joined.bias);
    return multiHeadAttention(graph, { query, key, value, bias, mask }, layer);
  },
  table: FP32_PRODUCTS.table,
};

function fits({ inputs, precise }: LinearLayer): boolean {
  return precise !== true && inputs % BLOCK === 0;
}

function blockProduct(graph: Graph, input: Value, layer: LinearLayer): Value {
  const { name, inputs, outputs } = layer;
  const blocks = inputs / BLOCK;
  const parts = together(() => quantiseBlocks(layer.weight()), 2);
  const weights = graph.constant(`${name}.weight`, 'uint8', [outputs, blocks, BLOCK / 2], () => parts().codes);
  const scales = graph.constant(`${name}.scales`, 'float32', [outputs, blocks], () => parts().scales);
  return graph.fused('MatMulNBits', [input, weights, scales], {
    K: { int: inputs },
    N: { int: outputs },
    bits: { int: 4 },
    block_size: { int: BLOCK },
    accuracy_level: { int: ACCURACY_LEVEL },
  });
}

/** 4-bit codes, two a byte (the first in the low half), and the scale of each block; the code 8 stands for 0. */
export interface Blocks {
  readonly codes: Uint8Array;
  readonly scales: Float32Array;
}

/** Scales that are tried for a block, as shares of the one that maps its largest weight to an end of the codes. */
const SHARES = [1, 0.95, 0.9, 0.85];

/**
 * Quantises row-major weights block by block. The weight of the largest magnitude maps to code 0 (-8), the end with one more step; of a few
 * smaller scales the one with the least square error is taken.
 */
export function quantiseBlocks(weights: Float32Array): Blocks {
  const scales = new Float32Array(weights.length / BLOCK);
  const codes = new Uint8Array(weights.length / 2);
  for (let block = 0; block < scales.length; block++) {
    const values = weights.subarray(block * BLOCK, (block + 1) * BLOCK);
    const scale = bestScale(values);
    scales[block] = scale;
    for (let pair = 0; pair < BLOCK / 2; pair++) {
      codes[(block * BLOCK) / 2 + pair] = codeOf(values[2 * pair] ?? 0, scale) | (codeOf(values[2 * pair + 1] ?? 0, scale) << 4);
    }
  }
  return { codes, scales };
}

function bestScale(values: Float32Array): number {
  const extreme = values.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
  let best = { scale: 1, error: Number.POSITIVE_INFINITY };
  for (const share of SHARES) {
    const scale = Math.fround((extreme * share) / -8) || 1;
    const error = values.reduce((sum, value) => sum + (value - (codeOf(value, scale) - 8) * scale) ** 2, 0);
    if (error < best.error) best = { scale, error };
  }
  return best.scale;
}

function codeOf(value: number, scale: number): number {
  return Math.min(15, Math.max(0, Math.round(value / scale) + 8));
}
