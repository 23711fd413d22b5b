import type { ModelCard, ModelFile } from '../card.ts';
import { encoder, fp32, hub, int8, ownWeights, pinned, SENTENCE_FILES, withPins } from './define.ts';

const PROMPTS = { query: 'Represent this sentence for searching relevant passages: ', passage: '' };
const TOKENIZER = pinned('tokenizer.json', 711_649, '91f1def9b9391fdabe028cd3f3fcc4efd34e5d1f08c3bf2de513ebb5911a1854');
const ONNX = 'onnx/model.onnx';

interface Size {
  readonly name: string;
  readonly dimensions: number;
  readonly megabytes: number;
  readonly maxTokens?: number;
  readonly revision?: string;
  readonly pins?: readonly ModelFile[];
}

const SIZES: readonly Size[] = [
  {
    name: 'snowflake-arctic-embed-xs',
    dimensions: 384,
    megabytes: 90,
    revision: 'd8c86521100d3556476a063fc2342036d45c106f',
    pins: [TOKENIZER, pinned(ONNX, 90_387_631, 'cf2698d30ff05da02c70a088313bad56e5c2f401d734cb24a8390d446111936c')],
  },
  {
    name: 'snowflake-arctic-embed-s',
    dimensions: 384,
    megabytes: 133,
    revision: 'e596f507467533e48a2e17c007f0e1dacc837b33',
    pins: [TOKENIZER, pinned(ONNX, 133_093_492, '579c1f1778a0993eb0d2a1403340ffb491c769247fb46acc4f5cf8ac5b89c1e1')],
  },
  {
    name: 'snowflake-arctic-embed-m',
    dimensions: 768,
    megabytes: 436,
    revision: 'fc74610d18462d218e312aa986ec5c8a75a98152',
    pins: [TOKENIZER, { path: ONNX, sha256: '564e6c65ee0c739a486702e9e3e9b33c3f697c19c34dbe886bce9eec497ce971' }],
  },
  { name: 'snowflake-arctic-embed-m-long', dimensions: 768, megabytes: 547, maxTokens: 2048 },
  { name: 'snowflake-arctic-embed-l', dimensions: 1024, megabytes: 1337 },
];

function arctic(size: Size): ModelCard {
  const id = `Snowflake/${size.name}`;
  const revision = size.revision ?? 'main';
  const source = (onnx: string): ModelFile[] =>
    withPins(
      [...SENTENCE_FILES, onnx],
      (size.pins ?? []).filter((pin) => !pin.path.endsWith('.onnx') || pin.path === onnx),
    );
  const made = ownWeights(id, revision, size.megabytes);
  const published = fp32(size.megabytes, ONNX, [hub(id, revision, source(ONNX))]);
  return encoder({
    id,
    alias: size.name,
    license: 'apache-2.0',
    revision,
    dimensions: size.dimensions,
    maxTokens: size.maxTokens ?? 512,
    pooling: 'cls',
    prompts: PROMPTS,
    variants: [
      // The long one is of another architecture, whose conversion has not met these weights: its published graph comes first.
      ...(size.maxTokens === undefined ? [made, published] : [published, made]),
      int8(size.megabytes / 4, 'onnx/model_quantized.onnx', [hub(id, revision, source('onnx/model_quantized.onnx'))]),
    ],
  });
}

/** The first generation of Snowflake's Arctic encoders. */
export const ARCTIC_CARDS: readonly ModelCard[] = SIZES.map(arctic);
