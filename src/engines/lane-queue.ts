/** One text that waits for its vector. */
export interface Waiting {
  readonly length: number;
  /** Order of arrival. */
  readonly sequence: number;
  readonly enqueuedAt: number;
}

/** Passed arrivals that are kept at most, or as many as wait. */
const DROP_AT = 1024;

/** The waiting texts of one lane: sorted by length for packing, and in order of arrival for fairness. */
export class LaneQueue<Item extends Waiting> {
  readonly #sorted: Item[] = [];
  #arrivals: Item[] = [];
  #head = 0;
  readonly #present = new Set<Item>();
  #tokens = 0;

  get size(): number {
    return this.#sorted.length;
  }

  get tokens(): number {
    return this.#tokens;
  }

  /** Lengths in the order that {@link take} counts in. */
  lengths(): readonly number[] {
    return this.#sorted.map((item) => item.length);
  }

  add(item: Item): void {
    this.#sorted.splice(this.#positionOf(item), 0, item);
    this.#arrivals.push(item);
    this.#present.add(item);
    this.#tokens += item.length;
  }

  /** The item that has waited longest. */
  oldest(): Item | undefined {
    for (; this.#head < this.#arrivals.length; this.#head++) {
      const item = this.#arrivals[this.#head];
      if (item !== undefined && this.#present.has(item)) {
        this.#dropPassed();
        return item;
      }
    }
    return undefined;
  }

  /** Where an item stands among the lengths. */
  indexOf(item: Item): number {
    return this.#positionOf(item);
  }

  /** Removes and returns the items [from, to) of the sorted order. */
  take(from: number, to: number): readonly Item[] {
    const taken = this.#sorted.splice(from, to - from);
    for (const item of taken) this.#forget(item);
    return taken;
  }

  /** Removes an item whose caller has left; false when it is no longer here. */
  remove(item: Item): boolean {
    if (!this.#present.has(item)) return false;
    this.#sorted.splice(this.#positionOf(item), 1);
    this.#forget(item);
    return true;
  }

  #forget(item: Item): void {
    this.#present.delete(item);
    this.#tokens -= item.length;
    if (this.#present.size > 0) return;
    this.#arrivals = [];
    this.#head = 0;
  }

  /** What has gone is let go of, a large piece at a time: an item holds the ids and, in the end, the vector of its text. */
  #dropPassed(): void {
    if (this.#head < DROP_AT || this.#head * 2 < this.#arrivals.length) return;
    this.#arrivals = this.#arrivals.slice(this.#head);
    this.#head = 0;
  }

  /** Binary search by (length, sequence): where the item is, or would go. */
  #positionOf(item: Item): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#sorted[middle];
      if (other !== undefined && (other.length - item.length || other.sequence - item.sequence) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
