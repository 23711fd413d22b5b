import { expectShape, layerNorm, linearLayer, shapeOf } from './blocks.ts';
import { activate } from './blocks-activation.ts';
import type { BuildContext } from './family.ts';
import type { Value } from './graph.ts';

/** A masked-LM head: dense, activation, norm, and a decoder whose weights are usually the word embeddings; names beside the encoder. */
export interface VocabularyHead {
  readonly dense: string;
  readonly norm: string;
  /** Layer that holds the decoder's own weights, if the file has any. */
  readonly decoder: string;
  /** Tensor of the decoder's bias. */
  readonly bias: readonly string[];
  /** Word embeddings within the encoder: the decoder's weights where it has none of its own. */
  readonly words: string;
  readonly activation: string;
  readonly epsilon: number;
}

/** Logits of every vocabulary entry: [..., hidden] -> [..., vocabulary]. */
export function vocabularyLogits(context: BuildContext, states: Value, head: VocabularyHead): Value {
  const { graph, headWeights, products } = context;
  const dense = products.linear(graph, states, linearLayer(headWeights, head.dense, 'normed'));
  const active = activate(graph, head.activation, dense);
  const normed = layerNorm(graph, headWeights, active, { name: head.norm, epsilon: head.epsilon });
  const own = `${head.decoder}.weight`;
  const tied = headWeights.shape(own) === undefined;
  const [outputs = 0, inputs = 0] = tied ? shapeOf(context.weights, head.words, 2) : shapeOf(headWeights, own, 2);
  const bias = head.bias.find((name) => headWeights.shape(name) !== undefined);
  if (bias !== undefined) expectShape(headWeights, bias, [outputs]);
  return products.linear(graph, normed, {
    name: head.decoder,
    inputs,
    outputs,
    weight: () => (tied ? context.weights.read(head.words) : headWeights.read(own)),
    bias: bias === undefined ? undefined : () => headWeights.read(bias),
    input: 'normed',
  });
}
