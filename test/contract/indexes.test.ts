import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ExactIndex } from '../../src/indexing/exact-index.ts';
import { GraphIndex } from '../../src/indexing/graph-index.ts';
import type { VectorIndex } from '../../src/indexing/index-types.ts';
import { InvertedIndex } from '../../src/indexing/inverted-index.ts';
import { clusteredVectors, testTextIndex, testVectorIndex, type VectorSample } from '../../src/testing/index-suites.ts';

/** A graph that is finished after every change, so that the checks are of the graph. */
function linkedGraph(dimensions: number): VectorIndex {
  const index = new GraphIndex(dimensions, { exactBelow: 1 });
  const finish = (): void => {
    while (index.improve(50));
  };
  return {
    get kind() {
      return index.kind;
    },
    get size() {
      return index.size;
    },
    get memoryBytes() {
      return index.memoryBytes;
    },
    dimensions,
    upsert: (chunks, vectors) => {
      index.upsert(chunks, vectors);
      finish();
    },
    remove: (chunks) => {
      const removed = index.remove(chunks);
      finish();
      return removed;
    },
    search: (vector, k, keep) => index.search(vector, k, keep),
    close: () => index.close(),
  };
}

/** Embeddings that a run of the bench left; made-up ones otherwise. */
function sample(): VectorSample {
  const path = join(tmpdir(), 'locallite-bench-vectors', 'all-MiniLM-L6-v2-100500.f32');
  if (!existsSync(path)) return clusteredVectors(1500, 64);
  const { buffer, byteOffset } = readFileSync(path);
  return { dimensions: 384, vectors: new Float32Array(buffer, byteOffset, 1500 * 384) };
}

const VECTOR_INDEXES: Readonly<Record<string, (dimensions: number) => VectorIndex>> = {
  exact: (dimensions) => new ExactIndex(dimensions),
  'graph that is finished': linkedGraph,
  'graph that is not begun': (dimensions) => new GraphIndex(dimensions, { exactBelow: 1 }),
  'graph with too few rows': (dimensions) => new GraphIndex(dimensions, { exactBelow: 1_000_000 }),
};

describe.each(Object.entries(VECTOR_INDEXES))('vector index: %s', (_, make) => {
  for (const { name, run } of testVectorIndex(make, sample())) test(name, run);
  for (const { name, run } of testVectorIndex(make, clusteredVectors(300, 7))) test(`${name} (7 dimensions)`, run);
});

describe('text index: inverted index', () => {
  for (const { name, run } of testTextIndex(() => new InvertedIndex())) test(name, run);
});

test('a suite fails for an index that forgets a vector', () => {
  const forgetful = (dimensions: number): VectorIndex => {
    const index = new ExactIndex(dimensions);
    return {
      kind: 'exact',
      dimensions,
      get size() {
        return index.size;
      },
      get memoryBytes() {
        return index.memoryBytes;
      },
      upsert: (chunks, vectors) => index.upsert(chunks, vectors),
      remove: (chunks) => index.remove(chunks),
      search: (vector, k) => index.search(vector, k, (chunk) => chunk !== 1),
      close: () => index.close(),
    };
  };
  const failed = testVectorIndex(forgetful).filter(({ run }) => {
    try {
      run();
      return false;
    } catch {
      return true;
    }
  });
  expect(failed.map(({ name }) => name)).toEqual([
    'finds each vector by itself',
    'finds the nearest, best first, with their products as scores',
    'keeps to the filter, and finds k where k are kept',
    'replaces a vector',
    'forgets what is removed, takes it back, and does not count strangers',
  ]);
});
