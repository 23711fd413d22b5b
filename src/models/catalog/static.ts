import type { ModelCard, ModelFile, ModelVariant } from '../card.ts';
import { encoder, hub } from './define.ts';

/** A table of token vectors is all there is: no worker holds it, and it takes what it weighs. */
function table(megabytes: number, id: string, files: readonly (string | ModelFile)[]): ModelVariant {
  return {
    name: 'static',
    kind: 'static',
    dtype: 'fp32',
    onnx: 'model.safetensors',
    batchInvariant: true,
    sources: [hub(id, 'main', files)],
    memoryBytes: Math.round(megabytes * 1e6),
    golden: [],
  };
}

/** Every token counts; more than this is no text any more. */
const MAX_TOKENS = 65_536;

function potion(name: string, dimensions: number, megabytes: number): ModelCard {
  const id = `minishlab/${name}`;
  return encoder({
    id,
    alias: name,
    license: 'mit',
    revision: 'main',
    dimensions,
    maxTokens: MAX_TOKENS,
    pooling: 'mean',
    static: { dropUnknown: true },
    variants: [table(megabytes, id, ['config.json', 'tokenizer.json', 'model.safetensors'])],
  });
}

const STATIC_RETRIEVAL = 'sentence-transformers/static-retrieval-mrl-en-v1';

/** Its module list has the table alone: the vectors are not of unit length. */
const staticRetrieval = encoder({
  id: STATIC_RETRIEVAL,
  alias: 'static-retrieval-mrl-en-v1',
  license: 'apache-2.0',
  revision: 'main',
  dimensions: 1024,
  maxTokens: MAX_TOKENS,
  pooling: 'mean',
  normalize: false,
  matryoshka: [1024, 512, 256, 128, 64, 32],
  static: { dropUnknown: false },
  variants: [
    table(125, STATIC_RETRIEVAL, [
      'modules.json',
      { path: '0_StaticEmbedding/tokenizer.json', as: 'tokenizer.json' },
      { path: '0_StaticEmbedding/model.safetensors', as: 'model.safetensors' },
    ]),
  ],
});

/** Models without a transformer, for bulk work. */
export const STATIC_CARDS: readonly ModelCard[] = [potion('potion-base-8M', 256, 30), potion('potion-base-32M', 512, 129), staticRetrieval];
