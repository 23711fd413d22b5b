import { LocalLiteError } from '../errors.ts';
import type { Graph, GraphNode, Value } from './graph.ts';
import { plainAttention, plainRotary } from './plain-attention.ts';
import { plainEmbeddings, plainRmsNorm, plainSkipLayerNorm, plainSkipRmsNorm, plainUnitLength } from './plain-norms.ts';
import { type NodeRule, type Rewrite, rewritten } from './rewrite.ts';

/**
 * The same graph without ONNX Runtime's own operators: what the processor has fused is taken apart into ONNX's operators, which the providers
 * of graphics and neural processors place (and fuse again in their own way).
 * @throws LocalLiteError internal for an operator that it cannot take apart
 */
export function plainGraph(graph: Graph): Graph {
  return rewritten(graph, (node, rewrite) => {
    const rule = RULES[node.op];
    if (rule !== undefined) return rule(node, rewrite);
    if (node.domain === '' || QUANTISING.has(node.op)) return undefined;
    throw new LocalLiteError('internal', `${node.domain}'s ${node.op} cannot be taken apart into ONNX's operators`);
  });
}

/** ONNX has them for sixteen bits only in later versions; providers take both. */
const QUANTISING = new Set(['QuantizeLinear', 'DequantizeLinear']);

const RULES: Readonly<Record<string, NodeRule>> = {
  MultiHeadAttention: plainAttention,
  RotaryEmbedding: plainRotary,
  EmbedLayerNormalization: plainEmbeddings,
  SkipLayerNormalization: plainSkipLayerNorm,
  SimplifiedLayerNormalization: plainRmsNorm,
  SkipSimplifiedLayerNormalization: plainSkipRmsNorm,
  LpNormalization: plainUnitLength,
  // Variadic operators of two operands are the simpler one, which more providers have.
  Sum: (node, { graph, value }) => (node.inputs.length === 2 ? [graph.op('Add', node.inputs.map(value))] : undefined),
  Gelu: (node, rewrite) => [exactGelu(rewrite.graph, biased(node, rewrite))],
  BiasGelu: (node, rewrite) => [exactGelu(rewrite.graph, biased(node, rewrite))],
  FastGelu: (node, rewrite) => [tanhGelu(rewrite.graph, biased(node, rewrite))],
};

function biased({ inputs }: GraphNode, { graph, value }: Rewrite): Value {
  const [input = '', bias = ''] = inputs;
  return bias === '' ? value(input) : graph.op('Add', [value(input), value(bias)]);
}

/** x / 2 (1 + erf(x / √2)), in the order of steps that runtimes recognise. */
function exactGelu(graph: Graph, value: Value): Value {
  const share = graph.op('Erf', [graph.op('Div', [value, graph.floats('root_of_two', [Math.SQRT2], [])])]);
  const product = graph.op('Mul', [value, graph.op('Add', [share, graph.floats('one', [1], [])])]);
  return graph.op('Mul', [product, graph.floats('half', [0.5], [])]);
}

/** x / 2 (1 + tanh(√(2/π) x (1 + 0.044715 x²))) */
function tanhGelu(graph: Graph, value: Value): Value {
  const square = graph.op('Mul', [graph.op('Mul', [value, value]), graph.floats('cubic', [0.044715], [])]);
  const inner = graph.op('Mul', [value, graph.op('Add', [square, graph.floats('one', [1], [])])]);
  const share = graph.op('Tanh', [graph.op('Mul', [inner, graph.floats('root', [Math.sqrt(2 / Math.PI)], [])])]);
  const product = graph.op('Mul', [value, graph.op('Add', [share, graph.floats('one', [1], [])])]);
  return graph.op('Mul', [product, graph.floats('half', [0.5], [])]);
}
