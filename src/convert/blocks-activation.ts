import { LocalLiteError } from '../errors.ts';
import type { Graph, Value } from './graph.ts';

type Build = (graph: Graph, input: Value, bias: Value) => Value;

const unfused =
  (build: (graph: Graph, input: Value) => Value): Build =>
  (graph, input, bias) =>
    build(graph, bias === '' ? input : graph.op('Add', [input, bias]));

/** `Sum`, because ONNX Runtime turns `Add` and `Gelu` into its BiasGelu, which takes twice as long as `Gelu`. */
const exactGelu: Build = (graph, input, bias) => graph.fused('Gelu', [bias === '' ? input : graph.op('Sum', [input, bias])]);
/** x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x³))) */
const tanhGelu: Build = (graph, input, bias) => graph.fused('FastGelu', bias === '' ? [input] : [input, bias]);
const silu = unfused((graph, input) => graph.op('Mul', [input, graph.op('Sigmoid', [input])]));

/** Names as transformers has them in `hidden_act`. */
const ACTIVATIONS: Readonly<Record<string, Build>> = {
  gelu: exactGelu,
  gelu_python: exactGelu,
  gelu_new: tanhGelu,
  gelu_fast: tanhGelu,
  gelu_pytorch_tanh: tanhGelu,
  gelu_accurate: tanhGelu,
  relu: unfused((graph, input) => graph.op('Relu', [input])),
  silu,
  swish: silu,
  tanh: unfused((graph, input) => graph.op('Tanh', [input])),
  sigmoid: unfused((graph, input) => graph.op('Sigmoid', [input])),
  linear: unfused((_, input) => input),
};

/** Least values of activations that have one: a shade below the true minimum. */
const LEAST: Readonly<Record<string, number>> = {
  gelu: -0.17,
  gelu_python: -0.17,
  gelu_new: -0.171,
  gelu_fast: -0.171,
  gelu_pytorch_tanh: -0.171,
  gelu_accurate: -0.171,
  relu: 0,
  silu: -0.279,
  swish: -0.279,
};

/** What a layer behind this activation knows of its input: {@link LinearLayer.least}. */
export function leastOf(name: string): { readonly least?: number } {
  const least = Object.hasOwn(LEAST, name) ? LEAST[name] : undefined;
  return least === undefined ? {} : { least };
}

/**
 * The activation of `input` + `bias` (empty: none), fused where there is an operator for it.
 * @param name as in transformers' `hidden_act`
 * @throws LocalLiteError model_unsupported, naming an activation that LocalLite does not know
 */
export function activate(graph: Graph, name: string, input: Value, bias: Value = ''): Value {
  const build = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  if (build !== undefined) return build(graph, input, bias);
  throw new LocalLiteError(
    'model_unsupported',
    `the model's activation is ${name}; LocalLite converts models with ${Object.keys(ACTIVATIONS).join(', ')}`,
  );
}
