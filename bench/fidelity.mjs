import { readFileSync } from 'node:fs';
import { post } from './gateway.mjs';
import { sum } from './statistics.mjs';

const SLICE = 64;

/**
 * How far the served vectors are from reference vectors of the same texts: mean and worst cosine, and the largest difference of any
 * value. `file`: JSON `{ texts: string[], vectors: string[] }`, a vector as base64 of little-endian float32.
 */
export async function measureFidelity({ target, model, file }, record) {
  const items = itemsOf(JSON.parse(readFileSync(file, 'utf8')));
  const vectors = await embed(
    target,
    model,
    items.map(({ text }) => text),
  );
  const cosines = vectors.map((vector, index) => cosine(vector, items[index].vector));
  record('fidelityMean', sum(cosines) / cosines.length);
  record('fidelityWorst', Math.min(...cosines));
  record('fidelityLargest', Math.max(...vectors.map((vector, index) => largest(vector, items[index].vector))));
}

/** Spearman's correlation of cosine and human score, times 100, over `score<TAB>a<TAB>b` lines (STS Benchmark's dev set, for one). */
export async function measureSimilarity({ target, model, file }, record) {
  const rows = readFileSync(file, 'utf8')
    .split(/\r?\n/)
    .filter(Boolean)
    .map((line) => line.split('\t'));
  const first = await embed(
    target,
    model,
    rows.map((row) => row[1]),
  );
  const second = await embed(
    target,
    model,
    rows.map((row) => row[2]),
  );
  const scores = rows.map((row) => Number(row[0]));
  const cosines = first.map((vector, index) => cosine(vector, second[index]));
  record('sts', 100 * pearson(ranks(scores), ranks(cosines)));
}

function itemsOf({ texts, vectors }) {
  return texts.map((text, index) => ({ text, vector: floatsOf(vectors[index]) }));
}

function floatsOf(base64) {
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
  return [...new Float32Array(bytes.buffer)];
}

async function embed(target, model, texts) {
  const vectors = [];
  for (let from = 0; from < texts.length; from += SLICE) {
    const input = texts.slice(from, from + SLICE);
    const { data } = await post(target, '/v1/embeddings', { model, input, truncate: true });
    vectors.push(...data.map(({ embedding }) => embedding));
  }
  return vectors;
}

function cosine(a, b) {
  const dot = (x, y) => x.reduce((total, value, index) => total + value * y[index], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

function largest(a, b) {
  return Math.max(...a.map((value, index) => Math.abs(value - b[index])));
}

/** Ranks from 1, ties sharing the mean of theirs. */
function ranks(values) {
  const order = values.map((_, index) => index).sort((a, b) => values[a] - values[b]);
  const result = new Array(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to + 1 < order.length && values[order[to + 1]] === values[order[from]]) to++;
    for (let at = from; at <= to; at++) result[order[at]] = (from + to) / 2 + 1;
    from = to + 1;
  }
  return result;
}

function pearson(a, b) {
  const mean = (values) => sum(values) / values.length;
  const [ma, mb] = [mean(a), mean(b)];
  const covariance = sum(a.map((value, index) => (value - ma) * (b[index] - mb)));
  const spread = (values, middle) => sum(values.map((value) => (value - middle) ** 2));
  return covariance / Math.sqrt(spread(a, ma) * spread(b, mb));
}
