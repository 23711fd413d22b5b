/** A norm this near to 1 is what float32 leaves of unit length. */
const UNIT_TOLERANCE = 1e-5;

/** The vector at unit length: itself where it has that already, or no length at all. */
export function unitVector(vector: Float32Array): Float32Array {
  const norm = Math.sqrt(dot(vector, vector));
  return norm === 0 || Math.abs(norm - 1) < UNIT_TOLERANCE ? vector : vector.map((value) => value / norm);
}

/** Cosine of two vectors as float32; 0 where one has no length. */
export function cosine(a: Float32Array, b: Float32Array): number {
  const norms = Math.sqrt(dot(a, a) * dot(b, b));
  return norms === 0 ? 0 : Math.fround(dot(a, b) / norms);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += (a[at] ?? 0) * (b[at] ?? 0);
  return sum;
}
