import { LocalLiteError } from '../errors.ts';
import type { Tensor } from '../runtime/session.ts';

/** A floating-point output as 32-bit floats; not a copy where it has them already. @throws LocalLiteError inference_failed */
export function floatsOf(tensor: Tensor | undefined): Float32Array {
  if (tensor?.data instanceof Float32Array) return tensor.data;
  if (tensor?.data instanceof Uint16Array) return Float32Array.from(tensor.data, halfToFloat);
  throw new LocalLiteError('inference_failed', 'the runtime gave no floating-point output');
}

/** IEEE 754 binary16 bits to a number. */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** An output of another shape than a head has: `wanted` describes the right one. */
export function shapeError(what: string, tensor: Tensor | undefined, wanted: string): LocalLiteError {
  return new LocalLiteError('model_unsupported', `${what} of shape [${tensor?.dims.join(', ')}] are not ${wanted}`);
}
