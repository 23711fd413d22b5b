import type { ModelCard } from '../card.ts';
import { encoder, fp32, hub, ownWeights, TOKENIZER_FILES } from './define.ts';
import { ALL_MINILM_L6_WEIGHTS } from './minilm.ts';

/** SPLADE: weights of vocabulary terms from the masked-language-model head. */
const spladePlusPlus = encoder({
  id: 'prithivida/Splade_PP_en_v1',
  alias: 'Splade_PP_en_v1',
  task: 'sparse',
  sparse: { from: 'vocabulary' },
  license: 'apache-2.0',
  revision: 'main',
  dimensions: 30_522,
  maxTokens: 512,
  pooling: 'cls',
  normalize: false,
  variants: [
    ownWeights('prithivida/Splade_PP_en_v1', 'main', 438),
    fp32(532, 'model.onnx', [hub('Qdrant/Splade_PP_en_v1', 'main', [...TOKENIZER_FILES, 'model.onnx'])]),
  ],
});

/** Term weights from the attention of all-MiniLM-L6-v2's first token; made of the very weights of that model. */
const bm42 = encoder({
  id: 'Qdrant/bm42-all-minilm-l6-v2-attentions',
  alias: 'bm42-all-minilm-l6-v2-attentions',
  task: 'sparse',
  sparse: { from: 'tokens' },
  license: 'apache-2.0',
  revision: ALL_MINILM_L6_WEIGHTS.revision,
  dimensions: 30_522,
  maxTokens: 512,
  pooling: 'cls',
  normalize: false,
  variants: [ALL_MINILM_L6_WEIGHTS.variant],
});

interface Colbert {
  readonly id: string;
  readonly license: string;
  readonly dimensions: number;
  readonly megabytes: number;
}

/** Late interaction as ColBERT does it: marked texts, queries filled up to 32 tokens, no vectors for the passages' punctuation. */
function colbert({ id, license, dimensions, megabytes }: Colbert): ModelCard {
  return encoder({
    id,
    alias: id.slice(id.indexOf('/') + 1),
    task: 'multi',
    multi: {
      dimensions,
      markers: { query: '[unused0]', passage: '[unused1]' },
      queryTokens: 32,
      skipPunctuation: true,
    },
    license,
    revision: 'main',
    dimensions,
    maxTokens: 512,
    pooling: 'cls',
    variants: [ownWeights(id, 'main', megabytes)],
  });
}

/** Models that give term weights or one vector a token. */
export const TOKEN_CARDS: readonly ModelCard[] = [
  spladePlusPlus,
  bm42,
  colbert({ id: 'colbert-ir/colbertv2.0', license: 'mit', dimensions: 128, megabytes: 438 }),
  colbert({ id: 'answerdotai/answerai-colbert-small-v1', license: 'apache-2.0', dimensions: 96, megabytes: 134 }),
];
