/** Chance of going on from a sentence to one that is like it, instead of to any. */
const DAMPING = 0.85;
const ROUNDS = 50;
const ENOUGH = 1e-6;

/**
 * How central each vector (of unit length) is among all, as shares of 1: LexRank with the cosines as weights (Erkan and Radev, "LexRank:
 * Graph-based lexical centrality as salience in text summarization", JAIR 22, 2004). Likeness below the average counts as none.
 */
function centrality(vectors: readonly Float32Array[]): readonly number[] {
  const size = vectors.length;
  const weights = likeness(vectors);
  let ranks = new Float64Array(size).fill(1 / size);
  for (let round = 0; round < ROUNDS; round++) {
    const next = new Float64Array(size).fill((1 - DAMPING) / size);
    for (let from = 0; from < size; from++) {
      const row = weights.subarray(from * size, (from + 1) * size);
      const total = row.reduce((sum, weight) => sum + weight, 0);
      for (let to = 0; to < size; to++) {
        const share = total === 0 ? 1 / size : (row[to] ?? 0) / total;
        next[to] = (next[to] ?? 0) + DAMPING * share * (ranks[from] ?? 0);
      }
    }
    const change = next.reduce((sum, rank, index) => sum + Math.abs(rank - (ranks[index] ?? 0)), 0);
    ranks = next;
    if (change < ENOUGH) break;
  }
  return [...ranks];
}

/** Cosines less their average, row-major; a sentence is not like itself. */
function likeness(vectors: readonly Float32Array[]): Float64Array {
  const size = vectors.length;
  const cosines = new Float64Array(size * size);
  let total = 0;
  for (let a = 0; a < size; a++) {
    for (let b = a + 1; b < size; b++) {
      const cosine = dot(vectors[a], vectors[b]);
      cosines[a * size + b] = cosine;
      cosines[b * size + a] = cosine;
      total += 2 * cosine;
    }
  }
  const mean = size < 2 ? 0 : total / (size * (size - 1));
  return cosines.map((cosine) => Math.max(0, cosine - Math.max(0, mean)));
}

/**
 * Numbers of the sentences to take, the best first, as long as one `fits` (asked anew each time): each next one has the best balance of centrality and difference
 * from those before it (maximal marginal relevance; Carbonell and Goldstein, SIGIR 1998).
 */
export function* pickDifferent(vectors: readonly Float32Array[], fits: (index: number) => boolean): Generator<number> {
  const ranks = centrality(vectors);
  const best = Math.max(...ranks, Number.MIN_VALUE);
  const left = new Set(vectors.keys());
  const chosen: number[] = [];
  for (;;) {
    const [next] = [...left]
      .filter(fits)
      .map((index) => ({ index, value: RELEVANCE * ((ranks[index] ?? 0) / best) - (1 - RELEVANCE) * nearest(index, chosen, vectors) }))
      .sort((a, b) => b.value - a.value || a.index - b.index);
    if (next === undefined) return;
    chosen.push(next.index);
    left.delete(next.index);
    yield next.index;
  }
}

/** Share of centrality beside difference. */
const RELEVANCE = 0.7;

function nearest(index: number, chosen: readonly number[], vectors: readonly Float32Array[]): number {
  return chosen.reduce((most, other) => Math.max(most, dot(vectors[index], vectors[other])), 0);
}

function dot(a: Float32Array = new Float32Array(), b: Float32Array = new Float32Array()): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += (a[index] ?? 0) * (b[index] ?? 0);
  return sum;
}
