import type { ModelCard } from '../card.ts';
import { encoder, fp32, hub, int8, ownWeights, pinned, q4, q8, SENTENCE_FILES, TOKENIZER_FILES, withPins } from './define.ts';

const MXBAI_REVISION = 'b33106f585b9ce46904ad7443a3b52b7a63e231c';

const mxbai = encoder({
  id: 'mixedbread-ai/mxbai-embed-large-v1',
  alias: 'mxbai-embed-large-v1',
  license: 'apache-2.0',
  revision: MXBAI_REVISION,
  dimensions: 1024,
  maxTokens: 512,
  pooling: 'cls',
  prompts: { query: 'Represent this sentence for searching relevant passages: ', passage: '' },
  matryoshka: [1024, 768, 512, 256, 128],
  variants: [
    ownWeights('mixedbread-ai/mxbai-embed-large-v1', MXBAI_REVISION, 670),
    fp32(1337, 'onnx/model.onnx', [
      hub(
        'mixedbread-ai/mxbai-embed-large-v1',
        MXBAI_REVISION,
        withPins(SENTENCE_FILES, [
          pinned('tokenizer.json', 711_396, 'd241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66'),
          pinned('onnx/model.onnx', 1_336_854_282, 'adb53ed475faa339bfad3bd2bdb7e6a30b4f47280ade9811f81bef7953f9ab77'),
        ]),
      ),
    ]),
    int8(335, 'onnx/model_quantized.onnx', [
      hub('mixedbread-ai/mxbai-embed-large-v1', MXBAI_REVISION, [...SENTENCE_FILES, 'onnx/model_quantized.onnx']),
    ]),
  ],
});

const GEMMA_REVISION = '5090578d9565bb06545b4552f76e6bc2c93e4a66';
const gemmaFiles = (stem: string) => [
  hub('onnx-community/embeddinggemma-300m-ONNX', GEMMA_REVISION, [...TOKENIZER_FILES, `onnx/${stem}.onnx`, `onnx/${stem}.onnx_data`]),
];
const GEMMA_DENSE = ['2_Dense', '3_Dense'].flatMap((step) => [`${step}/config.json`, `${step}/model.safetensors`]);
const GEMMA_GRAPH = { graph: { output: 'sentence_embedding' } };

/** Mean pooling is followed by two dense layers, so the graph itself gives the finished vector. There is no fp16: it overflows. */
const embeddingGemma = encoder({
  id: 'google/embeddinggemma-300m',
  alias: 'embeddinggemma-300m',
  license: 'gemma',
  revision: 'main',
  dimensions: 768,
  maxTokens: 2048,
  pooling: 'mean',
  prompts: { query: 'task: search result | query: ', passage: 'title: none | text: ' },
  matryoshka: [768, 512, 256, 128],
  languages: 'more than 100 languages',
  variants: [
    fp32(1235, 'onnx/model.onnx', gemmaFiles('model'), GEMMA_GRAPH),
    // The hub asks for the licence to be accepted before it gives these.
    ownWeights('google/embeddinggemma-300m', 'main', 1211, GEMMA_DENSE),
    q4(197, 'onnx/model_q4.onnx', gemmaFiles('model_q4'), GEMMA_GRAPH),
    int8(309, 'onnx/model_quantized.onnx', gemmaFiles('model_quantized'), GEMMA_GRAPH),
  ],
});

const QWEN_SOURCE = 'Qdrant/Qwen3-Embedding-0.6B-onnx';

/**
 * A decoder: the last token's state is the vector. The query prompt is the default task of its own configuration; its card
 * allows every size from 32 to 1024.
 */
const qwen3 = encoder({
  id: 'Qwen/Qwen3-Embedding-0.6B',
  alias: 'Qwen3-Embedding-0.6B',
  license: 'apache-2.0',
  revision: '97b0c614be4d77ee51c0cef4e5f07c00f9eb65b3',
  dimensions: 1024,
  maxTokens: 32_768,
  pooling: 'last',
  prompts: {
    query: 'Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:',
    passage: '',
  },
  matryoshka: 'any',
  languages: 'more than 100 languages',
  variants: [
    fp32(2387, 'onnx/model.onnx', [hub(QWEN_SOURCE, 'main', [...TOKENIZER_FILES, 'onnx/model.onnx', 'onnx/model.onnx_data'])]),
    ownWeights('Qwen/Qwen3-Embedding-0.6B', '97b0c614be4d77ee51c0cef4e5f07c00f9eb65b3', 1192),
    q8(1121, 'onnx/model_quantized.onnx', [hub(QWEN_SOURCE, 'main', [...TOKENIZER_FILES, 'onnx/model_quantized.onnx'])]),
  ],
});

/** The text side of OpenAI's CLIP; the graph pools and projects. */
const clipText = encoder({
  id: 'Qdrant/clip-ViT-B-32-text',
  alias: 'clip-ViT-B-32-text',
  license: 'mit',
  revision: 'main',
  dimensions: 512,
  maxTokens: 77,
  pooling: 'last',
  variants: [
    fp32(254, 'model.onnx', [hub('Qdrant/clip-ViT-B-32-text', 'main', [...TOKENIZER_FILES, 'model.onnx'])], {
      graph: { output: 'text_embeds' },
    }),
  ],
});

/** The text side of SigLIP 2: it reads the state at a fixed last position, so every text is padded to 64 tokens. */
const siglip2Text = encoder({
  id: 'google/siglip2-base-patch16-224',
  alias: 'siglip2-base-patch16-224',
  license: 'apache-2.0',
  revision: 'main',
  dimensions: 768,
  maxTokens: 64,
  pooling: 'last',
  languages: 'multilingual',
  variants: [
    fp32(
      1130,
      'onnx/text_model.onnx',
      [hub('onnx-community/siglip2-base-patch16-224-ONNX', 'main', [...TOKENIZER_FILES, 'onnx/text_model.onnx'])],
      { graph: { output: 'pooler_output', padTo: 64 } },
    ),
  ],
});

/** Families with one encoder each. */
export const MORE_CARDS: readonly ModelCard[] = [mxbai, embeddingGemma, qwen3, clipText, siglip2Text];
