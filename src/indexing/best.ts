import type { IndexHits } from './index-types.ts';

/** The k best of a stream of scores: a binary heap whose root is the worst that is kept. Equal scores: the lower number is better. */
export class Best {
  readonly #limit: number;
  readonly #numbers: number[] = [];
  readonly #scores: number[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** A score must be above this to be kept; minus infinity while there is room. */
  get threshold(): number {
    return this.#numbers.length < this.#limit ? Number.NEGATIVE_INFINITY : (this.#scores[0] ?? Number.NEGATIVE_INFINITY);
  }

  add(number: number, score: number): void {
    if (this.#limit === 0) return;
    if (this.#numbers.length < this.#limit) {
      this.#numbers.push(number);
      this.#scores.push(score);
      this.#rise(this.#numbers.length - 1);
    } else if (this.#isWorse(0, number, score)) {
      this.#numbers[0] = number;
      this.#scores[0] = score;
      this.#sink(0);
    }
  }

  hits(): IndexHits {
    const order = this.#numbers.map((_, index) => index);
    order.sort((a, b) => this.#score(b) - this.#score(a) || this.#number(a) - this.#number(b));
    return { chunks: order.map((index) => this.#number(index)), scores: order.map((index) => this.#score(index)) };
  }

  #number(index: number): number {
    return this.#numbers[index] ?? 0;
  }

  #score(index: number): number {
    return this.#scores[index] ?? 0;
  }

  #isWorse(index: number, number: number, score: number): boolean {
    const own = this.#score(index);
    return own < score || (own === score && this.#number(index) > number);
  }

  #swap(a: number, b: number): void {
    [this.#numbers[a], this.#numbers[b]] = [this.#number(b), this.#number(a)];
    [this.#scores[a], this.#scores[b]] = [this.#score(b), this.#score(a)];
  }

  #rise(from: number): void {
    for (let index = from; index > 0; ) {
      const parent = (index - 1) >> 1;
      if (!this.#isWorse(index, this.#number(parent), this.#score(parent))) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  #sink(from: number): void {
    for (let index = from; ; ) {
      let worst = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < this.#numbers.length && this.#isWorse(child, this.#number(worst), this.#score(worst))) worst = child;
      }
      if (worst === index) return;
      this.#swap(index, worst);
      index = worst;
    }
  }
}
