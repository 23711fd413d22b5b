import { LocalLiteError } from '../errors.ts';
import type { TermWeights, VectorsOfTokens } from './embedder-types.ts';
import type { EncoderInput } from './encoder-input.ts';

/** Takes a worker's values (see `heads.ts` for their layout) apart: one result an item, sharing the values' memory. */
export type SplitValues<Out> = (values: Float32Array, items: readonly EncoderInput[]) => readonly Out[];

/** Rows of equal width. @throws LocalLiteError inference_failed when the worker gave another number of values */
export function splitVectors(dimensions: number): SplitValues<Float32Array> {
  return (values, items) => {
    if (values.length !== items.length * dimensions) throw miscounted(values, items);
    return items.map((_, row) => values.subarray(row * dimensions, (row + 1) * dimensions));
  };
}

/** One weight a token of each item. */
export function splitTokenWeights(values: Float32Array, items: readonly EncoderInput[]): readonly Float32Array[] {
  let at = 0;
  const rows = items.map(({ ids }) => {
    const start = at;
    at += ids.length;
    return values.subarray(start, at);
  });
  if (at !== values.length) throw miscounted(values, items);
  return rows;
}

/** Terms of each item: i32 counts, i32 ids, f32 weights. */
export function splitTerms(values: Float32Array, items: readonly EncoderInput[]): readonly TermWeights[] {
  const counts = countsOf(values, items);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const weights = items.length + total;
  if (values.length !== weights + total) throw miscounted(values, items);
  const ids = new Int32Array(values.buffer, values.byteOffset + items.length * 4, total);
  let at = 0;
  return Array.from(counts, (count) => {
    const start = at;
    at += count;
    return { indices: ids.subarray(start, at), values: values.subarray(weights + start, weights + at) };
  });
}

/** Token vectors of each item: i32 tokens of each, then their vectors. */
export function splitTokenVectors(dimensions: number): SplitValues<VectorsOfTokens> {
  return (values, items) => {
    let at = items.length;
    const rows = Array.from(countsOf(values, items), (tokens) => {
      const start = at;
      at += tokens * dimensions;
      return { tokens, dimensions, data: values.subarray(start, at) };
    });
    if (at !== values.length) throw miscounted(values, items);
    return rows;
  };
}

function countsOf(values: Float32Array, items: readonly EncoderInput[]): Int32Array {
  if (values.length < items.length) throw miscounted(values, items);
  return new Int32Array(values.buffer, values.byteOffset, items.length);
}

function miscounted(values: Float32Array, items: readonly EncoderInput[]): LocalLiteError {
  return new LocalLiteError('inference_failed', `the worker gave ${values.length} values for ${items.length} texts`);
}
