import type { GraphNode, Value } from './graph.ts';
import type { Rewrite } from './rewrite.ts';

/** `TensorProto.FLOAT`, for Cast. */
const FLOAT = 1;

/**
 * `value` in float32 from here on, whatever precision the graph gets later: for squares and for sums over many layers, which outgrow
 * float16. Nothing in a float32 graph; the runtime takes it out.
 */
function inFloat({ graph }: Rewrite, value: Value): Value {
  return graph.op('Cast', [value], { to: { int: FLOAT } });
}

/** Root-mean-square norm: x / sqrt(mean(x²) + epsilon) · scale. */
export function plainRmsNorm(node: GraphNode, rewrite: Rewrite): readonly Value[] {
  const [input = '', scale = ''] = node.inputs;
  return [rmsNorm(rewrite, rewrite.value(input), rewrite.value(scale), epsilonOf(node))];
}

function rmsNorm(rewrite: Rewrite, input: Value, scale: Value, epsilon: number): Value {
  const { graph } = rewrite;
  const wide = inFloat(rewrite, input);
  const last = rewrite.shared('last axis', () => graph.ints('last_axis', [-1]));
  const mean = graph.op('ReduceMean', [graph.op('Mul', [wide, wide]), last], { keepdims: { int: 1 } });
  const root = graph.op('Sqrt', [graph.op('Add', [mean, graph.floats('epsilon', [epsilon], [])])]);
  return graph.op('Mul', [graph.op('Div', [wide, root]), scale]);
}

/** input, skip, scale, bias? -> norm of the sum, -, -, sum. */
export function plainSkipRmsNorm(node: GraphNode, rewrite: Rewrite): readonly Value[] {
  const [input = '', skip = '', scale = '', bias = ''] = node.inputs;
  const sum = sumOf(node, rewrite, [input, skip, bias]);
  return [rmsNorm(rewrite, sum, rewrite.value(scale), epsilonOf(node)), '', '', sum];
}

/** input, skip, scale, shift?, bias? -> norm of the sum, -, -, sum. */
export function plainSkipLayerNorm(node: GraphNode, rewrite: Rewrite): readonly Value[] {
  const [input = '', skip = '', scale = '', shift = '', bias = ''] = node.inputs;
  const sum = sumOf(node, rewrite, [input, skip, bias]);
  return [layerNorm(rewrite, sum, [scale, shift], epsilonOf(node)), '', '', sum];
}

/** A sum that the next layer adds to (norms in front) grows from layer to layer, and stays in float32. */
function sumOf(node: GraphNode, rewrite: Rewrite, [input, skip, bias]: readonly [Value, Value, Value]): Value {
  const { graph, value, used } = rewrite;
  const grows = used(node.outputs[3] ?? '');
  const product = bias === '' ? value(input) : graph.op('Add', [value(input), value(bias)]);
  return grows ? graph.op('Add', [inFloat(rewrite, product), inFloat(rewrite, value(skip))]) : graph.op('Add', [product, value(skip)]);
}

function layerNorm({ graph, value }: Rewrite, input: Value, [scale, shift]: readonly [Value, Value], epsilon: number): Value {
  const operands = [input, value(scale), ...(shift === '' ? [] : [value(shift)])];
  return graph.op('LayerNormalization', operands, { axis: { int: -1 }, epsilon: { float: epsilon } });
}

/** ids, type ids?, words, positions, types?, scale, shift, -, position ids? -> embeddings. */
export function plainEmbeddings(node: GraphNode, rewrite: Rewrite): readonly Value[] {
  const { graph, value } = rewrite;
  const [ids = '', typeIds = '', words = '', positions = '', types = '', scale = '', shift = '', , positionIds = ''] = node.inputs;
  const placed =
    positionIds === '' ? firstRows(rewrite, value(positions), value(ids)) : graph.op('Gather', [value(positions), value(positionIds)]);
  const embedded = graph.op('Add', [graph.op('Gather', [value(words), value(ids)]), placed]);
  const typed = typeIds === '' ? embedded : graph.op('Add', [embedded, graph.op('Gather', [value(types), value(typeIds)])]);
  return [layerNorm(rewrite, typed, [scale, shift], epsilonOf(node)), ''];
}

/** The first rows of a table, as many as `ids` [texts, tokens] has columns. */
function firstRows(rewrite: Rewrite, table: Value, ids: Value): Value {
  const { graph } = rewrite;
  const first = graph.ints('first_row', [0]);
  const tokens = graph.op('Slice', [graph.op('Shape', [ids]), graph.ints('tokens_from', [1]), graph.ints('tokens_to', [2])]);
  return graph.op('Slice', [table, first, tokens, graph.ints('row_axis', [0])]);
}

/** Every last dimension divided by its Euclidean length. */
export function plainUnitLength(node: GraphNode, rewrite: Rewrite): readonly Value[] {
  const { graph } = rewrite;
  const wide = inFloat(rewrite, rewrite.value(node.inputs[0] ?? ''));
  const squares = graph.op('ReduceSum', [graph.op('Mul', [wide, wide]), graph.ints('last_axis', [-1])], { keepdims: { int: 1 } });
  const length = graph.op('Max', [graph.op('Sqrt', [squares]), graph.floats('least', [1e-12])]);
  return [graph.op('Div', [wide, length])];
}

function epsilonOf({ attributes }: GraphNode): number {
  const { epsilon } = attributes;
  return epsilon !== undefined && 'float' in epsilon ? epsilon.float : 1e-5;
}
