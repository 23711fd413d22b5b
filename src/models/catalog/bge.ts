import type { ModelCard, ModelFile } from '../card.ts';
import { encoder, fp32, hub, int8, ownWeights, pinned, SENTENCE_FILES, TOKENIZER_FILES, withPins } from './define.ts';

/** The instruction of the English models' cards, for queries of a search; MTEB's figures are made with it. */
const PROMPTS = { query: 'Represent this sentence for searching relevant passages: ', passage: '' };
const TOKENIZER = pinned('tokenizer.json', 711_396, 'd241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66');

function english(name: string, dimensions: number, megabytes: number, revision: string, onnx: ModelFile): ModelCard {
  return encoder({
    id: `BAAI/${name}`,
    alias: name,
    license: 'mit',
    revision,
    dimensions,
    maxTokens: 512,
    pooling: 'cls',
    prompts: PROMPTS,
    variants: [
      ownWeights(`BAAI/${name}`, revision, megabytes),
      fp32(megabytes, onnx.path, [hub(`BAAI/${name}`, revision, withPins(SENTENCE_FILES, [TOKENIZER, onnx]))]),
      int8(megabytes / 4, 'onnx/model_quantized.onnx', [hub(`Xenova/${name}`, 'main', [...TOKENIZER_FILES, 'onnx/model_quantized.onnx'])]),
    ],
  });
}

/** The first English generation; its graphs are Qdrant's exports. */
function first(name: string, dimensions: number, megabytes: number, repository: string): ModelCard {
  return encoder({
    id: `BAAI/${name}`,
    alias: name,
    license: 'mit',
    revision: 'main',
    dimensions,
    maxTokens: 512,
    pooling: 'cls',
    prompts: PROMPTS,
    variants: [fp32(megabytes, 'model_optimized.onnx', [hub(repository, 'main', [...TOKENIZER_FILES, 'model_optimized.onnx'])])],
  });
}

const bgeSmallChinese = encoder({
  id: 'BAAI/bge-small-zh-v1.5',
  alias: 'bge-small-zh-v1.5',
  license: 'mit',
  revision: 'main',
  dimensions: 512,
  maxTokens: 512,
  pooling: 'cls',
  prompts: { query: '为这个句子生成表示以用于检索相关文章：', passage: '' },
  languages: 'Chinese',
  variants: [
    fp32(96, 'onnx/model.onnx', [
      hub('Xenova/bge-small-zh-v1.5', 'main', [...TOKENIZER_FILES, 'onnx/model.onnx']),
      hub('Qdrant/bge-small-zh-v1.5', 'main', [...TOKENIZER_FILES, { path: 'model_optimized.onnx', as: 'onnx/model.onnx' }]),
    ]),
  ],
});

const BGE_M3_REVISION = '5617a9f61b028005a4858fdac845db406aefb181';

/**
 * The dense vectors of bge-m3. Its card asks for no prompts. Its sparse and multi-vector heads are published as pickle files, which are
 * not opened; a folder that has them as safetensors converts with all three.
 */
const bgeM3 = encoder({
  id: 'BAAI/bge-m3',
  alias: 'bge-m3',
  license: 'mit',
  revision: BGE_M3_REVISION,
  dimensions: 1024,
  maxTokens: 8192,
  pooling: 'cls',
  languages: 'more than 100 languages',
  variants: [
    fp32(2268, 'onnx/model.onnx', [
      hub(
        'BAAI/bge-m3',
        BGE_M3_REVISION,
        withPins(SENTENCE_FILES, [
          pinned('tokenizer.json', 17_098_108, '21106b6d7dab2952c1d496fb21d5dc9db75c28ed361a05f5020bbba27810dd08'),
          pinned('onnx/model.onnx', 724_923, 'f84251230831afb359ab26d9fd37d5936d4d9bb5d1d5410e66442f630f24435b'),
          pinned('onnx/model.onnx_data', 2_266_820_608, '1eebfb28493f67bba03ce0ef64bfdc7fc5a3bd9d7493f818bb1d78cd798416b4'),
          { path: 'onnx/Constant_7_attr__value' },
        ]),
      ),
    ]),
  ],
});

/** The BGE encoders of BAAI. */
export const BGE_CARDS: readonly ModelCard[] = [
  english(
    'bge-small-en-v1.5',
    384,
    133,
    '5c38ec7c405ec4b44b94cc5a9bb96e735b38267a',
    pinned('onnx/model.onnx', 133_093_490, '828e1496d7fabb79cfa4dcd84fa38625c0d3d21da474a00f08db0f559940cf35'),
  ),
  english(
    'bge-base-en-v1.5',
    768,
    436,
    'a5beb1e3e68b9ab74eb54cfd186867f64f240e1a',
    pinned('onnx/model.onnx', 435_811_539, '9bc579acdba21c253c62a9bf866891355a63ffa3442b52c8a37d75b2ccb91848'),
  ),
  english(
    'bge-large-en-v1.5',
    1024,
    1337,
    'd4aa6901d3a41ba39fb536a557fa166f842b0e09',
    pinned('onnx/model.onnx', 1_336_854_281, '69ed3f810d3b6d13f70dff9ca89966f39c0a0e877fb88211be7bcc070df2a2ce'),
  ),
  bgeM3,
  first('bge-small-en', 384, 133, 'Qdrant/bge-small-en'),
  first('bge-base-en', 768, 436, 'Qdrant/fast-bge-base-en'),
  bgeSmallChinese,
];
