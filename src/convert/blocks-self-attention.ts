import { joinedProjections, multiHeadAttention } from './fp32.ts';
import type { Products } from './products.ts';

/** Attention whose three projections are one product of `linear`. */
export function selfAttentionOf(linear: Products['linear']): Products['selfAttention'] {
  return (graph, input, layer, mask) => {
    const joined = joinedProjections(layer);
    const product = linear(graph, input, joined);
    const size = joined.outputs / 3;
    const sizes = graph.ints('projections', [size, size, size]);
    const [query = '', key = '', value = ''] = graph.many('Split', '', [product, sizes], { axis: { int: -1 } }, 3);
    const scale = layer.scale ?? (size / layer.heads) ** -0.5;
    return multiHeadAttention(graph, { query, key, value, bias: '', mask }, { heads: layer.heads, scale });
  };
}
