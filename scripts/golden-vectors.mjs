/**
 * Writes src/models/catalog/golden.json, the vectors that a model is checked against when it is loaded.
 *
 *   node scripts/golden-vectors.mjs measure --card ID --variant q4 --model FOLDER --onnx onnx/model_q4.onnx --max-tokens 256
 *     runs the graph in FOLDER (mean pooling over the mask in float64, unit length) on the texts below and records the vectors;
 *     with --reference FILE it also prints the cosine to that file's fp32 vectors.
 *   node scripts/golden-vectors.mjs quote --card ID --variant fp32 --reference FILE
 *     records four vectors of FILE ({model, made_with, texts, vectors: base64 of little-endian float32}).
 *   node scripts/golden-vectors.mjs quote-snapshots --reference FILE
 *     records full vectors of FILE ([{source, model, pooling, text, vector}]) for cards whose pooling is the snapshot's.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Tokenizer } from '@huggingface/tokenizers';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const OUTPUT = fileURLToPath(new URL('../src/models/catalog/golden.json', import.meta.url));

/** English, a question, code, other scripts. */
const TEXTS = [
  'The weather is lovely today.',
  'What is the capital of France?',
  'const total = items.reduce((sum, item) => sum + item.price, 0);',
  'Grüße aus 東京 — café №5 🙂',
];

/** Cards whose passages carry no prompt, so that a snapshot made without prompts is theirs. */
const SNAPSHOT_CARDS = {
  'sentence-transformers/all-mpnet-base-v2': 'mean',
  'jinaai/jina-embeddings-v2-small-en': 'mean',
  'jinaai/jina-embeddings-v2-base-code': 'mean',
  'Qwen/Qwen3-Embedding-0.6B': 'last',
};

const { positionals, values: options } = parseArgs({
  allowPositionals: true,
  options: {
    card: { type: 'string' },
    variant: { type: 'string' },
    model: { type: 'string' },
    onnx: { type: 'string' },
    'max-tokens': { type: 'string', default: '512' },
    reference: { type: 'string' },
  },
});

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
const toBase64 = (vector) => Buffer.from(Float32Array.from(vector).buffer).toString('base64');
const fromBase64 = (text) => {
  const bytes = Buffer.from(text, 'base64');
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
};

function normalise(vector) {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return vector.map((value) => value / length);
}

function cosine(a, b) {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i += 1) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return dot / Math.sqrt(aa * bb);
}

function record(key, source, golden) {
  const file = readJson(OUTPUT);
  file.source[key] = source;
  file.vectors[key] = golden;
  writeFileSync(OUTPUT, `${JSON.stringify(file, undefined, 2)}\n`);
  console.log(`${key}: ${golden.length} vectors`);
}

async function openModel(folder, onnx, maxTokens) {
  const tokenizer = new Tokenizer(readJson(join(folder, 'tokenizer.json')), readJson(join(folder, 'tokenizer_config.json')));
  const session = await InferenceSession.create(join(folder, onnx), { intraOpNumThreads: 1 });
  return async (text) => {
    const all = tokenizer.encode(text).ids;
    const ids = all.length > maxTokens ? [...all.slice(0, maxTokens - 1), all.at(-1)] : all;
    const int64 = (list) => new Tensor('int64', BigInt64Array.from(list, BigInt), [1, ids.length]);
    const feeds = { input_ids: int64(ids), attention_mask: int64(ids.map(() => 1)), token_type_ids: int64(ids.map(() => 0)) };
    const wanted = Object.fromEntries(Object.entries(feeds).filter(([name]) => session.inputNames.includes(name)));
    const states = (await session.run(wanted))[session.outputNames[0]];
    const size = states.dims[2];
    const sum = new Array(size).fill(0);
    for (let i = 0; i < states.data.length; i += 1) sum[i % size] += states.data[i];
    return normalise(sum);
  };
}

async function measure() {
  const embed = await openModel(options.model, options.onnx, Number(options['max-tokens']));
  const golden = [];
  for (const text of TEXTS) golden.push({ text, vector: toBase64(await embed(text)) });
  record(`${options.card}#${options.variant}`, `this graph itself, onnxruntime-node ${onnxRuntimeVersion()}, CPU, one thread`, golden);
  if (options.reference === undefined) return;
  const { texts, vectors } = readJson(options.reference);
  const cosines = [];
  for (const [index, text] of texts.entries()) cosines.push(cosine(await embed(text), fromBase64(vectors[index])));
  const mean = cosines.reduce((sum, value) => sum + value, 0) / cosines.length;
  console.log(`fidelity on ${texts.length} texts: mean ${mean.toFixed(4)}, worst ${Math.min(...cosines).toFixed(4)}`);
}

function onnxRuntimeVersion() {
  return readJson(fileURLToPath(new URL('../node_modules/onnxruntime-node/package.json', import.meta.url))).version;
}

/** Four texts of different kinds, none so long that it is cut. */
function quote() {
  const file = readJson(options.reference);
  const short = file.texts
    .map((text, index) => ({ text, vector: file.vectors[index] }))
    .filter(({ text }) => text.length > 20 && text.length < 160);
  const step = Math.max(1, Math.floor(short.length / 4));
  record(
    `${options.card}#${options.variant}`,
    file.made_with,
    [0, 1, 2, 3].map((i) => short[i * step]),
  );
}

function quoteSnapshots() {
  const items = readJson(options.reference);
  for (const [id, pooling] of Object.entries(SNAPSHOT_CARDS)) {
    const found = items.filter((item) => item.model === id && item.pooling === pooling && item.vector?.length === item.dims);
    const golden = found.map(({ text, vector }) => ({ text, inputType: 'passage', vector: toBase64(normalise(vector)) }));
    record(`${id}#fp32`, 'huggingface/text-embeddings-inference 0d124dc, backends/candle/tests/snapshots, brought to unit length', golden);
  }
}

const commands = { measure, quote, 'quote-snapshots': quoteSnapshots };
const command = commands[positionals[0]];
if (command === undefined) {
  console.error(`usage: golden-vectors.mjs ${Object.keys(commands).join(' | ')} …`);
  process.exitCode = 2;
} else {
  await command();
}
