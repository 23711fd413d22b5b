import { linearLayer } from './blocks.ts';
import { type AttentionHeads, attend } from './blocks-attention.ts';
import type { GatedFeedForward } from './blocks-gated.ts';
import { type Norm, norm } from './blocks-norm.ts';
import { joinedLayer, splitLast } from './blocks-projection.ts';
import { type RotaryTables, rotate } from './blocks-rotary.ts';
import type { BuildContext } from './family.ts';
import type { Value } from './graph.ts';

/** Attention as today's decoders have it: fewer heads of keys than of queries, norms on both before they are turned. */
export interface DecoderAttention {
  /** As in the weights, e.g. `layers.0.self_attn`. */
  readonly prefix: string;
  readonly heads: AttentionHeads;
  readonly tables: RotaryTables;
  /** See sightBias. */
  readonly bias: Value;
  readonly headNorm: Omit<Norm, 'name'>;
}

/** [texts, tokens, hidden] -> the same. */
export function decoderAttention(context: BuildContext, value: Value, { prefix, heads, tables, bias, headNorm }: DecoderAttention): Value {
  const { graph, weights, products } = context;
  const layers = [`${prefix}.q_proj`, `${prefix}.k_proj`, `${prefix}.v_proj`].map((name) => linearLayer(weights, name, 'normed'));
  const [first, ...others] = layers;
  if (first === undefined) return value;
  const joined = products.linear(graph, value, joinedLayer(`${prefix}.qkv_proj`, [first, ...others]));
  const [query = '', key = '', values = ''] = splitLast(
    graph,
    joined,
    layers.map((layer) => layer.outputs),
  );
  const prepare = (part: Value, name: string, count: number) =>
    rotate(
      graph,
      normHeads(context, part, { ...headNorm, name: `${prefix}.${name}` }, count, heads.headSize),
      tables,
      count,
      heads.headSize,
    );
  const projected = { query: prepare(query, 'q_norm', heads.heads), key: prepare(key, 'k_norm', heads.keyHeads), value: values };
  return products.linear(graph, attend(context, projected, heads, bias), linearLayer(weights, `${prefix}.o_proj`, 'wide'));
}

/** A norm over each head of [texts, tokens, heads * head size]. */
function normHeads({ graph, weights }: BuildContext, value: Value, settings: Norm, heads: number, headSize: number): Value {
  const apart = graph.op('Reshape', [value, graph.ints('heads.apart', [0, 0, heads, headSize])]);
  return graph.op('Reshape', [norm(graph, weights, apart, settings), graph.ints('heads.joined', [0, 0, heads * headSize])]);
}

/** The gated feed-forward `gate_proj`, `up_proj`, `down_proj` under `prefix`. */
export function decoderFeedForward({ weights }: BuildContext, prefix: string, activation: string): GatedFeedForward {
  const gate = linearLayer(weights, `${prefix}.gate_proj`, 'normed');
  const up = linearLayer(weights, `${prefix}.up_proj`, 'normed');
  return {
    into: joinedLayer(`${prefix}.gate_up_proj`, [gate, up]),
    first: 'gate',
    activation,
    down: linearLayer(weights, `${prefix}.down_proj`, 'wide'),
  };
}
