import { Best } from './best.ts';
import { Graph } from './graph.ts';
import type { LinkArrays } from './graph-links.ts';
import type { IndexHits, Keep, VectorIndex } from './index-types.ts';
import { VectorRows } from './vector-rows.ts';

/** Rows that a search keeps in view for ten hits; grows with the hits that are asked for. */
const BREADTH = 96;
const BREADTH_PER_HIT = 2;
/** Below this share of kept chunks the graph is left by too many dead ends; comparing the kept ones is faster and exact. */
const LEAST_KEPT = 0.15;
/** Chunks that are asked in order to guess the share of kept ones. */
const SAMPLE = 400;
/** Share of removed rows at which the graph is made anew. */
const MOST_DEAD = 0.2;
const ROWS_BETWEEN_LOOKS = 16;

/** Chunks that a kept graph may name though they are gone: their places are empty, and too many of them lead astray. */
const MOST_LOST = 0.05;

/** A graph as it is kept in a file, by row. */
export interface SavedGraph {
  readonly links: LinkArrays;
  /** Chunk of each row; -1 for one that was removed. */
  readonly chunks: Float64Array;
  /** Checksum of each row's vector: a graph belongs to these vectors and no others. */
  readonly prints: Uint32Array;
  /** Vectors of the removed ones, which still show the way. */
  readonly removed: Float32Array;
}

interface Restoring {
  readonly saved: SavedGraph;
  readonly rowOf: ReadonlyMap<number, number>;
  found: number;
  isForeign: boolean;
}

export interface GraphOptions {
  /** Fewer chunks are compared one by one. */
  readonly exactBelow: number;
}

/**
 * Nearest vectors over a graph, in time that hardly grows with their number. Rows are searched from the moment they are added: those that
 * {@link GraphIndex.improve} has not linked yet are compared one by one.
 */
export class GraphIndex implements VectorIndex {
  readonly #rows: VectorRows;
  readonly #graph: Graph;
  readonly #exactBelow: number;
  /** Rows before this one are in the graph. */
  #linked = 0;
  #dead = 0;
  #restoring: Restoring | undefined;

  constructor(dimensions: number, { exactBelow }: GraphOptions) {
    this.#rows = new VectorRows(dimensions);
    this.#graph = new Graph(this.#rows.coarse);
    this.#exactBelow = exactBelow;
  }

  get kind(): string {
    return this.#isGraphUsed ? 'graph' : 'exact';
  }

  get dimensions(): number {
    return this.#rows.dimensions;
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Rows in the graph. */
  get linked(): number {
    return this.#linked;
  }

  get memoryBytes(): number {
    return this.#rows.memoryBytes + this.#graph.memoryBytes;
  }

  /** A half-made graph leaves so much to compare that it is no gain. */
  get #isGraphUsed(): boolean {
    return this.size >= this.#exactBelow && this.#linked * 2 > this.#rows.used;
  }

  upsert(chunks: readonly number[], vectors: Float32Array): void {
    this.#rows.checkShape(chunks, vectors);
    this.remove(chunks);
    for (const [index, chunk] of chunks.entries()) {
      const vector = vectors.subarray(index * this.dimensions, (index + 1) * this.dimensions);
      if (!this.#putBack(chunk, vector)) this.#rows.add(chunk, vector);
    }
  }

  /** Where it stood in the graph that is being restored. */
  #putBack(chunk: number, vector: Float32Array): boolean {
    const row = this.#restoring?.rowOf.get(chunk);
    if (this.#restoring === undefined || row === undefined) return false;
    this.#rows.put(row, chunk, vector);
    this.#restoring.found++;
    this.#restoring.isForeign ||= this.#rows.printAt(row) !== this.#restoring.saved.prints[row];
    return true;
  }

  remove(chunks: readonly number[]): number {
    let removed = 0;
    for (const chunk of chunks) {
      const row = this.#rows.remove(chunk);
      if (row === undefined) continue;
      removed++;
      // In the graph it still shows the way to others; what stands behind the graph is linked in its order.
      if (this.#linked === 0) this.#rows.release(row);
      else if (row < this.#linked) this.#dead++;
    }
    return removed;
  }

  /**
   * Works on the graph for about `milliseconds`.
   * @returns false when there is nothing more to do
   */
  improve(milliseconds: number): boolean {
    if (this.#dead > this.#linked * MOST_DEAD) this.#startAnew();
    if (this.size < this.#exactBelow) return false;
    if (this.#linked === 0) this.#rows.compact();
    const end = performance.now() + milliseconds;
    while (this.#linked < this.#rows.used) {
      for (let count = 0; count < ROWS_BETWEEN_LOOKS && this.#linked < this.#rows.used; count++) this.#linkNext();
      if (performance.now() >= end) break;
    }
    return this.#linked < this.#rows.used;
  }

  #startAnew(): void {
    this.#graph.clear();
    this.#linked = 0;
    this.#dead = 0;
    this.#rows.compact();
  }

  #linkNext(): void {
    const row = this.#linked++;
    if (this.#rows.chunkAt(row) === undefined) this.#dead++;
    this.#graph.insert(row);
  }

  search(vector: Float32Array, k: number, keep?: Keep): IndexHits {
    if (k === 0 || !this.#isGraphUsed || !this.#isKeptOften(keep)) return this.#rows.bestOf(vector, k, keep);
    this.#rows.aim(vector);
    const counts = (row: number): boolean => {
      const chunk = this.#rows.chunkAt(row);
      return chunk !== undefined && (keep === undefined || keep(chunk));
    };
    const near = this.#graph.nearest(Math.max(BREADTH, k * BREADTH_PER_HIT), keep === undefined && this.#dead === 0 ? undefined : counts);
    const best = new Best(k);
    for (const { row } of near) {
      const chunk = this.#rows.chunkAt(row);
      if (chunk !== undefined) best.add(chunk, this.#rows.exactScore(vector, row));
    }
    this.#rows.scan(vector, best, { first: this.#linked, keep });
    const hits = best.hits();
    return hits.chunks.length < k ? this.#rows.bestOf(vector, k, keep) : hits;
  }

  #isKeptOften(keep: Keep | undefined): boolean {
    if (keep === undefined) return true;
    if (keep.count !== undefined) return keep.count >= this.size * LEAST_KEPT;
    const step = Math.max(1, Math.floor(this.#rows.used / SAMPLE));
    let asked = 0;
    let kept = 0;
    for (let row = 0; row < this.#rows.used; row += step) {
      const chunk = this.#rows.chunkAt(row);
      if (chunk === undefined) continue;
      asked++;
      if (keep(chunk)) kept++;
    }
    return kept >= asked * LEAST_KEPT;
  }

  /** Compares with every vector, for measuring and for who asks for it. */
  searchExactly(vector: Float32Array, k: number, keep?: Keep): IndexHits {
    return this.#rows.bestOf(vector, k, keep);
  }

  /** The graph, to be kept; undefined where there is none. */
  save(): SavedGraph | undefined {
    if (this.#linked === 0) return undefined;
    const chunks = new Float64Array(this.#linked);
    const prints = new Uint32Array(this.#linked);
    const removed: number[] = [];
    for (let row = 0; row < this.#linked; row++) {
      const chunk = this.#rows.chunkAt(row);
      chunks[row] = chunk ?? -1;
      prints[row] = this.#rows.printAt(row);
      if (chunk === undefined) removed.push(row);
    }
    const vectors = new Float32Array(removed.length * this.dimensions);
    for (const [index, row] of removed.entries()) vectors.set(this.#rows.vectorAt(row), index * this.dimensions);
    return { links: this.#graph.links.save(this.#linked), chunks, prints, removed: vectors };
  }

  /** Before the first row: those that come get the places they had in this graph. {@link finishRestoring} says whether it is used. */
  restore(saved: SavedGraph): void {
    const rowOf = new Map<number, number>();
    this.#rows.skipTo(saved.chunks.length);
    let removed = 0;
    for (const [row, chunk] of saved.chunks.entries()) {
      if (chunk !== -1) rowOf.set(chunk, row);
      else this.#rows.fill(row, saved.removed.slice(removed * this.dimensions, ++removed * this.dimensions));
    }
    this.#restoring = { saved, rowOf, found: 0, isForeign: false };
  }

  /** After the last row. False where the graph is of other vectors, or of too few that are left; it is made again then. */
  finishRestoring(): boolean {
    const restoring = this.#restoring;
    this.#restoring = undefined;
    if (restoring === undefined) return false;
    const { saved, rowOf, found, isForeign } = restoring;
    const rows = saved.chunks.length;
    const isUsable = !isForeign && found >= rowOf.size * (1 - MOST_LOST) && this.#graph.links.load(rows, saved.links);
    if (isUsable) {
      this.#linked = rows;
      this.#dead = rows - found;
    } else {
      this.#rows.compact();
    }
    return isUsable;
  }

  close(): void {
    this.#graph.clear();
    this.#rows.clear();
    this.#linked = 0;
  }
}
