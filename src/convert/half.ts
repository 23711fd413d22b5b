const bits = new Uint32Array(1);
const single = new Float32Array(bits.buffer);

/** float32 as the bits of the nearest float16, ties to even; what is larger than 65,504 becomes that. */
export function toHalf(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length);
  for (let at = 0; at < values.length; at++) {
    single[0] = values[at] ?? 0;
    halves[at] = halfBits(bits[0] ?? 0);
  }
  return halves;
}

/** From the bits of a float32: https://en.wikipedia.org/wiki/Half-precision_floating-point_format. */
function halfBits(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65,520 and more would round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7bff;
  if (magnitude >= 0x38800000) return sign | roundedShift(magnitude - 0x38000000, 13);
  if (magnitude < 0x33000000) return sign;
  const exponent = magnitude >>> 23;
  return sign | roundedShift((magnitude & 0x7fffff) | 0x800000, 126 - exponent);
}

/** `value >> count`, to the nearest, ties to even. */
function roundedShift(value: number, count: number): number {
  const kept = value >>> count;
  const rest = value & ((1 << count) - 1);
  const middle = 1 << (count - 1);
  return rest > middle || (rest === middle && (kept & 1) === 1) ? kept + 1 : kept;
}
