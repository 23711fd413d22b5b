import { countOf, type Postings, slotOf } from './postings.ts';

/** A term of a query with what it is worth. */
export interface QueryTerm {
  readonly term: number;
  readonly weight: number;
}

/** What slots are scored by. */
export interface Scoring {
  readonly postings: Postings;
  /** BM25's `k1 * (1 - b + b * length / average)` of a slot. */
  readonly norms: Float32Array;
  /** The smallest of them. */
  readonly leastNorm: number;
  readonly keep: (slot: number) => boolean;
}

/** Sums differ in their last digits by the order in which they are made. */
const ROUNDING = 1 - 1e-9;
const REFUSED = -1;

/**
 * Scores of slots, term by term, with Turtle and Flood's MaxScore: as soon as the terms that are left cannot lift a slot that none of
 * the others found over the k-th best so far, they are only looked up for those that can still win.
 */
export class TermScores {
  /** By slot: the sum so far; 0 where no term was found, negative where the slot is not kept. */
  #sums = new Float64Array(1024);
  #touched = new Int32Array(1024);
  #count = 0;

  /** Slots among which the k best are, and their sums in `sums`; valid until the next call. */
  score(terms: readonly QueryTerm[], k: number, scoring: Scoring): { readonly slots: Int32Array; readonly sums: Float64Array } {
    this.#reset(scoring.norms.length);
    const ordered = terms
      .map(({ term, weight }) => ({ term, weight, bound: weight * shareOf(scoring.postings.most(term), scoring.leastNorm) }))
      .sort((a, b) => b.bound - a.bound);
    let left = ordered.reduce((sum, { bound }) => sum + bound, 0);
    let isClosed = false;
    for (const { term, weight, bound } of ordered) {
      const least = this.#kthBest(k, left);
      isClosed ||= least !== undefined && left < least * ROUNDING;
      if (isClosed && least !== undefined) this.#dropBelow((least - left) * ROUNDING);
      if (isClosed) this.#lookUp(term, weight, scoring);
      else this.#collect(term, weight, scoring);
      left -= bound;
    }
    return { slots: this.#touched.subarray(0, this.#count), sums: this.#sums };
  }

  #reset(slots: number): void {
    if (this.#sums.length < slots) {
      this.#sums = new Float64Array(slots + 4096);
      this.#touched = new Int32Array(slots + 4096);
    } else {
      this.#sums.fill(0, 0, slots);
    }
    this.#count = 0;
  }

  #collect(term: number, weight: number, { postings, norms, keep }: Scoring): void {
    const sums = this.#sums;
    for (const run of postings.runs(term)) {
      for (let index = 0; index < run.length; index++) {
        const entry = run[index] ?? 0;
        const slot = slotOf(entry);
        const sum = sums[slot] ?? 0;
        if (sum < 0) continue;
        if (sum === 0) {
          if (!keep(slot)) {
            sums[slot] = REFUSED;
            continue;
          }
          this.#touched[this.#count++] = slot;
        }
        sums[slot] = sum + weight * shareOf(countOf(entry), norms[slot] ?? 0);
      }
    }
  }

  /** Adds to those that are in, and lets nobody new in. */
  #lookUp(term: number, weight: number, { postings, norms }: Scoring): void {
    const sums = this.#sums;
    for (const run of postings.runs(term)) {
      for (let index = 0; index < run.length; index++) {
        const entry = run[index] ?? 0;
        const slot = slotOf(entry);
        const sum = sums[slot] ?? 0;
        if (sum > 0) sums[slot] = sum + weight * shareOf(countOf(entry), norms[slot] ?? 0);
      }
    }
  }

  #dropBelow(least: number): void {
    let kept = 0;
    for (let index = 0; index < this.#count; index++) {
      const slot = this.#touched[index] ?? 0;
      if ((this.#sums[slot] ?? 0) >= least) this.#touched[kept++] = slot;
      else this.#sums[slot] = REFUSED;
    }
    this.#count = kept;
  }

  /** The k-th largest sum; undefined where there are fewer, or where `left` makes it plain that it will not be needed. */
  #kthBest(k: number, left: number): number | undefined {
    if (this.#count < k || k === 0) return undefined;
    const sums = new Float64Array(this.#count);
    let above = 0;
    for (let index = 0; index < sums.length; index++) {
      const sum = this.#sums[this.#touched[index] ?? 0] ?? 0;
      if (sum > left) sums[above++] = sum;
    }
    return above < k ? undefined : selectKth(sums.subarray(0, above), k);
  }
}

function shareOf(count: number, norm: number): number {
  return count / (count + norm);
}

/** The k-th largest (Hoare's quickselect); changes the order of `values`. */
function selectKth(values: Float64Array, k: number): number {
  let low = 0;
  let high = values.length - 1;
  const wanted = k - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1] ?? 0;
    let left = low;
    let right = high;
    while (left <= right) {
      while ((values[left] ?? 0) > pivot) left++;
      while ((values[right] ?? 0) < pivot) right--;
      if (left > right) break;
      const value = values[left] ?? 0;
      values[left++] = values[right] ?? 0;
      values[right--] = value;
    }
    if (wanted <= right) high = right;
    else if (wanted >= left) low = left;
    else break;
  }
  return values[wanted] ?? 0;
}
