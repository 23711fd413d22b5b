import { bertEmbeddings, encodeBert } from '../blocks-bert.ts';
import type { Family } from '../family.ts';
import { classify } from '../heads-classify.ts';
import { vocabularyLogits } from '../heads-vocabulary.ts';

/** BERT: MiniLM, bge, e5, gte, mxbai, arctic, SPLADE, ColBERT, ms-marco cross-encoders. */
export const bert: Family = {
  name: 'bert',
  modelTypes: ['bert'],
  anchor: 'embeddings.word_embeddings.weight',
  hiddenSize: (config) => config.number('hidden_size'),
  usesTypeIds: (config) => config.number('type_vocab_size', 2) > 1,
  encode: (context) => encodeBert(context, bertEmbeddings(context.config)),
  classify: (context, states) =>
    classify(context, states, {
      dense: { weights: context.weights, name: 'pooler.dense' },
      activation: 'tanh',
      classifier: { weights: context.headWeights, name: 'classifier' },
    }),
  vocabularyAnchor: 'cls.predictions.transform.dense.weight',
  predictVocabulary: (context, states) =>
    vocabularyLogits(context, states, {
      dense: 'cls.predictions.transform.dense',
      norm: 'cls.predictions.transform.LayerNorm',
      decoder: 'cls.predictions.decoder',
      bias: ['cls.predictions.bias', 'cls.predictions.decoder.bias'],
      words: 'embeddings.word_embeddings.weight',
      activation: context.config.text('hidden_act', 'gelu'),
      epsilon: context.config.number('layer_norm_eps', 1e-12),
    }),
};
