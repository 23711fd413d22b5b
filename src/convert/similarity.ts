/**
 * Spearman's rank correlation of two lists of the same length, ties sharing the mean of their ranks: the figure of the STS Benchmark, there
 * times 100.
 */
function spearman(a: readonly number[], b: readonly number[]): number {
  return correlation(ranks(a), ranks(b));
}

function ranks(values: readonly number[]): readonly number[] {
  const order = values.map((value, index) => ({ value, index })).sort((x, y) => x.value - y.value);
  const result = new Array<number>(values.length).fill(0);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (order[to + 1] !== undefined && order[to + 1]?.value === order[from]?.value) to += 1;
    for (const { index } of order.slice(from, to + 1)) result[index] = (from + to) / 2 + 1;
    from = to + 1;
  }
  return result;
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const middleA = mean(a);
  const middleB = mean(b);
  let product = 0;
  let spreadA = 0;
  let spreadB = 0;
  for (const [index, value] of a.entries()) {
    const x = value - middleA;
    const y = (b[index] ?? 0) - middleB;
    product += x * y;
    spreadA += x * x;
    spreadB += y * y;
  }
  return product / Math.sqrt(spreadA * spreadB);
}

/** Spearman's correlation, times 100, of human scores with the cosines of pairs of vectors. */
export function similarityOf(scores: readonly number[], first: readonly Float32Array[], second: readonly Float32Array[]): number {
  const cosines = first.map((vector, index) => cosineOf(vector, second[index] ?? new Float32Array(vector.length)));
  return 100 * spearman(scores, cosines);
}

function cosineOf(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array): number => x.reduce((sum, value, index) => sum + value * (y[index] ?? 0), 0);
  const length = Math.sqrt(dot(a, a) * dot(b, b));
  return length === 0 ? 0 : dot(a, b) / length;
}
