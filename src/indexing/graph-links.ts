/** Neighbours of a row: on level 0 twice as many as above. */
export const LINKS = 16;
const LINKS_BELOW = 2 * LINKS;
const BELOW_WIDTH = LINKS_BELOW + 1;
const ABOVE_WIDTH = LINKS + 1;
const HIGHEST = 15;

/** All that a graph is made of, as it is kept in a file. */
export interface LinkArrays {
  readonly levels: Uint8Array<ArrayBuffer>;
  readonly below: Int32Array<ArrayBuffer>;
  readonly aboveAt: Int32Array<ArrayBuffer>;
  readonly above: Int32Array<ArrayBuffer>;
  readonly entry: number;
}

/**
 * Who is next to whom, level by level: the first number of each list is its length. Level 0 lies in one array by row; the few rows that
 * reach higher have their lists behind each other in a second one.
 */
export class GraphLinks {
  #levels = new Uint8Array();
  #below = new Int32Array();
  #aboveAt = new Int32Array();
  #above = new Int32Array(1024);
  #aboveUsed = 0;
  /** Row where every search starts; -1 while there is none. */
  entry = -1;

  get memoryBytes(): number {
    return this.#levels.byteLength + this.#below.byteLength + this.#aboveAt.byteLength + this.#above.byteLength;
  }

  get top(): number {
    return this.entry === -1 ? 0 : this.levelOf(this.entry);
  }

  levelOf(row: number): number {
    return this.#levels[row] ?? 0;
  }

  most(level: number): number {
    return level === 0 ? LINKS_BELOW : LINKS;
  }

  add(row: number, level: number): void {
    this.#reserve(row + 1);
    const height = Math.min(level, HIGHEST);
    this.#levels[row] = height;
    this.#below[row * BELOW_WIDTH] = 0;
    this.#aboveAt[row] = this.#aboveUsed;
    this.#aboveUsed += height * ABOVE_WIDTH;
    if (this.#aboveUsed > this.#above.length) this.#above = grown(this.#above, Math.max(this.#aboveUsed, this.#above.length * 2));
    this.#above.fill(0, this.#aboveUsed - height * ABOVE_WIDTH, this.#aboveUsed);
  }

  #reserve(rows: number): void {
    if (rows <= this.#levels.length) return;
    const capacity = Math.max(rows, 1024, Math.min(this.#levels.length * 2, this.#levels.length + 100_000));
    const levels = new Uint8Array(capacity);
    levels.set(this.#levels);
    this.#levels = levels;
    this.#below = grown(this.#below, capacity * BELOW_WIDTH);
    this.#aboveAt = grown(this.#aboveAt, capacity);
  }

  /** The neighbours: a view that is good until rows are added. */
  of(row: number, level: number): Int32Array {
    const list = level === 0 ? this.#below : this.#above;
    const at = this.#placeOf(row, level);
    return list.subarray(at + 1, at + 1 + (list[at] ?? 0));
  }

  set(row: number, level: number, neighbours: readonly number[]): void {
    const list = level === 0 ? this.#below : this.#above;
    const at = this.#placeOf(row, level);
    list[at] = neighbours.length;
    list.set(neighbours, at + 1);
  }

  /** False where the list is full. */
  append(row: number, level: number, neighbour: number): boolean {
    const list = level === 0 ? this.#below : this.#above;
    const at = this.#placeOf(row, level);
    const length = list[at] ?? 0;
    if (length === this.most(level)) return false;
    list[at] = length + 1;
    list[at + 1 + length] = neighbour;
    return true;
  }

  #placeOf(row: number, level: number): number {
    return level === 0 ? row * BELOW_WIDTH : (this.#aboveAt[row] ?? 0) + (level - 1) * ABOVE_WIDTH;
  }

  /** The first `rows` rows, to be kept. */
  save(rows: number): LinkArrays {
    return {
      levels: this.#levels.slice(0, rows),
      below: this.#below.slice(0, rows * BELOW_WIDTH),
      aboveAt: this.#aboveAt.slice(0, rows),
      above: this.#above.slice(0, this.#aboveUsed),
      entry: this.entry,
    };
  }

  /** False, and nothing is taken, where the arrays do not belong together. */
  load(rows: number, { levels, below, aboveAt, above, entry }: LinkArrays): boolean {
    const fits = levels.length === rows && below.length === rows * BELOW_WIDTH && aboveAt.length === rows && entry >= 0 && entry < rows;
    if (!fits) return false;
    this.#levels = levels;
    this.#below = below;
    this.#aboveAt = aboveAt;
    this.#above = above;
    this.#aboveUsed = above.length;
    this.entry = entry;
    return true;
  }

  clear(): void {
    this.#levels = new Uint8Array();
    this.#below = new Int32Array();
    this.#aboveAt = new Int32Array();
    this.#above = new Int32Array(1024);
    this.#aboveUsed = 0;
    this.entry = -1;
  }
}

function grown(values: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length);
  larger.set(values);
  return larger;
}
