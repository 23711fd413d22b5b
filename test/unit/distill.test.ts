import { describe, expect, test } from 'vitest';
import { distillTable, type Rows } from '../../src/convert/distill.ts';
import { similarityOf } from '../../src/convert/similarity.ts';

const rowsOf = (rows: readonly (readonly number[])[]): Rows => ({
  rows: rows.length,
  columns: rows[0]?.length ?? 0,
  data: Float32Array.from(rows.flat()),
});

describe('a distilled table', () => {
  test('keeps the directions of largest variance, largest first, and weights rows by their rank', () => {
    // Spread 10 along the second axis, 1 along the first, none along the third.
    const rows = [
      [1, 10, 5],
      [-1, 10, 5],
      [1, -10, 5],
      [-1, -10, 5],
    ];
    const { data } = distillTable(rowsOf(rows), 2, new Set());
    const total = 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5;
    for (const [rank, row] of rows.entries()) {
      const weight = 1e-4 / (1e-4 + 1 / (rank + 2) / total);
      expect(data[rank * 2]).toBeCloseTo((row[1] ?? 0) * weight, 8);
      expect(data[rank * 2 + 1]).toBeCloseTo((row[0] ?? 0) * weight, 8);
    }
  });

  test('leaves rows out: they stay zero, and neither mean nor rank knows of them', () => {
    const rows = [
      [500, -500],
      [1, 2],
      [3, -4],
      [-2, 1],
    ];
    const whole = distillTable(rowsOf(rows), 2, new Set([0]));
    const without = distillTable(rowsOf(rows.slice(1)), 2, new Set());
    expect([...whole.data.slice(0, 2)]).toEqual([0, 0]);
    expect([...whole.data.slice(2)]).toEqual([...without.data]);
  });

  test('refuses more dimensions than the model has, and what is no number of them', () => {
    for (const wrong of [Number.NaN, 0, -1, 1.5]) {
      expect(() => distillTable(rowsOf([[1, 2]]), wrong, new Set())).toThrow('it must be a whole number of at least 1');
    }
    expect(() => distillTable(rowsOf([[1, 2]]), 3, new Set())).toThrow('dimensions is 3; the model has 2');
  });
});

test('likeness is rated by ranks, ties sharing theirs', () => {
  const at = (degrees: number) => Float32Array.of(Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180));
  const first = [at(0), at(0), at(0), at(0)];
  expect(similarityOf([4, 3, 2, 1], first, [at(1), at(20), at(50), at(80)])).toBeCloseTo(100, 6);
  expect(similarityOf([1, 2, 3, 4], first, [at(1), at(20), at(50), at(80)])).toBeCloseTo(-100, 6);
  // Ranks 1.5, 1.5, 3, 4 against 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
  expect(similarityOf([1, 1, 3, 4], first, [at(80), at(50), at(20), at(1)])).toBeCloseTo(100 * Math.sqrt(0.9), 6);
});
