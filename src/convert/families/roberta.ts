import { bertEmbeddings, encodeBert } from '../blocks-bert.ts';
import type { Family } from '../family.ts';
import { classify } from '../heads-classify.ts';
import { vocabularyLogits } from '../heads-vocabulary.ts';

/** RoBERTa and XLM-RoBERTa: multilingual-e5, bge-m3, bge-reranker. BERT's layers; positions are counted from behind the padding id. */
export const roberta: Family = {
  name: 'roberta',
  modelTypes: ['roberta', 'xlm-roberta', 'camembert'],
  anchor: 'embeddings.word_embeddings.weight',
  hiddenSize: (config) => config.number('hidden_size'),
  // Its tokenizers give every token type 0, pairs included.
  usesTypeIds: () => false,
  encode: (context) => encodeBert(context, { ...bertEmbeddings(context.config), afterPadding: context.config.number('pad_token_id', 1) }),
  classify: (context, states) =>
    classify(context, states, {
      dense: { weights: context.headWeights, name: 'classifier.dense' },
      activation: 'tanh',
      classifier: { weights: context.headWeights, name: 'classifier.out_proj' },
    }),
  vocabularyAnchor: 'lm_head.dense.weight',
  predictVocabulary: (context, states) =>
    vocabularyLogits(context, states, {
      dense: 'lm_head.dense',
      norm: 'lm_head.layer_norm',
      decoder: 'lm_head.decoder',
      bias: ['lm_head.bias', 'lm_head.decoder.bias'],
      words: 'embeddings.word_embeddings.weight',
      activation: 'gelu',
      epsilon: context.config.number('layer_norm_eps', 1e-5),
    }),
};
