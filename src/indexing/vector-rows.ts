import { crc32 } from 'node:zlib';
import { LocalLiteError } from '../errors.ts';
import { Best } from './best.ts';
import type { IndexHits, Keep } from './index-types.ts';
import { BLOCK, QuantizedRows } from './quantized-rows.ts';

const SEGMENT = 2048;
const NOBODY = -1;
const MOST_ALONE = 8;

/**
 * Vectors by row: whole ones, and a coarser copy that is compared first. Numbers of chunks are mapped to rows; a row that is given up
 * keeps its coarse copy until it is taken again.
 */
export class VectorRows {
  readonly dimensions: number;
  readonly coarse: QuantizedRows;
  readonly #segments: Float32Array[] = [];
  #chunks = new Float64Array();
  #rows = new Map<number, number>();
  #free: number[] = [];
  #used = 0;

  constructor(dimensions: number) {
    this.dimensions = dimensions;
    this.coarse = new QuantizedRows(dimensions);
  }

  /** Chunks that are here. */
  get size(): number {
    return this.#rows.size;
  }

  /** Rows that are or were taken. */
  get used(): number {
    return this.#used;
  }

  get memoryBytes(): number {
    const segment = SEGMENT * this.dimensions * 4;
    return this.#segments.length * segment + this.coarse.memoryBytes + this.#chunks.byteLength + this.size * 40;
  }

  /** Number of the chunk in a row; undefined where it was given up. */
  chunkAt(row: number): number | undefined {
    const chunk = this.#chunks[row] ?? NOBODY;
    return chunk === NOBODY ? undefined : chunk;
  }

  rowOf(chunk: number): number | undefined {
    return this.#rows.get(chunk);
  }

  vectorAt(row: number): Float32Array {
    const at = (row % SEGMENT) * this.dimensions;
    return this.#segments[Math.floor(row / SEGMENT)]?.subarray(at, at + this.dimensions) ?? new Float32Array(this.dimensions);
  }

  /** Checksum of the vector in a row. */
  printAt(row: number): number {
    const { buffer, byteOffset, byteLength } = this.vectorAt(row);
    return crc32(new Uint8Array(buffer, byteOffset, byteLength));
  }

  /** @throws LocalLiteError internal (not as many numbers as promised) */
  checkShape(chunks: readonly number[], vectors: Float32Array): void {
    if (vectors.length === chunks.length * this.dimensions) return;
    const promised = `${chunks.length} vectors of ${this.dimensions} numbers`;
    throw new LocalLiteError('internal', `${promised} were promised, ${vectors.length} numbers came`);
  }

  /** Puts a chunk into a row that was given up, or into a new one. */
  add(chunk: number, vector: Float32Array): number {
    const row = this.#free.pop() ?? this.#used++;
    this.put(row, chunk, vector);
    return row;
  }

  put(row: number, chunk: number, vector: Float32Array): void {
    this.fill(row, vector);
    this.#rows.set(chunk, row);
    this.#chunks[row] = chunk;
  }

  /** A vector of nobody: a graph finds its way by it. */
  fill(row: number, vector: Float32Array): void {
    this.#reserve(row + 1);
    this.#used = Math.max(this.#used, row + 1);
    this.#segments[Math.floor(row / SEGMENT)]?.set(vector, (row % SEGMENT) * this.dimensions);
    this.coarse.write(row, vector);
  }

  #reserve(rows: number): void {
    this.coarse.reserve(rows);
    while (this.#segments.length * SEGMENT < rows) this.#segments.push(new Float32Array(SEGMENT * this.dimensions));
    if (this.#chunks.length >= this.coarse.capacity) return;
    const chunks = new Float64Array(this.coarse.capacity).fill(NOBODY);
    chunks.set(this.#chunks);
    this.#chunks = chunks;
  }

  /** Rows up to `rows` count as taken and given up, until they are put. */
  skipTo(rows: number): void {
    this.#reserve(rows);
    this.#used = Math.max(this.#used, rows);
  }

  /** @returns the row that was given up; undefined where the chunk is unknown */
  remove(chunk: number): number | undefined {
    const row = this.#rows.get(chunk);
    if (row === undefined) return undefined;
    this.#rows.delete(chunk);
    this.#chunks[row] = NOBODY;
    return row;
  }

  /** The row may be taken by another chunk. */
  release(row: number): void {
    this.#free.push(row);
  }

  /** Moves the last rows to those that were given up, so that there are as many rows as chunks. */
  compact(): void {
    this.#free = [];
    let last = this.#used - 1;
    for (let row = 0; row <= last; row++) {
      if (this.chunkAt(row) !== undefined) continue;
      while (last > row && this.chunkAt(last) === undefined) last--;
      if (last === row) break;
      this.#move(last--, row);
    }
    this.#used = this.size;
    this.#segments.length = Math.ceil(this.#used / SEGMENT);
  }

  #move(from: number, to: number): void {
    const chunk = this.#chunks[from] ?? NOBODY;
    this.#segments[Math.floor(to / SEGMENT)]?.set(this.vectorAt(from), (to % SEGMENT) * this.dimensions);
    this.coarse.copy(from, to);
    this.#chunks[to] = chunk;
    this.#chunks[from] = NOBODY;
    this.#rows.set(chunk, to);
  }

  /** @throws LocalLiteError internal (a vector of another length) */
  aim(query: Float32Array): void {
    if (query.length !== this.dimensions) {
      throw new LocalLiteError('internal', `a query of ${query.length} numbers was compared with vectors of ${this.dimensions}`);
    }
    this.coarse.aim(query);
  }

  exactScore(query: Float32Array, row: number): number {
    const vectors = this.#segments[Math.floor(row / SEGMENT)];
    return vectors === undefined ? 0 : dot(query, vectors, (row % SEGMENT) * this.dimensions);
  }

  /** Adds the best of the rows from `first` on. Coarse scores come with a bound of their error, so none that belongs there is missed. */
  scan(query: Float32Array, best: Best, { first = 0, keep }: { readonly first?: number; readonly keep: Keep | undefined }): void {
    for (let from = first; from < this.#used; from += BLOCK) {
      const count = Math.min(BLOCK, this.#used - from);
      this.coarse.scan(from, count);
      const picked = this.coarse.pick(from, count, best.threshold);
      for (let at = 0; at < picked; at++) {
        const index = this.coarse.promising[at] ?? 0;
        this.#consider(query, best, { index, row: from + index, keep });
      }
    }
  }

  /** The same for these chunks alone. */
  scanOnly(query: Float32Array, best: Best, chunks: Iterable<number>): void {
    let count = 0;
    const flush = (): void => {
      const rows = this.coarse.slots.slice(0, count);
      this.coarse.gather(count);
      for (const [index, row] of rows.entries()) this.#consider(query, best, { index, row, keep: undefined });
      count = 0;
    };
    for (const chunk of chunks) {
      const row = this.#rows.get(chunk);
      if (row === undefined) continue;
      this.coarse.slots[count++] = row;
      if (count === BLOCK) flush();
    }
    flush();
  }

  #consider(
    query: Float32Array,
    best: Best,
    { index, row, keep }: { readonly index: number; readonly row: number; readonly keep: Keep | undefined },
  ): void {
    if (this.coarse.bound(index, row) < best.threshold) return;
    const chunk = this.chunkAt(row);
    if (chunk === undefined || (keep !== undefined && !keep(chunk))) return;
    best.add(chunk, this.exactScore(query, row));
  }

  /** Every row against the query: what other ways of searching are measured by. */
  bestOf(query: Float32Array, k: number, keep: Keep | undefined): IndexHits {
    this.aim(query);
    const best = new Best(k);
    // One by one costs several times as much a row as one behind the other.
    if (keep?.chunks !== undefined && (keep.count ?? Number.POSITIVE_INFINITY) * MOST_ALONE < this.used) {
      this.scanOnly(query, best, keep.chunks());
    } else {
      this.scan(query, best, { keep });
    }
    return best.hits();
  }

  clear(): void {
    this.#segments.length = 0;
    this.#chunks = new Float64Array();
    this.#rows.clear();
    this.#free = [];
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
