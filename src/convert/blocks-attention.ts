import { LocalLiteError } from '../errors.ts';
import type { BuildContext } from './family.ts';
import type { Graph, Value } from './graph.ts';

/** Heads of an attention whose queries, keys and values are already projected. */
export interface AttentionHeads {
  readonly heads: number;
  /** Heads of keys and values; each serves `heads / keyHeads` heads of queries. */
  readonly keyHeads: number;
  readonly headSize: number;
  /** Of the scores. */
  readonly scale: number;
}

/** Who sees whom: every token every other, only those before it, and only those nearer than `reach`. */
export interface Sight {
  readonly causal: boolean;
  /** Largest distance that is still seen; undefined: any. */
  readonly reach: number | undefined;
}

/** Queries [texts, tokens, heads * head size], keys and values [texts, tokens, key heads * head size]. */
export interface Projected {
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
}

/** Added to the score of what must not be seen: its share of the attention rounds to 0, and sums of two stay inside float16's range. */
export const UNSEEN = -10_000;

/**
 * Attention over the real tokens of each text: [texts, tokens, heads * head size]. `bias` [1 or texts, 1 or heads, tokens, tokens] is
 * added to the scores after scaling.
 */
export function attend(context: BuildContext, { query, key, value }: Projected, heads: AttentionHeads, bias: Value = ''): Value {
  const { graph, inputs } = context;
  const repeats = heads.heads / heads.keyHeads;
  if (!Number.isInteger(repeats) || !Number.isInteger(heads.headSize)) {
    const found = `${heads.heads} heads of ${heads.headSize} values, ${heads.keyHeads} of keys`;
    throw new LocalLiteError('model_unsupported', `the model's attention has ${found}; whole numbers that divide are needed`);
  }
  const keys = repeatHeads(graph, key, heads, repeats);
  const values = repeatHeads(graph, value, heads, repeats);
  const all = [query, keys, values, '', inputs.keyMask];
  return graph.fused('MultiHeadAttention', bias === '' ? all : [...all, bias], {
    num_heads: { int: heads.heads },
    scale: { float: heads.scale },
    mask_filter_value: { float: UNSEEN },
  });
}

/** Each key head once for every query head that it serves, in the queries' order. */
function repeatHeads(graph: Graph, value: Value, { keyHeads, headSize, heads }: AttentionHeads, repeats: number): Value {
  if (repeats === 1) return value;
  const apart = graph.op('Reshape', [value, graph.ints('attention.apart', [0, 0, keyHeads, 1, headSize])]);
  const repeated = graph.op('Tile', [apart, graph.ints('attention.repeats', [1, 1, 1, repeats, 1])]);
  return graph.op('Reshape', [repeated, graph.ints('attention.joined', [0, 0, heads * headSize])]);
}

/**
 * The bias [1, 1, tokens, tokens] that keeps tokens from seeing what `sight` rules out; the empty string where it rules out nothing within
 * `maxTokens`. Share it among layers.
 */
export function sightBias(context: BuildContext, sight: Sight): Value {
  const { graph, inputs, maxTokens } = context;
  const reach = sight.reach === undefined || sight.reach >= maxTokens - 1 ? undefined : sight.reach;
  if (reach === undefined && !sight.causal) return '';
  const tokens = graph.op('Gather', [graph.op('Shape', [inputs.ids]), graph.ints('sight.axis', [1], [])], { axis: { int: 0 } });
  const positions = graph.op('Range', [graph.ints('sight.first', [0], []), tokens, graph.ints('sight.step', [1], [])]);
  const queries = graph.op('Unsqueeze', [positions, graph.ints('sight.column', [1])]);
  const distance = graph.op('Sub', [queries, positions]);
  const bias = graph.op('Where', [
    hidden(graph, distance, sight.causal, reach),
    graph.floats('unseen', [UNSEEN], []),
    graph.floats('seen', [0], []),
  ]);
  return graph.op('Unsqueeze', [bias, graph.ints('sight.axes', [0, 1])]);
}

/** bool [tokens, tokens]: which of a query's (row) keys (column) it must not see. `distance` is positive for keys before the query. */
function hidden(graph: Graph, distance: Value, causal: boolean, reach: number | undefined): Value {
  const later = () => graph.op('Less', [distance, graph.ints('sight.now', [0], [])]);
  if (reach === undefined) return later();
  const limit = graph.ints('sight.reach', [reach], []);
  if (!causal) return graph.op('Greater', [graph.op('Abs', [distance]), limit]);
  return graph.op('Or', [later(), graph.op('Greater', [distance, limit])]);
}
