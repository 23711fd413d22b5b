import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { VectorsOfTokens } from '../../src/engines/embedder-types.ts';
import { maxSim } from '../../src/engines/max-sim.ts';
import { splitTerms, splitTokenVectors, splitTokenWeights, splitVectors } from '../../src/engines/results.ts';
import { termWeights } from '../../src/engines/sparse.ts';
import { bestOfWindows, windowsOf } from '../../src/engines/windows.ts';

describe('windows', () => {
  it('cover every id, overlap, are full and come in order', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 1, max: 70 }), (length, room) => {
        const ids = Array.from({ length }, (_, index) => index);
        const windows = windowsOf(ids, room);
        expect([...new Set(windows.flat())]).toEqual(ids);
        if (length <= room) expect(windows).toEqual([ids]);
        else for (const window of windows) expect(window.length).toBe(room);
        windows.slice(1).forEach((window, index) => {
          const last = windows[index]?.at(-1) ?? -1;
          if (room >= 4) expect(window[0]).toBeLessThanOrEqual(last - Math.floor(room / 4) + 1);
          expect(window[0]).toBeGreaterThan(windows[index]?.[0] ?? -1);
        });
      }),
    );
  });

  it('give each document its best score', () => {
    expect([...bestOfWindows([1, 5, -2, -7, -3], [2, 1, 2])]).toEqual([5, -2, -3]);
    expect([...bestOfWindows([], [])]).toEqual([]);
  });
});

describe('MaxSim', () => {
  const matrix = (tokens: number, seed: number): VectorsOfTokens => {
    const data = Float32Array.from({ length: tokens * 4 }, (_, index) => Math.sin((index + 1) * (seed + 0.7)));
    return { tokens, dimensions: 4, data };
  };

  it('is the sum of each query vector’s best inner product', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 0, max: 50 }),
        (rows, columns, seed) => {
          const [query, passage] = [matrix(rows, seed), matrix(columns, seed + 1)];
          const rowsOf = ({ tokens, data }: VectorsOfTokens) =>
            Array.from({ length: tokens }, (_, at) => [...data.slice(at * 4, at * 4 + 4)]);
          const dot = (a: number[], b: number[]) => a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);
          const naive = rowsOf(query).map((one) => Math.max(...rowsOf(passage).map((other) => dot(one, other))));
          expect(maxSim(query, passage)).toBeCloseTo(
            naive.reduce((sum, best) => sum + best, 0),
            6,
          );
        },
      ),
    );
  });

  it('is nothing for a passage without vectors, and refuses other dimensions', () => {
    expect(maxSim(matrix(3, 1), { tokens: 0, dimensions: 4, data: new Float32Array() })).toBe(0);
    expect(() => maxSim(matrix(3, 1), { tokens: 1, dimensions: 2, data: Float32Array.of(1, 2) })).toThrow(/4 and of 2/);
  });
});

describe('term weights', () => {
  it('are the largest of each term, above zero, ascending, of terms only', () => {
    const { indices, values } = termWeights(Int32Array.of(101, 9, 4, 9, 7, 102), Float32Array.of(5, 0.5, 2, 0.75, 0, 6), (id) => id < 100);
    expect([...indices]).toEqual([4, 9]);
    expect([...values]).toEqual([2, 0.75]);
  });
});

describe('values of a worker', () => {
  const items = [Int32Array.of(1, 2, 3), Int32Array.of(4)].map((ids) => ({ ids, typeIds: new Int32Array(ids.length) }));
  /** Integers and floats in one piece of memory, as they come off the wire. */
  const words = (integers: readonly number[], floats: readonly number[]): Float32Array => {
    const values = new Float32Array(integers.length + floats.length);
    new Int32Array(values.buffer).set(integers);
    values.set(floats, integers.length);
    return values;
  };

  it('are taken apart row by row', () => {
    expect(splitVectors(2)(Float32Array.of(1, 2, 3, 4), items).map((row) => [...row])).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(splitTokenWeights(Float32Array.of(1, 2, 3, 4), items).map((row) => [...row])).toEqual([[1, 2, 3], [4]]);
    const terms = splitTerms(words([2, 1, 10, 20, 30], [0.5, 1, 2]), items);
    expect(terms.map(({ indices, values }) => [[...indices], [...values]])).toEqual([
      [
        [10, 20],
        [0.5, 1],
      ],
      [[30], [2]],
    ]);
    const vectors = splitTokenVectors(2)(words([2, 1], [1, 2, 3, 4, 5, 6]), items);
    expect(vectors.map(({ tokens, data }) => [tokens, ...data])).toEqual([
      [2, 1, 2, 3, 4],
      [1, 5, 6],
    ]);
  });

  it('of another number than the rows want are refused', () => {
    const refusals = [
      () => splitVectors(2)(new Float32Array(3), items),
      () => splitTokenWeights(new Float32Array(5), items),
      () => splitTerms(words([2, 1, 10, 20, 30], [0.5, 1]), items),
      () => splitTerms(new Float32Array(1), items),
      () => splitTokenVectors(2)(words([2, 1], [1, 2, 3, 4, 5]), items),
    ];
    for (const refused of refusals) expect(refused).toThrow(expect.objectContaining({ code: 'inference_failed' }));
  });
});
