const FIRST_BLOCK = 4;
const LARGEST_BLOCK = 4096;
const HEADER = 2;
/** A posting is a slot and, in its lowest 8 bits, how often the term stands there. */
const COUNT_BITS = 8;
const MOST_COUNT = 255;
/** What a posting has room for. */
export const MOST_SLOTS = 2 ** (32 - COUNT_BITS);

/**
 * Where each term stands: slots in ascending order with a count, four bytes each. All lists share one array; a list is a chain of blocks
 * that double in size, so that a rare term costs little and a frequent one is read in long runs.
 * A block is [next block, entries it has room for, entries …].
 */
export class Postings {
  #data = new Uint32Array(1 << 12);
  #used = 1;
  #heads = new Uint32Array(256);
  #tails = new Uint32Array(256);
  /** Entries in the last block. */
  #fills = new Uint16Array(256);
  /** Entries of slots that are not removed. */
  #live = new Uint32Array(256);
  #most = new Uint8Array(256);
  #terms = 0;

  get memoryBytes(): number {
    return this.#data.byteLength + this.#heads.length * 15;
  }

  /** How many slots that are not removed have the term. */
  live(term: number): number {
    return this.#live[term] ?? 0;
  }

  /** Largest count of a term in one slot. */
  most(term: number): number {
    return this.#most[term] ?? 0;
  }

  /** A new term; terms are numbered from 0. */
  addTerm(): number {
    if (this.#terms === this.#heads.length) this.#growTerms();
    return this.#terms++;
  }

  /** Slots of one term must come in ascending order. */
  add(term: number, slot: number, count: number): void {
    const at = this.#placeFor(term);
    const capped = Math.min(count, MOST_COUNT);
    this.#data[at] = slot * (1 << COUNT_BITS) + capped;
    this.#live[term] = this.live(term) + 1;
    if (capped > this.most(term)) this.#most[term] = capped;
  }

  /** One slot less has the term; its entry stays until everything is written anew. */
  forget(term: number): void {
    this.#live[term] = Math.max(0, this.live(term) - 1);
  }

  #placeFor(term: number): number {
    const tail = this.#tails[term] ?? 0;
    const fill = this.#fills[term] ?? 0;
    const room = tail === 0 ? 0 : (this.#data[tail + 1] ?? 0);
    if (fill < room) {
      this.#fills[term] = fill + 1;
      return tail + HEADER + fill;
    }
    const block = this.#newBlock(room === 0 ? FIRST_BLOCK : Math.min(room * 2, LARGEST_BLOCK));
    if (tail === 0) this.#heads[term] = block;
    else this.#data[tail] = block;
    this.#tails[term] = block;
    this.#fills[term] = 1;
    return block + HEADER;
  }

  #newBlock(room: number): number {
    const block = this.#used;
    this.#used += HEADER + room;
    if (this.#used > this.#data.length) {
      const data = new Uint32Array(Math.max(this.#used, Math.ceil(this.#data.length * 1.5)));
      data.set(this.#data);
      this.#data = data;
    }
    this.#data[block] = 0;
    this.#data[block + 1] = room;
    return block;
  }

  /** Entries of a term, run by run: read each with {@link slotOf} and {@link countOf}. */
  *runs(term: number): Iterable<Uint32Array> {
    const tail = this.#tails[term] ?? 0;
    for (let block = this.#heads[term] ?? 0; block !== 0; block = this.#data[block] ?? 0) {
      const entries = block === tail ? (this.#fills[term] ?? 0) : (this.#data[block + 1] ?? 0);
      yield this.#data.subarray(block + HEADER, block + HEADER + entries);
    }
  }

  #growTerms(): void {
    const length = this.#heads.length * 2;
    const grow = <T extends Uint32Array | Uint16Array | Uint8Array>(larger: T, values: T): T => {
      larger.set(values);
      return larger;
    };
    this.#heads = grow(new Uint32Array(length), this.#heads);
    this.#tails = grow(new Uint32Array(length), this.#tails);
    this.#fills = grow(new Uint16Array(length), this.#fills);
    this.#live = grow(new Uint32Array(length), this.#live);
    this.#most = grow(new Uint8Array(length), this.#most);
  }
}

export function slotOf(entry: number): number {
  return entry >>> COUNT_BITS;
}

export function countOf(entry: number): number {
  return entry & MOST_COUNT;
}
