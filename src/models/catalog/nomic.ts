import type { ModelCard } from '../card.ts';
import { encoder, fp32, hub, int8, ownWeights, pinned, SENTENCE_FILES, withPins } from './define.ts';

/** The task prefixes that the models' cards require; clustering and classification have others (settings can name them). */
const PROMPTS = { query: 'search_query: ', passage: 'search_document: ' };
const V15_REVISION = 'e9b6763023c676ca8431644204f50c2b100d9aab';
const TOKENIZER = pinned('tokenizer.json', 711_396, 'd241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66');

const nomic15 = encoder({
  id: 'nomic-ai/nomic-embed-text-v1.5',
  alias: 'nomic-embed-text-v1.5',
  license: 'apache-2.0',
  revision: V15_REVISION,
  dimensions: 768,
  maxTokens: 8192,
  pooling: 'mean',
  prompts: PROMPTS,
  matryoshka: [768, 512, 256, 128, 64],
  variants: [
    fp32(547, 'onnx/model.onnx', [
      hub(
        'nomic-ai/nomic-embed-text-v1.5',
        V15_REVISION,
        withPins(SENTENCE_FILES, [
          TOKENIZER,
          pinned('onnx/model.onnx', 547_310_275, '147d5aa88c2101237358e17796cf3a227cead1ec304ec34b465bb08e9d952965'),
        ]),
      ),
    ]),
    ownWeights('nomic-ai/nomic-embed-text-v1.5', V15_REVISION, 547),
    int8(137, 'onnx/model_quantized.onnx', [
      hub('nomic-ai/nomic-embed-text-v1.5', V15_REVISION, withPins([...SENTENCE_FILES, 'onnx/model_quantized.onnx'], [TOKENIZER])),
    ]),
  ],
});

const nomic1 = encoder({
  id: 'nomic-ai/nomic-embed-text-v1',
  alias: 'nomic-embed-text-v1',
  license: 'apache-2.0',
  revision: 'main',
  dimensions: 768,
  maxTokens: 8192,
  pooling: 'mean',
  prompts: PROMPTS,
  variants: [
    fp32(547, 'onnx/model.onnx', [hub('nomic-ai/nomic-embed-text-v1', 'main', [...SENTENCE_FILES, 'onnx/model.onnx'])]),
    ownWeights('nomic-ai/nomic-embed-text-v1', 'main', 547),
  ],
});

/**
 * The text encoders of Nomic. Their cards make unit vectors of the pooled states. Conversion has met models of their architecture, not
 * these weights: the published graphs come first.
 */
export const NOMIC_CARDS: readonly ModelCard[] = [nomic15, nomic1];
