import type { ModelCard, ModelFile, ModelSource } from '../card.ts';
import { encoder, fp32, hub, int8, pinned, TOKENIZER_FILES, withPins } from './define.ts';

const ONNX = 'onnx/model.onnx';
const SMALL_REVISION = '44e7d1d6caec8c883c2d4b207588504d519788d0';
const SMALL_GRAPH: ModelFile = {
  ...pinned('model.onnx', 129_809_014, '974fdefe71fc9889258f569132b35acae6278874c8d09dbdf7806d23ad0b4497'),
  as: ONNX,
};

function v2(
  name: string,
  dimensions: number,
  megabytes: number,
  languages: string,
  sources: readonly ModelSource[],
  revision = 'main',
): ModelCard {
  return encoder({
    id: `jinaai/${name}`,
    alias: name,
    license: 'apache-2.0',
    revision,
    dimensions,
    maxTokens: 8192,
    pooling: 'mean',
    languages,
    variants: [fp32(megabytes, ONNX, sources)],
  });
}

const own = (name: string): ModelSource => hub(`jinaai/${name}`, 'main', [...TOKENIZER_FILES, ONNX]);
const converted = (name: string): ModelSource => hub(`Xenova/${name}`, 'main', [...TOKENIZER_FILES, ONNX]);

const smallEnglish = v2(
  'jina-embeddings-v2-small-en',
  512,
  130,
  'English',
  [
    // The English repositories keep their graphs at the top.
    hub(
      'jinaai/jina-embeddings-v2-small-en',
      SMALL_REVISION,
      withPins(TOKENIZER_FILES, [
        pinned('tokenizer.json', 711_573, 'e9f999ac74497843ed9f4303246a8f43d9f100ee8aab8e133667903f447ceb48'),
        SMALL_GRAPH,
      ]),
    ),
    converted('jina-embeddings-v2-small-en'),
  ],
  SMALL_REVISION,
);

/** Its adapters are chosen by a number that the graph takes beside the tokens; the prompts are its model card's. */
const v3 = encoder({
  id: 'jinaai/jina-embeddings-v3',
  alias: 'jina-embeddings-v3',
  license: 'cc-by-nc-4.0',
  revision: 'main',
  dimensions: 1024,
  maxTokens: 8192,
  pooling: 'mean',
  prompts: {
    query: 'Represent the query for retrieving evidence documents: ',
    passage: 'Represent the document for retrieval: ',
  },
  matryoshka: [1024, 768, 512, 256, 128, 64, 32],
  languages: 'about 100 languages',
  variants: [
    fp32(2290, ONNX, [hub('jinaai/jina-embeddings-v3', 'main', [...TOKENIZER_FILES, ONNX, 'onnx/model.onnx_data'])], {
      graph: { scalars: { task_id: { query: 0, passage: 1 } } },
    }),
  ],
});

/** The text side of a model for texts and images; the graph pools. */
const clip = encoder({
  id: 'jinaai/jina-clip-v1',
  alias: 'jina-clip-v1',
  license: 'apache-2.0',
  revision: 'main',
  dimensions: 768,
  maxTokens: 8192,
  pooling: 'mean',
  variants: [
    fp32(550, 'onnx/text_model.onnx', [hub('jinaai/jina-clip-v1', 'main', [...TOKENIZER_FILES, 'onnx/text_model.onnx'])], {
      graph: { output: 'text_embeddings' },
    }),
    int8(
      138,
      'onnx/text_model_quantized.onnx',
      [hub('jinaai/jina-clip-v1', 'main', [...TOKENIZER_FILES, 'onnx/text_model_quantized.onnx'])],
      { graph: { output: 'text_embeddings' } },
    ),
  ],
});

/** The text encoders of Jina AI. */
export const JINA_CARDS: readonly ModelCard[] = [
  smallEnglish,
  v2('jina-embeddings-v2-base-en', 768, 547, 'English', [converted('jina-embeddings-v2-base-en')]),
  v2('jina-embeddings-v2-base-de', 768, 642, 'German, English', [own('jina-embeddings-v2-base-de')]),
  v2('jina-embeddings-v2-base-es', 768, 642, 'Spanish, English', [own('jina-embeddings-v2-base-es')]),
  v2('jina-embeddings-v2-base-zh', 768, 642, 'Chinese, English', [own('jina-embeddings-v2-base-zh')]),
  v2('jina-embeddings-v2-base-code', 768, 642, 'English, 30 programming languages', [own('jina-embeddings-v2-base-code')]),
  v3,
  clip,
];
