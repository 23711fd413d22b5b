import { LocalLiteError } from '../errors.ts';
import { UNSEEN } from './blocks-attention.ts';
import type { GraphNode, Value } from './graph.ts';
import { type Rewrite, slicedConstant } from './rewrite.ts';

/** `TensorProto.BOOL`, for Cast. */
const BOOL = 9;

/** query, key, value, bias?, key mask?, scores' bias? -> attended. */
export function plainAttention(node: GraphNode, rewrite: Rewrite): readonly Value[] {
  const { graph, value } = rewrite;
  const [query = '', key = '', values = '', bias = '', mask = '', scoresBias = ''] = node.inputs;
  const heads = numberOf(node, 'num_heads');
  const { attributes } = node;
  const scale = attributes['scale'] !== undefined && 'float' in attributes['scale'] ? attributes['scale'].float : undefined;
  if (scale === undefined) throw new LocalLiteError('internal', 'attention without a scale cannot be taken apart');
  const [queries, keys, contents] = withBias(rewrite, [value(query), value(key), value(values)], bias);
  // Scaled before the product, whose sums stay smaller so.
  const scaled = graph.op('Mul', [queries, graph.floats('scale', [scale], [])]);
  const scores = graph.op('MatMul', [headsFirst(rewrite, scaled, heads, [0, 2, 1, 3]), headsFirst(rewrite, keys, heads, [0, 2, 3, 1])]);
  const biased = scoresBias === '' ? scores : graph.op('Add', [scores, value(scoresBias)]);
  const seen = mask === '' ? biased : graph.op('Add', [biased, maskBias(rewrite, mask)]);
  const shares = graph.op('Softmax', [seen], { axis: { int: -1 } });
  const mixed = graph.op('MatMul', [shares, headsFirst(rewrite, contents, heads, [0, 2, 1, 3])]);
  const turned = graph.op('Transpose', [mixed], { perm: { ints: [0, 2, 1, 3] } });
  return [graph.op('Reshape', [turned, rewrite.shared('joined heads', () => graph.ints('joined_heads', [0, 0, -1]))])];
}

/** The bias of query, key and value, one behind the other in one constant. */
function withBias(rewrite: Rewrite, values: readonly [Value, Value, Value], bias: Value): readonly [Value, Value, Value] {
  if (bias === '') return values;
  const { graph } = rewrite;
  const constant = rewrite.constant(bias);
  if (constant === undefined) throw new LocalLiteError('internal', 'the bias of an attention is not a constant');
  const size = (constant.dims[0] ?? 0) / 3;
  const added = (value: Value, at: number) => graph.op('Add', [value, slicedConstant(rewrite, constant, at * size, (at + 1) * size)]);
  return [added(values[0], 0), added(values[1], 1), added(values[2], 2)];
}

/** [texts, tokens, heads * size] -> the axes of [texts, tokens, heads, size] in `order`. */
function headsFirst({ graph, shared }: Rewrite, value: Value, heads: number, order: readonly number[]): Value {
  const shape = shared(`heads ${heads}`, () => graph.ints('apart_heads', [0, 0, heads, -1]));
  return graph.op('Transpose', [graph.op('Reshape', [value, shape])], { perm: { ints: order } });
}

/** [texts, 1, 1, tokens]: 0 where a token is real. One for all layers. */
function maskBias({ graph, value, shared }: Rewrite, mask: Value): Value {
  return shared(`mask ${mask}`, () => {
    const real = graph.op('Cast', [value(mask)], { to: { int: BOOL } });
    const bias = graph.op('Where', [real, graph.floats('seen', [0], []), graph.floats('unseen', [UNSEEN], [])]);
    return graph.op('Unsqueeze', [bias, graph.ints('mask_axes', [1, 2])]);
  });
}

/** input [texts, tokens, heads * size], first position, cos, sin -> the input turned by its positions. */
export function plainRotary(node: GraphNode, rewrite: Rewrite): readonly Value[] {
  const { graph, value, shared, constant } = rewrite;
  const [input = '', , cos = '', sin = ''] = node.inputs;
  const heads = numberOf(node, 'num_heads');
  const half = constant(cos)?.dims[1] ?? 0;
  const interleaved = numberOf(node, 'interleaved') === 1;
  const apart = graph.op('Reshape', [value(input), shared(`heads ${heads}`, () => graph.ints('apart_heads', [0, 0, heads, -1]))]);
  const table = (name: Value) => shared(`positions ${name}`, () => positionRows(rewrite, value(input), value(name)));
  const tables = { cos: table(cos), sin: table(sin) };
  const turned = interleaved ? turnNeighbours(rewrite, apart, tables, heads, half) : turnHalves(rewrite, apart, tables, half);
  return [graph.op('Reshape', [turned, shared('joined heads', () => graph.ints('joined_heads', [0, 0, -1]))])];
}

interface Tables {
  readonly cos: Value;
  readonly sin: Value;
}

/** [tokens, 1, half]: a table's rows for the batch's positions. */
function positionRows({ graph }: Rewrite, input: Value, table: Value): Value {
  const tokens = graph.op('Slice', [graph.op('Shape', [input]), graph.ints('tokens_from', [1]), graph.ints('tokens_to', [2])]);
  const rows = graph.op('Slice', [table, graph.ints('first_row', [0]), tokens, graph.ints('row_axis', [0])]);
  return graph.op('Unsqueeze', [rows, graph.ints('heads_axis', [1])]);
}

/** Pairs are made of the halves of each head. */
function turnHalves({ graph }: Rewrite, value: Value, tables: Tables, half: number): Value {
  const [left = '', right = ''] = graph.many('Split', '', [value, graph.ints('halves', [half, half])], { axis: { int: -1 } }, 2);
  return graph.op('Concat', turnPair(graph, left, right, tables), { axis: { int: -1 } });
}

/** Pairs are made of neighbours: they are taken apart, turned, and put side by side again. */
function turnNeighbours({ graph }: Rewrite, value: Value, tables: Tables, heads: number, half: number): Value {
  const pairs = graph.op('Reshape', [value, graph.ints('pairs', [0, 0, heads, half, 2])]);
  const last = graph.ints('pair_axis', [4]);
  const member = (at: number) => graph.op('Gather', [pairs, graph.ints('member', [at], [])], { axis: { int: 4 } });
  const turned = turnPair(graph, member(0), member(1), tables).map((part) => graph.op('Unsqueeze', [part, last]));
  return graph.op('Concat', turned, { axis: { int: 4 } });
}

function turnPair(graph: Rewrite['graph'], left: Value, right: Value, { cos, sin }: Tables): readonly [Value, Value] {
  const times = (value: Value, table: Value) => graph.op('Mul', [value, table]);
  return [graph.op('Sub', [times(left, cos), times(right, sin)]), graph.op('Add', [times(right, cos), times(left, sin)])];
}

function numberOf({ op, attributes }: GraphNode, name: string): number {
  const attribute = attributes[name];
  if (attribute !== undefined && 'int' in attribute) return attribute.int;
  throw new LocalLiteError('internal', `${op} has no ${name}`);
}
