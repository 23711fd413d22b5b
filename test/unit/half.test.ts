import { expect, test } from 'vitest';
import { toHalf } from '../../src/convert/half.ts';

/** The number that a float16's bits stand for, by its definition: sign, 5 bits of exponent, 10 of mantissa. */
function numberOf(half: number): number {
  const sign = (half & 0x8000) === 0 ? 1 : -1;
  const exponent = (half >> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

const FINITE = Array.from({ length: 0x7c00 }, (_, half) => half);

test('every finite float16 comes back as itself, with either sign', () => {
  const all = [...FINITE, ...FINITE.map((half) => half | 0x8000)];
  expect([...toHalf(Float32Array.from(all, numberOf))]).toEqual(all);
});

test('a value between two goes to the nearer, and in the middle to the even one', () => {
  const pairs = FINITE.slice(0, -1).map((half) => [half, (numberOf(half) + numberOf(half + 1)) / 2] as const);
  const middles = Float32Array.from(pairs, ([, middle]) => middle);
  expect([...toHalf(middles)]).toEqual(pairs.map(([half]) => half + (half & 1)));
  const above = middles.map((middle) => middle * (1 + 2 ** -22));
  expect([...toHalf(above)].slice(1024)).toEqual(pairs.map(([half]) => half + 1).slice(1024));
  const below = middles.map((middle) => middle * (1 - 2 ** -22));
  expect([...toHalf(below)].slice(1024)).toEqual(pairs.map(([half]) => half).slice(1024));
});

test('what is too large becomes the largest, what is too small zero', () => {
  const values = [65_519, 65_520, 1e9, Number.POSITIVE_INFINITY, -1e9, 2 ** -26, -(2 ** -26), 2 ** -25 * 1.01];
  expect([...toHalf(Float32Array.from(values))]).toEqual([0x7bff, 0x7bff, 0x7bff, 0x7bff, 0xfbff, 0, 0x8000, 1]);
  expect(toHalf(Float32Array.of(Number.NaN))[0]).toBe(0x7e00);
});
