import type { ModelCard, ModelFile } from '../card.ts';
import { encoder, fp32, hub, int8, ownWeights, SENTENCE_FILES, TOKENIZER_FILES, withPins } from './define.ts';

function gte(name: string, dimensions: number, megabytes: number, onnx: ModelFile): ModelCard {
  return encoder({
    id: `thenlper/${name}`,
    alias: name,
    license: 'mit',
    revision: 'main',
    dimensions,
    maxTokens: 512,
    pooling: 'mean',
    variants: [
      ownWeights(`thenlper/${name}`, 'main', megabytes),
      fp32(megabytes, onnx.path, [hub(`thenlper/${name}`, 'main', withPins(SENTENCE_FILES, [onnx]))]),
      int8(megabytes / 4, 'onnx/model_quantized.onnx', [hub(`Xenova/${name}`, 'main', [...TOKENIZER_FILES, 'onnx/model_quantized.onnx'])]),
    ],
  });
}

/** The GTE encoders of thenlper; they take no prompts. */
export const GTE_CARDS: readonly ModelCard[] = [
  gte('gte-small', 384, 133, {
    path: 'onnx/model.onnx',
    sha256: '0b01312b59bec0a2558a626f2937be4cbe4bb16d1511560153f598cec488f1f8',
  }),
  gte('gte-base', 768, 436, { path: 'onnx/model.onnx' }),
  gte('gte-large', 1024, 1337, { path: 'onnx/model.onnx' }),
];
