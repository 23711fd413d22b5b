/*
 * Vectors as text: base64 of little-endian IEEE 754 float32, as OpenAI's `encoding_format: "base64"` has them.
 * Runs in Node (native Buffer) and in browsers (no Buffer there). Imports no schema, so that the SDK stays small.
 */

import { LocalLiteError } from '../errors.ts';

const hostIsLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
// Largest number of arguments that every engine accepts in one call.
const CODE_UNITS_A_CALL = 8192;

/** Base64 of the vector's numbers; {@link decodeVector} gives exactly the same numbers back. */
export function encodeVector(vector: Float32Array): string {
  const bytes = littleEndianBytes(vector);
  if (typeof Buffer !== 'undefined') return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  return encodeWithoutBuffer(bytes);
}

/**
 * The numbers behind base64 text.
 * @throws LocalLiteError invalid_request when the text is not base64 or its bytes are not whole float32 numbers.
 */
export function decodeVector(text: string): Float32Array {
  const bytes = typeof Buffer === 'undefined' ? decodeWithoutBuffer(text) : decodeWithBuffer(text);
  if (bytes.byteLength % 4 !== 0)
    throw new LocalLiteError('invalid_request', `${bytes.byteLength} bytes are not a whole number of float32 values`);
  if (!hostIsLittleEndian) swapEveryFourBytes(bytes);
  return new Float32Array(bytes.buffer, 0, bytes.byteLength / 4);
}

/** Base64 of little-endian int32; {@link decodeIntegers} gives exactly the same numbers back. */
export function encodeIntegers(integers: Int32Array): string {
  return encodeVector(new Float32Array(integers.buffer, integers.byteOffset, integers.length));
}

/** The whole numbers behind base64 text. @throws LocalLiteError invalid_request as {@link decodeVector} */
export function decodeIntegers(text: string): Int32Array {
  const { buffer, byteOffset, length } = decodeVector(text);
  return new Int32Array(buffer, byteOffset, length);
}

function decodeWithBuffer(text: string): Uint8Array<ArrayBuffer> {
  // Buffer skips what is not base64, so the length tells whether anything was skipped.
  const decoded = Buffer.from(text, 'base64');
  const symbols = text.length - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0);
  if (decoded.byteLength !== Math.floor((symbols * 3) / 4)) throw notBase64();
  // A copy of its own: a small Buffer lies in a shared pool, at an offset that a Float32Array may not start at.
  return new Uint8Array(decoded);
}

/** The browser's half of {@link encodeVector}; exported so that it can be tested against the native one. */
export function encodeWithoutBuffer(bytes: Uint8Array): string {
  let binary = '';
  for (let start = 0; start < bytes.length; start += CODE_UNITS_A_CALL) {
    binary += String.fromCharCode(...bytes.subarray(start, start + CODE_UNITS_A_CALL));
  }
  return btoa(binary);
}

/** The browser's half of {@link decodeVector}; exported so that it can be tested against the native one. */
export function decodeWithoutBuffer(text: string): Uint8Array<ArrayBuffer> {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    throw notBase64();
  }
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index += 1) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

function littleEndianBytes(vector: Float32Array): Uint8Array {
  const bytes = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
  if (hostIsLittleEndian) return bytes;
  const copy = bytes.slice();
  swapEveryFourBytes(copy);
  return copy;
}

function swapEveryFourBytes(bytes: Uint8Array): void {
  for (let start = 0; start < bytes.length; start += 4) bytes.subarray(start, start + 4).reverse();
}

function notBase64(): LocalLiteError {
  return new LocalLiteError('invalid_request', 'the vector is not valid base64');
}
