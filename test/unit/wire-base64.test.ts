import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LocalLiteError } from '../../src/errors.ts';
import { decodeVector, decodeWithoutBuffer, encodeVector, encodeWithoutBuffer } from '../../src/wire/base64.ts';

const anyVector = fc.float32Array({ maxLength: 300 });

test('a vector as OpenAI encodes it: little-endian float32', () => {
  expect(encodeVector(Float32Array.of(1, -2, 0.5))).toBe('AACAPwAAAMAAAAA/');
  expect(decodeVector('AACAPwAAAMAAAAA/')).toEqual(Float32Array.of(1, -2, 0.5));
  expect(encodeVector(new Float32Array(0))).toBe('');
  expect(decodeVector('')).toEqual(new Float32Array(0));
});

test('a part of a larger buffer is encoded alone', () => {
  const whole = Float32Array.of(9, 1, -2, 0.5, 9);
  expect(encodeVector(whole.subarray(1, 4))).toBe('AACAPwAAAMAAAAA/');
});

test('every vector comes back bit for bit, also one that a browser encoded or decodes', () => {
  fc.assert(
    fc.property(anyVector, (vector) => {
      const text = encodeVector(vector);
      const bytes = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
      expect(new Uint8Array(decodeVector(text).buffer)).toEqual(new Uint8Array(bytes));
      expect(encodeWithoutBuffer(bytes)).toBe(text);
      expect(decodeWithoutBuffer(text)).toEqual(new Uint8Array(bytes));
    }),
  );
});

test('a vector longer than one call of String.fromCharCode takes', () => {
  const bytes = Uint8Array.from({ length: 50_000 }, (_unused, index) => index % 251);
  expect(encodeWithoutBuffer(bytes)).toBe(Buffer.from(bytes).toString('base64'));
});

test.each(['AAA', 'AACAP', 'not base64!', 'AACA*PwAA', '====', 'AACAPwAAAMAAAAA/ AACAPw'])('%j is no vector', (text) => {
  expect(() => decodeVector(text)).toThrow(LocalLiteError);
});

test('the browser’s half refuses what is not base64', () => {
  expect(() => decodeWithoutBuffer('*')).toThrow(LocalLiteError);
});
