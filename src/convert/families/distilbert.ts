import { postNormStack } from '../blocks-bert.ts';
import { assertPositions, type EmbeddingLayout } from '../blocks-embeddings.ts';
import type { PostNormLayer } from '../blocks-post-norm.ts';
import type { Family } from '../family.ts';
import { classify } from '../heads-classify.ts';
import { vocabularyLogits } from '../heads-vocabulary.ts';

/** Fixed in the model's code, not in its settings. */
const EPSILON = 1e-12;

const LAYOUT: EmbeddingLayout = {
  words: 'embeddings.word_embeddings.weight',
  positions: 'embeddings.position_embeddings.weight',
  norm: 'embeddings.LayerNorm',
  epsilon: EPSILON,
};

/** DistilBERT: BERT's layers under other names, without token types. */
export const distilbert: Family = {
  name: 'distilbert',
  modelTypes: ['distilbert'],
  anchor: LAYOUT.words,
  hiddenSize: (config) => config.number('dim'),
  usesTypeIds: () => false,
  encode(context) {
    assertPositions(context, LAYOUT);
    const { config } = context;
    return postNormStack(context, {
      layout: LAYOUT,
      settings: { heads: config.number('n_heads'), epsilon: EPSILON, activation: config.text('activation', 'gelu') },
      layers: config.number('n_layers'),
      layerNames,
    });
  },
  classify: (context, states) =>
    classify(context, states, {
      dense: { weights: context.headWeights, name: 'pre_classifier' },
      activation: 'relu',
      classifier: { weights: context.headWeights, name: 'classifier' },
    }),
  vocabularyAnchor: 'vocab_transform.weight',
  predictVocabulary: (context, states) =>
    vocabularyLogits(context, states, {
      dense: 'vocab_transform',
      norm: 'vocab_layer_norm',
      decoder: 'vocab_projector',
      bias: ['vocab_projector.bias'],
      words: LAYOUT.words,
      activation: context.config.text('activation', 'gelu'),
      epsilon: EPSILON,
    }),
};

function layerNames(index: number): PostNormLayer {
  const layer = `transformer.layer.${index}`;
  return {
    query: `${layer}.attention.q_lin`,
    key: `${layer}.attention.k_lin`,
    value: `${layer}.attention.v_lin`,
    output: `${layer}.attention.out_lin`,
    outputNorm: `${layer}.sa_layer_norm`,
    up: `${layer}.ffn.lin1`,
    down: `${layer}.ffn.lin2`,
    downNorm: `${layer}.output_layer_norm`,
  };
}
