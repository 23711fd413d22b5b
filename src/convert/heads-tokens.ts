import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { LocalLiteError } from '../errors.ts';
import type { Weights } from '../models/weights.ts';
import { firstToken, preciseLayer } from './blocks.ts';
import type { BuildContext, EncoderStates } from './family.ts';
import type { Value } from './graph.ts';
import { unitLength } from './heads-embed.ts';
import type { LinearLayer } from './products.ts';

/** `TensorProto.FLOAT`, for Cast. */
const FLOAT = 1;

/**
 * SPLADE's weights of the vocabulary: the largest log(1 + relu(logit)) over a text's real tokens, [texts, vocabulary].
 * `predict` maps states to logits row by row.
 */
export function vocabularyWeights(context: BuildContext, states: Value, predict: (context: BuildContext, states: Value) => Value): Value {
  const { graph } = context;
  // Padding repeats the first token, which cannot change a maximum: masking states costs far less than masking logits.
  const first = graph.op('Gather', [states, graph.ints('first', [0])], { axis: { int: 1 } });
  const real = graph.op('Unsqueeze', [graph.op('Cast', [context.inputs.mask], { to: { int: BOOL } }), graph.ints('state_axis', [2])]);
  const logits = predict(context, graph.op('Where', [real, states, first]));
  // The logarithm grows with its argument, so that the maximum can come first.
  const largest = graph.op('ReduceMax', [logits, graph.ints('token_axis', [1])], { keepdims: { int: 0 } });
  return graph.op('Log', [graph.op('Add', [graph.op('Relu', [largest]), graph.floats('one', [1])])]);
}

/** `TensorProto.BOOL`, for Cast. */
const BOOL = 9;

/** bge-m3's weight of each token: relu of one column, 0 where padded; [texts, tokens]. */
export function learntTokenWeights(context: BuildContext, states: Value, layer: LinearLayer): Value {
  const { graph, products } = context;
  const weights = graph.op('Relu', [products.linear(graph, states, layer)]);
  return maskTokens(context, graph.op('Squeeze', [weights, graph.ints('column_axis', [2])]));
}

/**
 * How much the first token attends to each token in the last layer, averaged over heads (BM42); 0 where padded; [texts, tokens].
 * @throws LocalLiteError model_unsupported where the family's attention is not the plain kind
 */
export function attentionTokenWeights(context: BuildContext, { states, lastAttention }: EncoderStates): Value {
  if (lastAttention === undefined) {
    throw new LocalLiteError('model_unsupported', `token weights from attention are made of bert, roberta and distilbert models only`);
  }
  const { graph, products, inputs } = context;
  const { layer, input } = lastAttention;
  const [query, key] = layer.projections.map((projection): LinearLayer => ({ ...projection, precise: true }));
  if (query === undefined || key === undefined) return states;
  const size = query.outputs / layer.heads;
  const queries = headsFirst(
    context,
    products.linear(graph, graph.op('Unsqueeze', [firstToken(graph, input), graph.ints('token_axis', [1])]), query),
    {
      heads: layer.heads,
      order: [0, 2, 1, 3],
    },
  );
  const keys = headsFirst(context, products.linear(graph, input, key), { heads: layer.heads, order: [0, 2, 3, 1] });
  const scale = graph.floats('scale', [layer.scale ?? size ** -0.5], []);
  const scores = graph.op('Mul', [graph.op('MatMul', [queries, keys]), scale]);
  const real = graph.op('Unsqueeze', [graph.op('Cast', [inputs.mask], { to: { int: BOOL } }), graph.ints('head_axes', [1, 2])]);
  const seen = graph.op('Where', [real, scores, graph.floats('unseen', [-10_000], [])]);
  const shares = graph.op('Softmax', [seen], { axis: { int: -1 } });
  return maskTokens(context, graph.op('ReduceMean', [shares, graph.ints('head_axes', [1, 2])], { keepdims: { int: 0 } }));
}

/** [texts, tokens, hidden] -> its four dimensions texts, tokens, heads, head size in another order. */
function headsFirst({ graph }: BuildContext, value: Value, { heads, order }: { heads: number; order: readonly number[] }): Value {
  const apart = graph.op('Reshape', [value, graph.ints('heads_apart', [0, 0, heads, -1])]);
  return graph.op('Transpose', [apart], { perm: { ints: order } });
}

/** One vector of unit length a token (late interaction): [texts, tokens, `dimensions`]; rows of padding hold anything finite. */
export function tokenVectors(context: BuildContext, states: Value, layers: readonly LinearLayer[]): Value {
  const { graph, products } = context;
  return unitLength(
    context,
    layers.reduce((value, layer) => products.linear(graph, value, layer), states),
  );
}

function maskTokens({ graph, inputs }: BuildContext, weights: Value): Value {
  return graph.op('Mul', [weights, graph.op('Cast', [inputs.mask], { to: { int: FLOAT } })]);
}

/**
 * A projection beside the encoder, from the first of `names` that the weights have; undefined where there is none.
 * @throws LocalLiteError model_unsupported where the model keeps it in a pickled file
 */
export function projection(directory: string, weights: Weights, names: readonly string[]): LinearLayer | undefined {
  const name = names.find((candidate) => weights.shape(`${candidate}.weight`) !== undefined);
  if (name !== undefined) return preciseLayer(weights, name);
  const pickled = names.map((candidate) => `${candidate}.pt`).find((file) => existsSync(join(directory, file)));
  if (pickled === undefined) return undefined;
  const wanted = pickled.replace(/\.pt$/, '');
  throw new LocalLiteError(
    'model_unsupported',
    `${pickled} is pickled, which LocalLite does not read: such files can run code. Save its tensors into model.safetensors as ` +
      `${wanted}.weight and ${wanted}.bias`,
  );
}
