import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Writes a cross-encoder of MiniLM's shape with random weights: as fast as a real one, and of no use but to measure speed.
 * Configuration and tokenizer are those of the encoder in `directory`.
 */
export function writeRandomReranker(directory, folder) {
  mkdirSync(folder, { recursive: true });
  const config = JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8'));
  const changed = { ...config, architectures: ['BertForSequenceClassification'], id2label: { 0: 'LABEL_0' }, label2id: { LABEL_0: 0 } };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(changed));
  for (const file of ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'])
    copyFileSync(join(directory, file), join(folder, file));
  writeSafetensors(join(folder, 'model.safetensors'), shapesOf(config));
}

function shapesOf(config) {
  const { hidden_size: hidden, intermediate_size: inner, vocab_size: vocabulary, max_position_embeddings: positions } = config;
  const shapes = {
    'bert.embeddings.word_embeddings.weight': [vocabulary, hidden],
    'bert.embeddings.position_embeddings.weight': [positions, hidden],
    'bert.embeddings.token_type_embeddings.weight': [config.type_vocab_size, hidden],
    ...norm('bert.embeddings.LayerNorm', hidden),
    ...linear('bert.pooler.dense', hidden, hidden),
    ...linear('classifier', hidden, 1),
  };
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const at = `bert.encoder.layer.${layer}`;
    for (const part of ['query', 'key', 'value']) Object.assign(shapes, linear(`${at}.attention.self.${part}`, hidden, hidden));
    Object.assign(shapes, linear(`${at}.attention.output.dense`, hidden, hidden), norm(`${at}.attention.output.LayerNorm`, hidden));
    Object.assign(shapes, linear(`${at}.intermediate.dense`, hidden, inner), linear(`${at}.output.dense`, inner, hidden));
    Object.assign(shapes, norm(`${at}.output.LayerNorm`, hidden));
  }
  return shapes;
}

const linear = (name, inputs, outputs) => ({ [`${name}.weight`]: [outputs, inputs], [`${name}.bias`]: [outputs] });
const norm = (name, size) => ({ [`${name}.weight`]: [size], [`${name}.bias`]: [size] });

/** The safetensors format: 8 bytes of header length, a JSON header, then the tensors end to end, here float32. */
function writeSafetensors(path, shapes) {
  let offset = 0;
  const header = {};
  for (const [name, shape] of Object.entries(shapes)) {
    const bytes = 4 * shape.reduce((product, size) => product * size, 1);
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  const json = Buffer.from(JSON.stringify(header).padEnd(8 * Math.ceil(JSON.stringify(header).length / 8)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const file = openSync(path, 'w');
  try {
    for (const chunk of [length, json]) writeSync(file, chunk);
    let seed = 1;
    for (const [name, { shape }] of Object.entries(header)) writeSync(file, Buffer.from(valuesOf(name, shape, seed++).buffer));
  } finally {
    closeSync(file);
  }
}

function valuesOf(name, shape, seed) {
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  if (name.includes('LayerNorm')) return values.fill(name.endsWith('weight') ? 1 : 0);
  let state = seed;
  for (let index = 0; index < values.length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    values[index] = (state / 2 ** 31) * 0.05;
  }
  return values;
}
