import { describe, expect, it } from 'vitest';
import { cosine, cutDimensions, normalizeRows, pool } from '../../src/engines/pooling.ts';
import { halfToFloat } from '../../src/engines/tensor-values.ts';

/** Two rows of three tokens and two dimensions; the second row has one real token, its padding holds garbage. */
const states = {
  data: Float32Array.of(1, 2, 3, 4, 5, 9, 7, 8, 100, 100, 100, 100),
  width: 3,
  dimensions: 2,
  lengths: Int32Array.of(3, 1),
};

describe('pool', () => {
  it('averages over real tokens only', () => expect([...pool(states, 'mean')]).toEqual([3, 5, 7, 8]));
  it('takes the first token', () => expect([...pool(states, 'cls')]).toEqual([1, 2, 7, 8]));
  it('takes the last real token', () => expect([...pool(states, 'last')]).toEqual([5, 9, 7, 8]));
});

describe('vectors', () => {
  it('are scaled to length one, row by row', () => {
    const vectors = Float32Array.of(3, 4, 0, 0, 0, 2);
    normalizeRows(vectors, 2);
    for (const [index, value] of [0.6, 0.8, 0, 0, 0, 1].entries()) expect(vectors[index]).toBeCloseTo(value, 6);
  });

  it('are cut and scaled again, and the original stays', () => {
    const vector = Float32Array.of(3, 4, 12);
    const cut = cutDimensions(vector, 2, true);
    expect(cut[0]).toBeCloseTo(0.6, 6);
    expect(cut[1]).toBeCloseTo(0.8, 6);
    expect([...cutDimensions(vector, 2, false)]).toEqual([3, 4]);
    expect([...vector]).toEqual([3, 4, 12]);
  });

  it('have a cosine', () => {
    expect(cosine(Float32Array.of(1, 0), Float32Array.of(0, 2))).toBe(0);
    expect(cosine(Float32Array.of(1, 1), Float32Array.of(2, 2))).toBeCloseTo(1, 12);
    expect(cosine(Float32Array.of(0, 0), Float32Array.of(2, 2))).toBe(0);
  });
});

describe('halfToFloat', () => {
  it.each([
    [0x0000, 0],
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x0001, 2 ** -24],
    [0x3555, 0.333251953125],
    [0x7c00, Number.POSITIVE_INFINITY],
  ])('reads %i', (bits, value) => expect(halfToFloat(bits)).toBe(value));
  it('reads NaN', () => expect(halfToFloat(0x7e00)).toBeNaN());
});
