const FIRST_BYTES = 1 << 14;

/** Lists of small numbers, packed: seven bits a byte, the lowest first, the eighth bit set on all but the last byte of a number. */
export class WordLists {
  #bytes = new Uint8Array(FIRST_BYTES);
  #used = 0;
  #starts = new Float64Array(256);
  #count = 0;

  get memoryBytes(): number {
    return this.#bytes.length + this.#starts.byteLength;
  }

  /** @returns the number of the list; lists are numbered from 0 */
  add(numbers: readonly number[]): number {
    if (this.#count + 1 >= this.#starts.length) {
      const starts = new Float64Array(this.#starts.length * 2);
      starts.set(this.#starts);
      this.#starts = starts;
    }
    this.#reserve(numbers.length * 5);
    for (const number of numbers) this.#write(number);
    this.#starts[++this.#count] = this.#used;
    return this.#count - 1;
  }

  #reserve(more: number): void {
    if (this.#used + more <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(this.#used + more, Math.ceil(this.#bytes.length * 1.5)));
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }

  #write(number: number): void {
    let rest = number;
    while (rest >= 0x80) {
      this.#bytes[this.#used++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#used++] = rest;
  }

  read(list: number): number[] {
    const end = this.#starts[list + 1] ?? 0;
    const numbers: number[] = [];
    let number = 0;
    let shift = 0;
    for (let at = this.#starts[list] ?? 0; at < end; at++) {
      const byte = this.#bytes[at] ?? 0;
      number |= (byte & 0x7f) << shift;
      shift += 7;
      if (byte >= 0x80) continue;
      numbers.push(number);
      number = 0;
      shift = 0;
    }
    return numbers;
  }
}
