import type { BuildContext } from './family.ts';
import type { Graph, Value } from './graph.ts';
import type { LinearLayer } from './products.ts';

/** How distances between tokens become rows of the table of relative positions. */
export interface Distances {
  /** Rows on either side of distance 0. */
  readonly span: number;
  /** Distances beyond half of `span` share rows by their logarithm, up to this distance; undefined: every distance has a row. */
  readonly logarithmicUpTo: number | undefined;
}

/**
 * The row for a distance (query minus key). Steps in float32, so that distances between two rows fall where they fell in training.
 * Source of the formula: DeBERTa, https://arxiv.org/abs/2006.03654, with the logarithmic buckets of its second version.
 */
export function distanceRow(distance: number, { span, logarithmicUpTo }: Distances): number {
  const bucket = logarithmicUpTo === undefined ? distance : logBucket(distance, Math.floor(span / 2), logarithmicUpTo);
  return Math.min(Math.max(bucket + span, 0), 2 * span - 1);
}

function logBucket(distance: number, middle: number, furthest: number): number {
  const length = Math.abs(distance);
  if (length <= middle) return distance;
  const share = Math.fround(logarithm(length / middle) / logarithm((furthest - 1) / middle));
  return Math.sign(distance) * (Math.ceil(Math.fround(share * (middle - 1))) + middle);
}

const logarithm = (value: number): number => Math.fround(Math.log(Math.fround(value)));

/** The model's table of relative positions. */
export interface RelativePositions {
  readonly distances: Distances;
  /** Row-major [2 * span, hidden], normed where the model does that. */
  readonly rows: Float32Array;
}

/** What a layer adds to its scores by distance, and what it projects positions by. */
export interface RelativeAttention {
  readonly heads: number;
  /** Projects positions as keys, for content-to-position; undefined: the model leaves that out. */
  readonly keys: LinearLayer | undefined;
  /** Projects positions as queries, for position-to-content. */
  readonly queries: LinearLayer | undefined;
  /** Of both. */
  readonly scale: number;
}

/** Values that follow from the batch's length alone, shared by all layers. With s tokens: */
export interface DistanceAxis {
  /** int64 [2 s]: the table's rows for distances s - 1 down to -s. */
  readonly falling: Value;
  /** int64 [2 s]: the same for distances 1 - s up to s. */
  readonly rising: Value;
  /** int64 [1] each, and [4]: where the useful part of [.., s * 2 s] begins and ends, and its shape. */
  readonly begin: Value;
  readonly end: Value;
  readonly shape: Value;
  /** int64 [1]: s. */
  readonly tokens: Value;
}

/** Adds to the graph what {@link relativeBias} needs of the batch's length. */
export function distanceAxis({ graph, inputs, maxTokens }: BuildContext, distances: Distances): DistanceAxis {
  const one = graph.ints('distances.one', [1]);
  const zero = graph.ints('distances.zero', [0]);
  const tokens = graph.op('Slice', [graph.op('Shape', [inputs.ids]), one, graph.ints('distances.two', [2])]);
  const begin = graph.op('Sub', [tokens, one]);
  const width = graph.op('Add', [tokens, begin]);
  const middle = graph.ints('distances.middle', [maxTokens]);
  const bounds = [graph.op('Sub', [middle, tokens]), graph.op('Add', [middle, tokens]), zero];
  const rows = (name: string, distance: (at: number) => number) => {
    const all = Array.from({ length: 2 * maxTokens }, (_, at) => distanceRow(distance(at), distances));
    return graph.op('Slice', [graph.ints(name, all), ...bounds]);
  };
  return {
    falling: rows('distances.falling', (at) => maxTokens - 1 - at),
    rising: rows('distances.rising', (at) => at + 1 - maxTokens),
    begin,
    end: graph.op('Add', [begin, graph.op('Mul', [tokens, width])]),
    shape: graph.op('Concat', [graph.ints('distances.head', [0, 0, -1]), width], { axis: { int: 0 } }),
    tokens,
  };
}

/** What relative positions add to the scores, [texts, heads, tokens, tokens]; the empty string where the layer adds nothing. */
export function relativeBias(
  graph: Graph,
  projected: { readonly query: Value; readonly key: Value },
  attention: RelativeAttention,
  positions: RelativePositions,
  axis: DistanceAxis,
): Value {
  const parts: Value[] = [];
  const { keys, queries } = attention;
  if (keys !== undefined) parts.push(scoresByDistance(graph, projected.query, keys, attention, positions, axis.falling, axis));
  if (queries !== undefined) {
    const byKey = scoresByDistance(graph, projected.key, queries, attention, positions, axis.rising, axis);
    parts.push(graph.op('Transpose', [byKey], { perm: { ints: [0, 1, 3, 2] } }));
  }
  const [first = '', second] = parts;
  return second === undefined ? first : graph.op('Add', [first, second]);
}

/**
 * Scores of every token (row) against the position of every other (column). A product with all distances of `rows` gives [s, 2 s] in which
 * row r wants columns s - 1 - r onwards; read as one line and cut into rows of 2 s - 1, they stand below each other.
 */
function scoresByDistance(
  graph: Graph,
  content: Value,
  layer: LinearLayer,
  { heads, scale }: RelativeAttention,
  positions: RelativePositions,
  rows: Value,
  axis: DistanceAxis,
): Value {
  const headSize = layer.outputs / heads;
  const apart = graph.op('Reshape', [content, graph.ints('heads.apart', [0, 0, heads, headSize])]);
  const byHead = graph.op('Transpose', [apart], { perm: { ints: [0, 2, 1, 3] } });
  const dims = [heads, 2 * positions.distances.span, headSize];
  const table = graph.constant(`${layer.name}.positions`, 'float32', dims, () => projectedByHead(positions.rows, layer, heads, scale));
  const chosen = graph.op('Gather', [table, rows], { axis: { int: 1 } });
  const product = graph.op('MatMul', [byHead, graph.op('Transpose', [chosen], { perm: { ints: [0, 2, 1] } })]);
  const line = graph.op('Reshape', [product, graph.ints('distances.line', [0, 0, -1])]);
  const useful = graph.op('Slice', [line, axis.begin, axis.end, graph.ints('distances.inLine', [2])]);
  const below = graph.op('Reshape', [useful, axis.shape]);
  return graph.op('Slice', [below, graph.ints('distances.first', [0]), axis.tokens, graph.ints('distances.inRow', [3])]);
}

/** Positions through `layer`, as [heads, rows, head size], times `scale`. */
function projectedByHead(
  positions: Float32Array,
  { weight, bias, inputs, outputs }: LinearLayer,
  heads: number,
  scale: number,
): Float32Array {
  const weights = weight();
  const biases = bias?.();
  const rows = positions.length / inputs;
  const headSize = outputs / heads;
  const projected = new Float32Array(rows * outputs);
  for (let row = 0; row < rows; row++) {
    const position = positions.subarray(row * inputs, (row + 1) * inputs);
    for (let output = 0; output < outputs; output++) {
      const at = (Math.floor(output / headSize) * rows + row) * headSize + (output % headSize);
      projected[at] = (dot(position, weights, output * inputs) + (biases?.[output] ?? 0)) * scale;
    }
  }
  return projected;
}

function dot(row: Float32Array, matrix: Float32Array, from: number): number {
  let sum = 0;
  for (let at = 0; at < row.length; at++) sum += (row[at] ?? 0) * (matrix[from + at] ?? 0);
  return sum;
}
