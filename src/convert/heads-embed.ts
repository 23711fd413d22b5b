import { LocalLiteError } from '../errors.ts';
import type { Pooling } from '../models/card.ts';
import { firstToken, preciseLayer } from './blocks.ts';
import { activate } from './blocks-activation.ts';
import type { BuildContext } from './family.ts';
import type { Value } from './graph.ts';
import type { SentenceModule } from './sentence-modules.ts';

/** `TensorProto.FLOAT`, for Cast. */
const FLOAT = 1;

/** What a model asks for behind its layers. */
export interface EmbedHead {
  readonly pooling: Pooling;
  /** What stands between pooling and the end; a final normalisation is `normalize`'s. */
  readonly modules: readonly SentenceModule[];
  readonly normalize: boolean;
}

/** One vector a text: [texts, tokens, hidden] -> [texts, `dimensions`]. */
export function sentenceEmbedding(
  context: BuildContext,
  states: { readonly value: Value; readonly size: number },
  head: EmbedHead,
): { readonly value: Value; readonly dimensions: number } {
  let value = poolStates(context, states.value, head.pooling);
  let dimensions = states.size;
  for (const module of head.modules) {
    if (module.kind === 'normalize') value = unitLength(context, value);
    else {
      const layer = preciseLayer(module.weights, module.name);
      if (layer.inputs !== dimensions) throw misfit(module.folder, layer.inputs, dimensions);
      const product = context.products.linear(context.graph, value, { ...layer, name: `${module.folder}.${layer.name}` });
      value = activate(context.graph, module.activation, product);
      dimensions = layer.outputs;
    }
  }
  return { value: head.normalize ? unitLength(context, value) : value, dimensions };
}

function poolStates(context: BuildContext, states: Value, pooling: Pooling): Value {
  const { graph, inputs } = context;
  if (pooling === 'cls') return firstToken(graph, states);
  if (pooling === 'last') return lastToken(context, states);
  const weights = graph.op('Cast', [inputs.mask], { to: { int: FLOAT } });
  const row = graph.op('Unsqueeze', [weights, graph.ints('row_axis', [1])]);
  const sums = graph.op('Squeeze', [graph.op('MatMul', [row, states]), graph.ints('row_axis', [1])]);
  const counts = graph.op('ReduceSum', [weights, graph.ints('token_axis', [1])], { keepdims: { int: 1 } });
  return graph.op('Div', [sums, graph.op('Max', [counts, graph.floats('least', [1e-9])])]);
}

/** The state of each text's last real token. */
function lastToken({ graph, inputs }: BuildContext, states: Value): Value {
  const counts = graph.op('ReduceSum', [inputs.mask, graph.ints('token_axis', [1])], { keepdims: { int: 1 } });
  const places = graph.op('Sub', [counts, graph.ints('one', [1])]);
  return graph.op('GatherND', [states, places], { batch_dims: { int: 1 } });
}

/** Every last dimension divided by its Euclidean length. */
export function unitLength({ graph }: BuildContext, value: Value): Value {
  return graph.op('LpNormalization', [value], { axis: { int: -1 }, p: { int: 2 } });
}

function misfit(folder: string, inputs: number, dimensions: number): LocalLiteError {
  return new LocalLiteError('model_unsupported', `${folder} takes vectors of ${inputs} values, but gets ${dimensions}`);
}
