import type { ModelCard, ModelSource } from '../card.ts';
import { encoder, fp32, hub, int8, ownWeights, pinned, SENTENCE_FILES, TOKENIZER_FILES, withPins } from './define.ts';

/** E5 is trained with these on every text; without them its vectors are of no use for search. */
const PROMPTS = { query: 'query: ', passage: 'passage: ' };
const ONNX = 'onnx/model.onnx';

interface Size {
  readonly name: string;
  readonly dimensions: number;
  readonly megabytes: number;
  readonly sources: readonly ModelSource[];
  readonly revision?: string;
}

function e5(size: Size, languages: string): ModelCard {
  return encoder({
    id: `intfloat/${size.name}`,
    alias: size.name,
    license: 'mit',
    revision: size.revision ?? 'main',
    dimensions: size.dimensions,
    maxTokens: 512,
    pooling: 'mean',
    prompts: PROMPTS,
    languages,
    variants: [
      ownWeights(`intfloat/${size.name}`, size.revision ?? 'main', size.megabytes),
      fp32(size.megabytes, ONNX, size.sources),
      int8(size.megabytes / 4, 'onnx/model_quantized.onnx', [
        hub(`Xenova/${size.name}`, 'main', [...TOKENIZER_FILES, 'onnx/model_quantized.onnx']),
      ]),
    ],
  });
}

const own = (name: string): ModelSource => hub(`intfloat/${name}`, 'main', [...SENTENCE_FILES, ONNX]);
const converted = (name: string): ModelSource => hub(`Xenova/${name}`, 'main', [...TOKENIZER_FILES, ONNX]);

const E5_SMALL_MULTILINGUAL_REVISION = '614241f622f53c4eeff9890bdc4f31cfecc418b3';

const ENGLISH: readonly Size[] = [
  {
    name: 'e5-small-v2',
    dimensions: 384,
    megabytes: 133,
    // The authors' repository keeps this one's graph at its top.
    sources: [hub('intfloat/e5-small-v2', 'main', [...SENTENCE_FILES, { path: 'model.onnx', as: ONNX }]), converted('e5-small-v2')],
  },
  { name: 'e5-base-v2', dimensions: 768, megabytes: 436, sources: [own('e5-base-v2'), converted('e5-base-v2')] },
  { name: 'e5-large-v2', dimensions: 1024, megabytes: 1337, sources: [own('e5-large-v2'), converted('e5-large-v2')] },
];

const MULTILINGUAL: readonly Size[] = [
  {
    name: 'multilingual-e5-small',
    dimensions: 384,
    megabytes: 470,
    revision: E5_SMALL_MULTILINGUAL_REVISION,
    sources: [
      hub(
        'intfloat/multilingual-e5-small',
        E5_SMALL_MULTILINGUAL_REVISION,
        withPins(SENTENCE_FILES, [
          pinned('tokenizer.json', 17_082_730, '0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39'),
          pinned(ONNX, 470_268_510, 'ca456c06b3a9505ddfd9131408916dd79290368331e7d76bb621f1cba6bc8665'),
        ]),
      ),
    ],
  },
  {
    name: 'multilingual-e5-base',
    dimensions: 768,
    megabytes: 1110,
    sources: [own('multilingual-e5-base'), converted('multilingual-e5-base')],
  },
  {
    name: 'multilingual-e5-large',
    dimensions: 1024,
    megabytes: 2240,
    sources: [
      hub('intfloat/multilingual-e5-large', 'main', [...SENTENCE_FILES, ONNX, 'onnx/model.onnx_data']),
      hub('Qdrant/multilingual-e5-large-onnx', 'main', [
        ...TOKENIZER_FILES,
        { path: 'model.onnx', as: ONNX },
        { path: 'model.onnx_data', as: 'onnx/model.onnx_data' },
      ]),
    ],
  },
];

/** The E5 encoders of intfloat. */
export const E5_CARDS: readonly ModelCard[] = [
  ...ENGLISH.map((size) => e5(size, 'English')),
  ...MULTILINGUAL.map((size) => e5(size, 'about 100 languages')),
];
