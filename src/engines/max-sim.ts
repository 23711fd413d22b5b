import { LocalLiteError } from '../errors.ts';
import type { VectorsOfTokens } from './embedder-types.ts';

/**
 * ColBERT's score: for each vector of the query its largest inner product with any vector of the passage, summed. 0 for a passage
 * without vectors.
 */
export function maxSim(query: VectorsOfTokens, passage: VectorsOfTokens): number {
  const { dimensions } = query;
  if (passage.dimensions !== dimensions) {
    throw new LocalLiteError('internal', `vectors of ${dimensions} and of ${passage.dimensions} dimensions cannot be compared`);
  }
  if (passage.tokens === 0) return 0;
  const largest = new Float64Array(query.tokens + ROWS).fill(Number.NEGATIVE_INFINITY);
  const products = new Float64Array(ROWS);
  for (let token = 0; token < query.tokens; token += ROWS) {
    for (let start = 0; start < passage.data.length; start += dimensions) {
      productsInto(products, { rows: query.data, from: token * dimensions }, { row: passage.data, start }, dimensions);
      for (let row = 0; row < ROWS; row++) largest[token + row] = Math.max(largest[token + row] ?? 0, products[row] ?? 0);
    }
  }
  return largest.subarray(0, query.tokens).reduce((sum, product) => sum + product, 0);
}

/** Query vectors that are compared with a passage vector at once: its numbers are read once for all of them. */
const ROWS = 4;

function productsInto(
  products: Float64Array,
  { rows, from }: { readonly rows: Float32Array; readonly from: number },
  { row, start }: { readonly row: Float32Array; readonly start: number },
  size: number,
): void {
  let first = 0;
  let second = 0;
  let third = 0;
  let fourth = 0;
  for (let column = 0; column < size; column++) {
    const value = row[start + column] ?? 0;
    const at = from + column;
    first += value * (rows[at] ?? 0);
    second += value * (rows[at + size] ?? 0);
    third += value * (rows[at + 2 * size] ?? 0);
    fourth += value * (rows[at + 3 * size] ?? 0);
  }
  products[0] = first;
  products[1] = second;
  products[2] = third;
  products[3] = fourth;
}
