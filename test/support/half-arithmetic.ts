import type { Constant, Graph, GraphNode, Value } from '../../src/convert/graph.ts';
import { plainName, type Rewrite, rewritten } from '../../src/convert/rewrite.ts';

/** Values of `TensorProto.DataType`, for Cast. */
const FLOAT = 1;
const HALF = 10;

/**
 * A float16 graph in float32 whose every float16 value is rounded to float16 and back. On the processor ONNX Runtime computes float16 graphs
 * in float32 and leaves the rounding between operators out, so that an overflow would not show; this way it does.
 */
export function withHalfArithmetic(graph: Graph): Graph {
  const halves = new Set(graph.constants.filter(({ type }) => type === 'float16').map(({ name }) => name));
  const constants = new Map(graph.constants.map((constant) => [constant.name, constant]));
  return rewritten(graph, (node, rewrite) => {
    const half = givesHalf(node, halves);
    for (const output of half ? node.outputs : []) halves.add(output);
    const inputs = node.inputs.map((input) => inFloat(constants.get(input), rewrite) ?? rewrite.value(input));
    const attributes = node.op === 'Cast' && half ? { to: { int: FLOAT } } : node.attributes;
    const outputs = rewrite.graph.many(node.op, node.domain, inputs, attributes, node.outputs.length);
    return half ? outputs.map((output) => rounded(output, rewrite)) : outputs;
  });
}

function givesHalf({ op, inputs, attributes }: GraphNode, halves: ReadonlySet<Value>): boolean {
  if (op === 'Cast') return attributes['to'] !== undefined && 'int' in attributes['to'] && attributes['to'].int === HALF;
  if (op === 'Shape') return false;
  return inputs.some((input) => halves.has(input));
}

/** A float16 constant as float32; undefined for any other. */
function inFloat(constant: Constant | undefined, rewrite: Rewrite): Value | undefined {
  if (constant?.type !== 'float16') return undefined;
  const { name, dims, data } = constant;
  return rewrite.shared(name, () =>
    rewrite.graph.op('Cast', [rewrite.graph.constant(plainName(name), 'float16', dims, data)], { to: { int: FLOAT } }),
  );
}

function rounded(value: Value, { graph }: Rewrite): Value {
  return graph.op('Cast', [graph.op('Cast', [value], { to: { int: HALF } })], { to: { int: FLOAT } });
}
