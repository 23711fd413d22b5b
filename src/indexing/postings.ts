/** Where a term stands: documents in ascending order with how often, growing at the end. */
export class Postings {
  #documents = new Int32Array(4);
  #counts = new Uint8Array(4);
  #length = 0;
  /** Largest share that any document gives this term, for pruning: count over count and length norm. */
  bound = 0;
  /** Documents that are not deleted. */
  live = 0;

  get length(): number {
    return this.#length;
  }

  get memoryBytes(): number {
    return this.#documents.byteLength + this.#counts.byteLength + 80;
  }

  push(document: number, count: number, share: number): void {
    if (this.#length === this.#documents.length) this.#grow();
    this.#documents[this.#length] = document;
    this.#counts[this.#length] = Math.min(count, 255);
    this.#length++;
    this.live++;
    if (share > this.bound) this.bound = share;
  }

  document(index: number): number {
    return this.#documents[index] ?? 0;
  }

  count(index: number): number {
    return this.#counts[index] ?? 0;
  }

  /** Index of the first document at or behind this one, from `from` on: by doubling steps, then halving. */
  seek(document: number, from: number): number {
    let step = 1;
    let low = from;
    let high = from;
    while (high < this.#length && this.document(high) < document) {
      low = high + 1;
      high += step;
      step *= 2;
    }
    high = Math.min(high, this.#length);
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.document(middle) < document) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #grow(): void {
    const documents = new Int32Array(this.#documents.length * 2);
    documents.set(this.#documents);
    this.#documents = documents;
    const counts = new Uint8Array(documents.length);
    counts.set(this.#counts);
    this.#counts = counts;
  }
}
