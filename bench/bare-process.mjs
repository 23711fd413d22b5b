// One process of the bare loop: a session with one thread, texts tokenised beforehand, no queue, no HTTP.
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { serveTasks } from './helper-process.mjs';

let session;
let model;
/** Token ids of every text. */
let texts = [];
/** This process's share of them, shortest first. */
let share = [];

serveTasks({
  /** Opens the graph with the options that the gateway's workers use (src/runtime/onnx.ts). */
  async load(facts) {
    model = facts;
    session = await InferenceSession.create(facts.path, {
      executionProviders: ['cpu'],
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 4,
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    });
  },

  /** Takes every `parts`-th of the texts sorted by length, beginning with `part`: all processes get the same mix of lengths. */
  setTexts({ ids, part, parts }) {
    texts = ids;
    share = ids.toSorted((a, b) => a.length - b.length).filter((_, index) => index % parts === part);
  },

  /** This process's share in batches of `size`. Returns texts, tokens and the milliseconds they took. */
  async pass({ size }) {
    const started = performance.now();
    for (let from = 0; from < share.length; from += size) await embed(share.slice(from, from + size));
    const tokens = share.reduce((total, ids) => total + ids.length, 0);
    return { texts: share.length, tokens, ms: performance.now() - started };
  },

  /** Milliseconds of each of the first `count` texts, one after the other. */
  async oneByOne({ count }) {
    const times = [];
    for (const ids of texts.slice(0, count)) {
      const started = performance.now();
      await embed([ids]);
      times.push(performance.now() - started);
    }
    return times;
  },

  vectors: ({ count }) => Promise.all(texts.slice(0, count).map((ids) => embed([ids]))),
});

async function embed(batch) {
  const width = batch.reduce((longest, ids) => Math.max(longest, ids.length), 0);
  const feeds = {};
  for (const name of session.inputNames) feeds[name] = inputOf(name, batch, width);
  const finished = session.outputNames.find((name) => name === 'sentence_embedding' || name === 'logits');
  if (finished !== undefined) return (await session.run(feeds, [finished]))[finished].data;
  const output = session.outputNames.find((name) => name === 'last_hidden_state' || name === 'token_embeddings') ?? session.outputNames[0];
  const states = (await session.run(feeds, [output]))[output];
  const vectors = new Float32Array(batch.length * model.dimensions);
  for (let row = 0; row < batch.length; row++) {
    const vector = vectors.subarray(row * model.dimensions, (row + 1) * model.dimensions);
    pool(vector, states.data, row * width * model.dimensions, batch[row].length);
    if (model.normalize) normalize(vector);
  }
  return vectors;
}

function inputOf(name, batch, width) {
  const data = new BigInt64Array(batch.length * width);
  // The low words of little-endian 64-bit integers: a BigInt for each would cost more than the copy.
  const low = new Int32Array(data.buffer);
  for (let row = 0; row < batch.length; row++) {
    const ids = batch[row];
    const start = row * width * 2;
    if (name === 'input_ids') for (let at = 0; at < ids.length; at++) low[start + at * 2] = ids[at];
    else if (name === 'attention_mask') for (let at = 0; at < ids.length; at++) low[start + at * 2] = 1;
  }
  return new Tensor('int64', data, [batch.length, width]);
}

function pool(vector, states, start, tokens) {
  if (model.pooling !== 'mean') {
    const from = start + (model.pooling === 'cls' ? 0 : tokens - 1) * vector.length;
    vector.set(states.subarray(from, from + vector.length));
    return;
  }
  for (let token = 0; token < tokens; token++) {
    const from = start + token * vector.length;
    for (let column = 0; column < vector.length; column++) vector[column] += states[from + column];
  }
  for (let column = 0; column < vector.length; column++) vector[column] /= tokens;
}

function normalize(vector) {
  let squares = 0;
  for (let column = 0; column < vector.length; column++) squares += vector[column] * vector[column];
  const scale = squares === 0 ? 0 : 1 / Math.sqrt(squares);
  for (let column = 0; column < vector.length; column++) vector[column] *= scale;
}
