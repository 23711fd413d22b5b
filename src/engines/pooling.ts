import type { Pooling } from '../models/card.ts';

/** Token states of one batch: row-major [rows, width, dimensions], right-padded, with the real length of each row. */
export interface TokenStates {
  readonly data: Float32Array;
  readonly width: number;
  readonly dimensions: number;
  readonly lengths: Int32Array;
}

/**
 * One vector a row, [rows, dimensions], from token states.
 *
 * `mean`: sum over real tokens divided by their count (sentence-transformers' `Pooling`, `pooling_mode_mean_tokens`).
 * `cls`: state of the first token. `last`: state of the last real token (`pooling_mode_lasttoken`).
 */
export function pool(states: TokenStates, pooling: Pooling): Float32Array {
  const { lengths, dimensions, width, data } = states;
  const vectors = new Float32Array(lengths.length * dimensions);
  lengths.forEach((length, row) => {
    const start = row * width * dimensions;
    const target = vectors.subarray(row * dimensions, (row + 1) * dimensions);
    if (pooling === 'mean') meanInto(target, data.subarray(start, start + length * dimensions), length);
    else target.set(tokenAt(data, start, pooling === 'cls' ? 0 : length - 1, dimensions));
  });
  return vectors;
}

function tokenAt(data: Float32Array, start: number, token: number, dimensions: number): Float32Array {
  return data.subarray(start + token * dimensions, start + (token + 1) * dimensions);
}

function meanInto(target: Float32Array, tokens: Float32Array, count: number): void {
  const dimensions = target.length;
  const sums = new Float64Array(dimensions);
  for (let offset = 0; offset < tokens.length; offset += dimensions) {
    for (let column = 0; column < dimensions; column++) sums[column] = (sums[column] ?? 0) + (tokens[offset + column] ?? 0);
  }
  for (let column = 0; column < dimensions; column++) target[column] = (sums[column] ?? 0) / count;
}

/** Scales each row of [rows, dimensions] to unit Euclidean length, in place; a row of zeros stays as it is. */
export function normalizeRows(vectors: Float32Array, dimensions: number): void {
  for (let start = 0; start < vectors.length; start += dimensions) normalize(vectors.subarray(start, start + dimensions));
}

function normalize(vector: Float32Array): void {
  let sum = 0;
  for (const value of vector) sum += value * value;
  if (sum === 0) return;
  const scale = 1 / Math.sqrt(sum);
  for (let index = 0; index < vector.length; index++) vector[index] = (vector[index] ?? 0) * scale;
}

/** The first `dimensions` values of a Matryoshka vector, scaled to unit length again where the model normalises. A copy. */
export function cutDimensions(vector: Float32Array, dimensions: number, normalizeAgain: boolean): Float32Array {
  const cut = vector.slice(0, dimensions);
  if (normalizeAgain) normalize(cut);
  return cut;
}

/** Cosine of two vectors of the same length; 0 when one of them is zero. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let index = 0; index < a.length; index++) {
    const x = a[index] ?? 0;
    const y = b[index] ?? 0;
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb);
}
