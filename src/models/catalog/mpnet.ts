import type { ModelCard } from '../card.ts';
import { encoder, fp32, hub, int8, ownWeights, pinned, SENTENCE_FILES, TOKENIZER_FILES, withPins } from './define.ts';

const allMpnetBase = encoder({
  id: 'sentence-transformers/all-mpnet-base-v2',
  alias: 'all-mpnet-base-v2',
  license: 'apache-2.0',
  revision: 'e8c3b32edf5434bc2275fc9bab85f82640a19130',
  dimensions: 768,
  maxTokens: 384,
  pooling: 'mean',
  variants: [
    ownWeights('sentence-transformers/all-mpnet-base-v2', 'e8c3b32edf5434bc2275fc9bab85f82640a19130', 438),
    fp32(436, 'onnx/model.onnx', [
      hub(
        'sentence-transformers/all-mpnet-base-v2',
        'e8c3b32edf5434bc2275fc9bab85f82640a19130',
        withPins(SENTENCE_FILES, [
          pinned('tokenizer.json', 466_021, 'b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842'),
          pinned('onnx/model.onnx', 435_826_548, '74187b16d9c946fea252e120cfd7a12c5779d8b8b86838a2e4c56573c47941bd'),
        ]),
      ),
    ]),
    int8(110, 'onnx/model_quantized.onnx', [hub('Xenova/all-mpnet-base-v2', 'main', [...TOKENIZER_FILES, 'onnx/model_quantized.onnx'])]),
  ],
});

/** Its own module list ends with pooling: the vectors are not of unit length. */
const paraphraseMultilingualMpnet = encoder({
  id: 'sentence-transformers/paraphrase-multilingual-mpnet-base-v2',
  alias: 'paraphrase-multilingual-mpnet-base-v2',
  license: 'apache-2.0',
  revision: 'main',
  dimensions: 768,
  maxTokens: 128,
  pooling: 'mean',
  normalize: false,
  languages: 'about 50 languages',
  variants: [
    ownWeights('sentence-transformers/paraphrase-multilingual-mpnet-base-v2', 'main', 1112),
    fp32(1110, 'onnx/model.onnx', [
      hub('sentence-transformers/paraphrase-multilingual-mpnet-base-v2', 'main', [...SENTENCE_FILES, 'onnx/model.onnx']),
      hub('Xenova/paraphrase-multilingual-mpnet-base-v2', 'main', [...TOKENIZER_FILES, 'onnx/model.onnx']),
    ]),
  ],
});

/** The MPNet encoders of sentence-transformers. */
export const MPNET_CARDS: readonly ModelCard[] = [allMpnetBase, paraphraseMultilingualMpnet];
