import { LocalLiteError } from '../errors.ts';
import { instantiateDotProducts } from './dot-products.ts';

/** Rows whose products are taken in one call. */
export const BLOCK = 4096;
const PAGE_BYTES = 65_536;
const LARGEST = 127;
/** What float32 arithmetic may add to a score. */
const ROUNDING = 1e-6;

/**
 * Vectors as int8 numbers, each row with a scale of its own, in the memory of a small SIMD module: a quarter of the space and about ten
 * times the speed of float32 in plain JavaScript. Every row knows how far it is from the vector it stands for, so a product comes with a
 * bound of its error.
 */
export class QuantizedRows {
  readonly #width: number;
  readonly #kernel = instantiateDotProducts();
  readonly #slotsAt: number;
  readonly #sumsAt: number;
  readonly #rowsAt: number;
  readonly promising = new Int32Array(BLOCK);
  #bytes = new Int8Array();
  #slots = new Int32Array();
  #sums = new Int32Array();
  #scales = new Float32Array();
  /** Length of the difference between a vector and its row, and length of the vector. */
  #errors = new Float32Array();
  #norms = new Float32Array();
  #queryScale = 0;
  #queryError = 0;
  #queryNorm = 0;

  constructor(dimensions: number) {
    this.#width = Math.max(1, Math.ceil(dimensions / 16)) * 16;
    this.#slotsAt = this.#width;
    this.#sumsAt = this.#slotsAt + BLOCK * 4;
    this.#rowsAt = this.#sumsAt + BLOCK * 4;
    this.reserve(1);
  }

  get capacity(): number {
    return this.#scales.length;
  }

  get memoryBytes(): number {
    return this.#bytes.length + this.capacity * 12;
  }

  /** Makes room for rows 0 to `rows` - 1. @throws LocalLiteError insufficient_memory */
  reserve(rows: number): void {
    if (rows <= this.capacity) return;
    const capacity = Math.max(rows, Math.min(this.capacity * 2, this.capacity + 100_000));
    this.#growMemory(this.#rowsAt + capacity * this.#width);
    this.#scales = grown(this.#scales, capacity);
    this.#errors = grown(this.#errors, capacity);
    this.#norms = grown(this.#norms, capacity);
  }

  #growMemory(bytes: number): void {
    const { memory } = this.#kernel;
    const missing = Math.ceil((bytes - memory.buffer.byteLength) / PAGE_BYTES);
    try {
      // Beyond 4 GiB it throws too: addresses have 32 bits.
      if (missing > 0) memory.grow(missing);
    } catch (cause) {
      throw new LocalLiteError('insufficient_memory', `a vector index of ${Math.round(bytes / 1e6)} MB does not fit`, { cause });
    }
    this.#bytes = new Int8Array(memory.buffer);
    this.#slots = new Int32Array(memory.buffer, this.#slotsAt, BLOCK);
    this.#sums = new Int32Array(memory.buffer, this.#sumsAt, BLOCK);
  }

  write(row: number, vector: Float32Array): void {
    const { scale, error, norm } = this.#quantize(vector, this.#rowsAt + row * this.#width);
    this.#scales[row] = scale;
    this.#errors[row] = error;
    this.#norms[row] = norm;
  }

  copy(from: number, to: number): void {
    const at = this.#rowsAt + from * this.#width;
    this.#bytes.copyWithin(this.#rowsAt + to * this.#width, at, at + this.#width);
    for (const facts of [this.#scales, this.#errors, this.#norms]) facts[to] = facts[from] ?? 0;
  }

  /** Chooses what the products are taken with. */
  aim(vector: Float32Array): void {
    const { scale, error, norm } = this.#quantize(vector, 0);
    this.#queryScale = scale;
    this.#queryError = error;
    this.#queryNorm = norm + error;
  }

  /** The same with a row that is here. */
  aimAt(row: number): void {
    const at = this.#rowsAt + row * this.#width;
    this.#bytes.copyWithin(0, at, at + this.#width);
    this.#queryScale = this.#scales[row] ?? 0;
  }

  #quantize(vector: Float32Array, at: number): { readonly scale: number; readonly error: number; readonly norm: number } {
    let largest = 0;
    for (const value of vector) largest = Math.max(largest, Math.abs(value));
    const scale = Math.fround(largest / LARGEST);
    const perStep = scale === 0 ? 0 : 1 / scale;
    let error = 0;
    let norm = 0;
    for (let index = 0; index < vector.length; index++) {
      const value = vector[index] ?? 0;
      const step = Math.max(-LARGEST, Math.min(LARGEST, Math.round(value * perStep)));
      this.#bytes[at + index] = step;
      error += (value - step * scale) ** 2;
      norm += value * value;
    }
    return { scale, error: Math.sqrt(error), norm: Math.sqrt(norm) };
  }

  /** Products with rows `first` to `first + count` - 1; `count` at most {@link BLOCK}. Read them with {@link score} before the next call. */
  scan(first: number, count: number): void {
    this.#kernel.scan(this.#rowsAt, first, count, 0, this.#width, this.#sumsAt);
  }

  /** Where the rows of {@link gather} are named. */
  get slots(): Int32Array {
    return this.#slots;
  }

  /** Products with the first `count` rows of {@link slots}. */
  gather(count: number): void {
    this.#kernel.gather(this.#rowsAt, this.#slotsAt, count, 0, this.#width, this.#sumsAt);
  }

  /** The product that stands at `index` of the last call, which was with `row`. */
  score(index: number, row: number): number {
    return (this.#sums[index] ?? 0) * (this.#scales[row] ?? 0) * this.#queryScale;
  }

  /**
   * Which of the `count` products of the last {@link scan} from row `first` on may in truth be `least` or more: their indices stand in
   * {@link promising}. How far a product may be from the truth follows from the Cauchy-Schwarz inequality on what rounding took away on
   * both sides. A bound is monotone, so a list that was made with a lower `least` holds all of one with a higher.
   * @returns how many there are
   */
  pick(first: number, count: number, least: number): number {
    const sums = this.#sums;
    const scales = this.#scales;
    const errors = this.#errors;
    const norms = this.#norms;
    const scale = this.#queryScale;
    const norm = this.#queryNorm;
    const error = this.#queryError;
    const wanted = least - ROUNDING;
    let picked = 0;
    for (let index = 0; index < count; index++) {
      const row = first + index;
      const bound = (sums[index] ?? 0) * (scales[row] ?? 0) * scale + norm * (errors[row] ?? 0) + error * (norms[row] ?? 0);
      if (bound >= wanted) this.promising[picked++] = index;
    }
    return picked;
  }

  /** The most that the product with `row`, at `index` of the last call, may be in truth. */
  bound(index: number, row: number): number {
    return this.score(index, row) + this.#queryNorm * (this.#errors[row] ?? 0) + this.#queryError * (this.#norms[row] ?? 0) + ROUNDING;
  }
}

function grown(values: Float32Array<ArrayBuffer>, length: number): Float32Array<ArrayBuffer> {
  const larger = new Float32Array(length);
  larger.set(values);
  return larger;
}
