import { LocalLiteError } from '../errors.ts';
import { Best } from './best.ts';
import type { IndexHits, Keep, VectorIndex } from './index-types.ts';

const FIRST_ROWS = 256;

/** Compares a query with every vector: exact, and fast enough for tens of thousands of them. */
export class ExactIndex implements VectorIndex {
  readonly kind = 'exact';
  readonly dimensions: number;
  /** Row -> chunk; -1 for a free row. */
  #chunks = new Float64Array(FIRST_ROWS).fill(-1);
  #vectors: Float32Array;
  readonly #rows = new Map<number, number>();
  readonly #free: number[] = [];
  #used = 0;

  constructor(dimensions: number) {
    this.dimensions = dimensions;
    this.#vectors = new Float32Array(FIRST_ROWS * dimensions);
  }

  get size(): number {
    return this.#rows.size;
  }

  get memoryBytes(): number {
    return this.#vectors.byteLength + this.#chunks.byteLength + this.#rows.size * 40;
  }

  upsert(chunks: readonly number[], vectors: Float32Array): void {
    const { dimensions } = this;
    if (vectors.length !== chunks.length * dimensions) {
      throw new LocalLiteError(
        'internal',
        `${chunks.length} vectors of ${dimensions} numbers were promised, ${vectors.length} numbers came`,
      );
    }
    for (const [index, chunk] of chunks.entries()) {
      const row = this.#rows.get(chunk) ?? this.#takeRow();
      this.#rows.set(chunk, row);
      this.#chunks[row] = chunk;
      this.#vectors.set(vectors.subarray(index * dimensions, (index + 1) * dimensions), row * dimensions);
    }
  }

  #takeRow(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#used === this.#chunks.length) this.#grow();
    return this.#used++;
  }

  #grow(): void {
    const rows = this.#chunks.length * 2;
    const chunks = new Float64Array(rows).fill(-1);
    chunks.set(this.#chunks);
    const vectors = new Float32Array(rows * this.dimensions);
    vectors.set(this.#vectors);
    this.#chunks = chunks;
    this.#vectors = vectors;
  }

  remove(chunks: readonly number[]): number {
    let removed = 0;
    for (const chunk of chunks) {
      const row = this.#rows.get(chunk);
      if (row === undefined) continue;
      this.#rows.delete(chunk);
      this.#chunks[row] = -1;
      this.#free.push(row);
      removed++;
    }
    return removed;
  }

  search(vector: Float32Array, k: number, keep?: Keep): IndexHits {
    if (vector.length !== this.dimensions) {
      throw new LocalLiteError('internal', `a query of ${vector.length} numbers was compared with vectors of ${this.dimensions}`);
    }
    const best = new Best(k);
    for (let row = 0; row < this.#used; row++) {
      const chunk = this.#chunks[row] ?? -1;
      if (chunk === -1 || (keep !== undefined && !keep(chunk))) continue;
      const score = dot(vector, this.#vectors, row * this.dimensions);
      if (score >= best.threshold) best.add(chunk, score);
    }
    return best.hits();
  }

  /** The vector of a chunk, for graphs that keep a coarser one. */
  vectorOf(chunk: number): Float32Array | undefined {
    const row = this.#rows.get(chunk);
    return row === undefined ? undefined : this.#vectors.subarray(row * this.dimensions, (row + 1) * this.dimensions);
  }

  close(): void {
    this.#vectors = new Float32Array();
    this.#chunks = new Float64Array();
    this.#rows.clear();
    this.#used = 0;
  }
}

/** Four sums at a time, so that the processor need not wait for one addition before the next. */
function dot(query: Float32Array, vectors: Float32Array, offset: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  const { length } = query;
  const whole = length - (length % 4);
  for (let index = 0; index < whole; index += 4) {
    a += (query[index] ?? 0) * (vectors[offset + index] ?? 0);
    b += (query[index + 1] ?? 0) * (vectors[offset + index + 1] ?? 0);
    c += (query[index + 2] ?? 0) * (vectors[offset + index + 2] ?? 0);
    d += (query[index + 3] ?? 0) * (vectors[offset + index + 3] ?? 0);
  }
  for (let index = whole; index < length; index++) a += (query[index] ?? 0) * (vectors[offset + index] ?? 0);
  return a + b + c + d;
}
