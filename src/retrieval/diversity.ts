/** A candidate with its relevance (0 to 1) and its vector of unit length. */
export interface Candidate<T> {
  readonly item: T;
  readonly score: number;
  readonly vector: Float32Array;
}

/**
 * Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): each next hit has the best balance of relevance and difference from
 * those before it. `diversity` 0 keeps the order, 1 looks at difference alone.
 */
export function diversify<T>(candidates: readonly Candidate<T>[], diversity: number, k: number): readonly T[] {
  const left = candidates.map((candidate) => ({ candidate, nearest: 0 }));
  const chosen: T[] = [];
  while (chosen.length < k && left.length > 0) {
    let best = 0;
    let bestValue = Number.NEGATIVE_INFINITY;
    for (const [index, { candidate, nearest }] of left.entries()) {
      const value = (1 - diversity) * candidate.score - diversity * nearest;
      if (value > bestValue) [best, bestValue] = [index, value];
    }
    const [taken] = left.splice(best, 1);
    if (taken === undefined) break;
    chosen.push(taken.candidate.item);
    for (const entry of left) entry.nearest = Math.max(entry.nearest, dot(entry.candidate.vector, taken.candidate.vector));
  }
  return chosen;
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += (a[index] ?? 0) * (b[index] ?? 0);
  return sum;
}
