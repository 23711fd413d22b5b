import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a tiny model is made with. */
export interface TinyWeights {
  /** Another seed gives other weights. */
  readonly seed?: number;
  readonly layers?: number;
}

const HIDDEN = 64;
const INNER = 128;
const POSITIONS = 130;
const VOCABULARY = 1100;
const TOKENIZER = join(import.meta.dirname, '../fixtures/tokenizers/wordpiece-uncased/tokenizer.json');

/** Numbers of a vector of {@link writeTinyBert}'s models. */
export const TINY_DIMENSIONS = HIDDEN;

/**
 * Writes a sentence-transformers model of random weights as its maker would publish it: BERT's layers in safetensors, a WordPiece tokenizer,
 * mean pooling, unit length. It is converted in well under a second.
 */
export async function writeTinyBert(folder: string, { seed = 1, layers = 2 }: TinyWeights = {}): Promise<void> {
  await mkdir(join(folder, '1_Pooling'), { recursive: true });
  const module = (idx: number, kind: string, path: string) => ({ idx, name: `${idx}`, path, type: `sentence_transformers.models.${kind}` });
  const files = {
    'config.json': {
      architectures: ['BertModel'],
      model_type: 'bert',
      hidden_size: HIDDEN,
      intermediate_size: INNER,
      num_hidden_layers: layers,
      num_attention_heads: 4,
      max_position_embeddings: POSITIONS,
      type_vocab_size: 2,
      vocab_size: VOCABULARY,
      hidden_act: 'gelu',
      layer_norm_eps: 1e-12,
      pad_token_id: 0,
    },
    'modules.json': [module(0, 'Transformer', ''), module(1, 'Pooling', '1_Pooling'), module(2, 'Normalize', '2_Normalize')],
    'sentence_bert_config.json': { max_seq_length: 128 },
    '1_Pooling/config.json': { word_embedding_dimension: HIDDEN, pooling_mode_mean_tokens: true },
  };
  for (const [path, content] of Object.entries(files)) await writeFile(join(folder, path), JSON.stringify(content));
  await copyFile(TOKENIZER, join(folder, 'tokenizer.json'));
  await writeFile(join(folder, 'model.safetensors'), safetensors(bertTensors(layers, randomNumbers(seed))));
}

type Tensors = Map<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

function bertTensors(layers: number, next: () => number): Tensors {
  const tensors: Tensors = new Map();
  const add = (name: string, shape: readonly number[], make: (at: number) => number) => {
    const size = shape.reduce((product, length) => product * length, 1);
    tensors.set(name, { shape, data: Float32Array.from({ length: size }, (_, at) => make(at)) });
  };
  const random = (name: string, ...shape: number[]) => add(name, shape, () => next() * 0.5);
  const norm = (name: string) => {
    add(`${name}.weight`, [HIDDEN], () => 1);
    add(`${name}.bias`, [HIDDEN], () => 0);
  };
  const linear = (name: string, outputs: number, inputs: number) => {
    random(`${name}.weight`, outputs, inputs);
    random(`${name}.bias`, outputs);
  };
  random('embeddings.word_embeddings.weight', VOCABULARY, HIDDEN);
  random('embeddings.position_embeddings.weight', POSITIONS, HIDDEN);
  random('embeddings.token_type_embeddings.weight', 2, HIDDEN);
  norm('embeddings.LayerNorm');
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `encoder.layer.${layer}`;
    for (const part of ['query', 'key', 'value']) linear(`${prefix}.attention.self.${part}`, HIDDEN, HIDDEN);
    linear(`${prefix}.attention.output.dense`, HIDDEN, HIDDEN);
    norm(`${prefix}.attention.output.LayerNorm`);
    linear(`${prefix}.intermediate.dense`, INNER, HIDDEN);
    linear(`${prefix}.output.dense`, HIDDEN, INNER);
    norm(`${prefix}.output.LayerNorm`);
  }
  return tensors;
}

/** https://github.com/huggingface/safetensors#format */
function safetensors(tensors: Tensors): Buffer {
  let offset = 0;
  const header = Object.fromEntries(
    [...tensors].map(([name, { shape, data }]) => {
      const begin = offset;
      offset += data.byteLength;
      return [name, { dtype: 'F32', shape, data_offsets: [begin, offset] }];
    }),
  );
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...[...tensors.values()].map(({ data }) => Buffer.from(data.buffer))]);
}

/** The same numbers between -0.5 and 0.5 on every machine (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296 - 0.5;
  };
}
