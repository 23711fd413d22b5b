import type { Keep } from './index-types.ts';

/** Bits that a set may span before it is kept as a list of numbers. */
const WIDEST = 2 ** 29;

/** Chunks that a filter keeps, as the indexes ask for them. */
export function keepOnly(chunks: readonly number[]): Keep & { readonly count: number } {
  const has = chunks.length === 0 ? () => false : membership(chunks);
  return Object.assign(has, { count: chunks.length, chunks: () => chunks });
}

/** One bit a number: asked a hundred thousand times in a search. */
function membership(chunks: readonly number[]): (chunk: number) => boolean {
  const first = chunks.reduce((least, chunk) => Math.min(least, chunk), Number.POSITIVE_INFINITY);
  const last = chunks.reduce((most, chunk) => Math.max(most, chunk), Number.NEGATIVE_INFINITY);
  if (last - first >= WIDEST) {
    const set = new Set(chunks);
    return (chunk) => set.has(chunk);
  }
  const bits = new Uint8Array(((last - first) >> 3) + 1);
  for (const chunk of chunks) {
    const at = chunk - first;
    bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7));
  }
  return (chunk) => {
    const at = chunk - first;
    return at >= 0 && chunk <= last && ((bits[at >> 3] ?? 0) & (1 << (at & 7))) !== 0;
  };
}
