/** Middle value; the mean of the two middle ones when their number is even. NaN for none. */
export function median(values) {
  const sorted = sortedCopy(values);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Nearest-rank quantile, share in (0, 1]: the smallest value that at least this share of all values does not exceed. */
export function quantile(values, share) {
  const sorted = sortedCopy(values);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}

export function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

function sortedCopy(values) {
  return Float64Array.from(values).sort();
}
