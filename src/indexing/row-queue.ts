/** Rows by a key, the smallest first: a binary heap in typed arrays, for the inner loop of graph search. */
export class RowQueue {
  #keys = new Float32Array(256);
  #rows = new Int32Array(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Key at the front; plus infinity where it is empty. */
  get firstKey(): number {
    return this.#length === 0 ? Number.POSITIVE_INFINITY : (this.#keys[0] ?? 0);
  }

  clear(): void {
    this.#length = 0;
  }

  push(key: number, row: number): void {
    if (this.#length === this.#keys.length) this.#grow();
    let index = this.#length++;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const parentKey = this.#keys[parent] ?? 0;
      if (parentKey <= key) break;
      this.#keys[index] = parentKey;
      this.#rows[index] = this.#rows[parent] ?? 0;
      index = parent;
    }
    this.#keys[index] = key;
    this.#rows[index] = row;
  }

  /** Takes the first; the queue must not be empty. */
  pop(): number {
    const first = this.#rows[0] ?? 0;
    this.#length--;
    if (this.#length > 0) this.#sink(this.#keys[this.#length] ?? 0, this.#rows[this.#length] ?? 0);
    return first;
  }

  #sink(key: number, row: number): void {
    const length = this.#length;
    let index = 0;
    for (let child = 1; child < length; child = 2 * index + 1) {
      if (child + 1 < length && (this.#keys[child + 1] ?? 0) < (this.#keys[child] ?? 0)) child++;
      const childKey = this.#keys[child] ?? 0;
      if (childKey >= key) break;
      this.#keys[index] = childKey;
      this.#rows[index] = this.#rows[child] ?? 0;
      index = child;
    }
    this.#keys[index] = key;
    this.#rows[index] = row;
  }

  #grow(): void {
    const keys = new Float32Array(this.#keys.length * 2);
    const rows = new Int32Array(keys.length);
    keys.set(this.#keys);
    rows.set(this.#rows);
    this.#keys = keys;
    this.#rows = rows;
  }
}
