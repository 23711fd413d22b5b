import { GraphLinks, LINKS } from './graph-links.ts';
import type { QuantizedRows } from './quantized-rows.ts';
import { RowQueue } from './row-queue.ts';

/** Candidates that are weighed for the neighbours of a new row. */
const BUILD_BREADTH = 128;

/** A row with its nearness. */
export interface Near {
  readonly row: number;
  readonly score: number;
}

/**
 * A navigable small-world graph over coarse rows: Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using
 * Hierarchical Navigable Small World graphs" (2018), with their heuristic that prefers neighbours in different directions.
 */
export class Graph {
  readonly links = new GraphLinks();
  readonly #rows: QuantizedRows;
  readonly #candidates = new RowQueue();
  readonly #found = new RowQueue();
  /** A row was seen in the search whose number stands here. */
  #seen = new Uint32Array();
  #search = 0;

  constructor(rows: QuantizedRows) {
    this.#rows = rows;
  }

  get memoryBytes(): number {
    return this.links.memoryBytes + this.#seen.byteLength;
  }

  /** Links a row that is written. Rows are linked once each. */
  insert(row: number): void {
    const level = levelFor(row);
    this.links.add(row, level);
    this.#rows.aimAt(row);
    const { entry } = this.links;
    if (entry === -1) {
      this.links.entry = row;
      return;
    }
    let from = this.#descend(entry, level);
    const neighbours: (readonly Near[])[] = [];
    for (let at = Math.min(level, this.links.top); at >= 0; at--) {
      const near = this.#searchLevel(from, at, { breadth: BUILD_BREADTH, counts: undefined });
      from = near[0]?.row ?? from;
      neighbours[at] = near;
    }
    // The choice among them aims elsewhere, so it comes last.
    for (const [at, near] of neighbours.entries()) this.#connect(row, at, near);
    if (level > this.links.top) this.links.entry = row;
  }

  #connect(row: number, level: number, near: readonly Near[]): void {
    const chosen = this.#spread(near, LINKS);
    this.links.set(row, level, chosen);
    for (const neighbour of chosen) if (!this.links.append(neighbour, level, row)) this.#replace(neighbour, level, row);
  }

  /** A full list takes the newcomer in and gives the least useful up. */
  #replace(row: number, level: number, newcomer: number): void {
    const rows = [...this.links.of(row, level), newcomer];
    this.#rows.aimAt(row);
    const near = this.#scored(rows).sort((a, b) => b.score - a.score);
    this.links.set(row, level, this.#spread(near, this.links.most(level)));
  }

  #scored(rows: readonly number[]): Near[] {
    this.#rows.slots.set(rows);
    this.#rows.gather(rows.length);
    return rows.map((row, index) => ({ row, score: this.#rows.score(index, row) }));
  }

  /** The nearest that are nearer to the centre than to any chosen before. */
  #spread(near: readonly Near[], most: number): number[] {
    const chosen: number[] = [];
    for (const { row, score } of near) {
      if (chosen.length === most) break;
      if (chosen.length > 0 && this.#isNearOne(row, chosen, score)) continue;
      chosen.push(row);
    }
    return chosen;
  }

  #isNearOne(row: number, others: readonly number[], score: number): boolean {
    this.#rows.aimAt(row);
    this.#rows.slots.set(others);
    this.#rows.gather(others.length);
    for (let index = 0; index < others.length; index++) if (this.#rows.score(index, others[index] ?? 0) > score) return true;
    return false;
  }

  /** From the entry down to the level above `level`, to the nearest on the way. The rows are aimed at the query. */
  #descend(entry: number, level: number): number {
    let best = entry;
    for (let at = this.links.top; at > level; at--) best = this.#searchLevel(best, at, { breadth: 1, counts: undefined })[0]?.row ?? best;
    return best;
  }

  /** The `breadth` nearest that count, the best first. The rows must be aimed at the query. */
  nearest(breadth: number, counts: ((row: number) => boolean) | undefined): readonly Near[] {
    const { entry } = this.links;
    return entry === -1 ? [] : this.#searchLevel(this.#descend(entry, 0), 0, { breadth, counts });
  }

  #searchLevel(
    from: number,
    level: number,
    { breadth, counts }: { readonly breadth: number; readonly counts: ((row: number) => boolean) | undefined },
  ): readonly Near[] {
    this.#begin();
    const [start] = this.#scored([from]);
    this.#visit(from, start?.score ?? 0, { breadth, counts });
    while (this.#candidates.length > 0) {
      const score = -this.#candidates.firstKey;
      if (this.#found.length >= breadth && score < this.#found.firstKey) break;
      this.#expand(this.#candidates.pop(), level, { breadth, counts });
    }
    return this.#drain();
  }

  #begin(): void {
    const rows = this.#rows.capacity;
    if (this.#seen.length < rows) {
      this.#seen = new Uint32Array(rows);
      this.#search = 0;
    }
    if (++this.#search > 0xffff_fff0) {
      this.#seen.fill(0);
      this.#search = 1;
    }
    this.#candidates.clear();
    this.#found.clear();
  }

  #visit(
    row: number,
    score: number,
    { breadth, counts }: { readonly breadth: number; readonly counts: ((row: number) => boolean) | undefined },
  ): void {
    this.#seen[row] = this.#search;
    this.#candidates.push(-score, row);
    if (counts !== undefined && !counts(row)) return;
    this.#found.push(score, row);
    if (this.#found.length > breadth) this.#found.pop();
  }

  #expand(
    row: number,
    level: number,
    options: { readonly breadth: number; readonly counts: ((row: number) => boolean) | undefined },
  ): void {
    const { slots } = this.#rows;
    let count = 0;
    for (const neighbour of this.links.of(row, level)) {
      if (this.#seen[neighbour] === this.#search) continue;
      this.#seen[neighbour] = this.#search;
      slots[count++] = neighbour;
    }
    this.#rows.gather(count);
    for (let index = 0; index < count; index++) {
      const neighbour = slots[index] ?? 0;
      const score = this.#rows.score(index, neighbour);
      if (this.#found.length < options.breadth || score > this.#found.firstKey) this.#visit(neighbour, score, options);
    }
  }

  #drain(): readonly Near[] {
    const near: Near[] = new Array(this.#found.length);
    for (let index = near.length - 1; index >= 0; index--) {
      const score = this.#found.firstKey;
      near[index] = { row: this.#found.pop(), score };
    }
    return near;
  }

  clear(): void {
    this.links.clear();
    this.#seen = new Uint32Array();
  }
}

/** Exponentially fewer rows reach each higher level; by number, so that the same rows make the same graph. */
function levelFor(row: number): number {
  let mixed = Math.imul(row + 1, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  const uniform = (((mixed ^ (mixed >>> 16)) >>> 0) + 1) / (2 ** 32 + 1);
  return Math.floor(-Math.log(uniform) / Math.log(LINKS));
}
