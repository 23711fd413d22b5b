import { closeSync, openSync, writeSync } from 'node:fs';
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { LocalLiteError } from '../errors.ts';

/** Row-major [rows, columns]. */
export interface Rows {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array;
}

/** Weight of a frequent token against a rare one (Arora et al. 2017, "A simple but tough-to-beat baseline for sentence embeddings"). */
const SMOOTHING = 1e-4;

/**
 * Turns the vectors of single tokens into a table whose mean over a text's tokens stands for the text: projected onto the directions of
 * largest variance (principal components of the centred rows), then weighted down by how frequent a token is. Frequency is Zipf's law over
 * the order of the vocabulary, which trainers write by falling frequency. Rows in `left` stay zero and take no part.
 * @throws LocalLiteError as {@link checkTableDimensions}
 */
export function distillTable(vectors: Rows, dimensions: number, left: ReadonlySet<number>): Rows {
  checkTableDimensions(dimensions, vectors.columns);
  const kept = Array.from({ length: vectors.rows }, (_, row) => row).filter((row) => !left.has(row));
  const centred = centre(vectors, kept);
  const axes = principalAxes(centred, kept, dimensions);
  const table: Rows = { rows: vectors.rows, columns: dimensions, data: new Float32Array(vectors.rows * dimensions) };
  const total = kept.reduce((sum, _, rank) => sum + 1 / (rank + 2), 0);
  for (const [rank, row] of kept.entries()) {
    const probability = 1 / (rank + 2) / total;
    project(centred, row, axes, { table, weight: SMOOTHING / (SMOOTHING + probability) });
  }
  return table;
}

/** @throws LocalLiteError invalid_request for dimensions that are no size of a vector, or more than there are */
export function checkTableDimensions(dimensions: number, most: number): void {
  const isSize = Number.isInteger(dimensions) && dimensions >= 1;
  if (isSize && dimensions <= most) return;
  const problem = isSize ? `the model has ${most}` : 'it must be a whole number of at least 1';
  throw new LocalLiteError('invalid_request', `dimensions is ${dimensions}; ${problem}`, { param: 'dimensions' });
}

function centre({ rows, columns, data }: Rows, kept: readonly number[]): Rows {
  const mean = new Float64Array(columns);
  for (const row of kept)
    for (let column = 0; column < columns; column++) mean[column] = (mean[column] ?? 0) + (data[row * columns + column] ?? 0);
  const centred = new Float32Array(data.length);
  for (const row of kept) {
    for (let column = 0; column < columns; column++) {
      centred[row * columns + column] = (data[row * columns + column] ?? 0) - (mean[column] ?? 0) / kept.length;
    }
  }
  return { rows, columns, data: centred };
}

/** The axes of largest variance, each a unit vector whose largest part is positive, so that every machine gives the same. */
function principalAxes(centred: Rows, kept: readonly number[], count: number): readonly Float64Array[] {
  const { columns } = centred;
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(covariance(centred, kept), { assumeSymmetric: true });
  const order = realEigenvalues.map((value, index) => ({ value, index })).sort((a, b) => b.value - a.value);
  return order.slice(0, count).map(({ index }) => {
    const axis = Float64Array.from({ length: columns }, (_, row) => eigenvectorMatrix.get(row, index));
    const largest = axis.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
    return largest < 0 ? axis.map((value) => -value) : axis;
  });
}

function covariance({ columns, data }: Rows, kept: readonly number[]): Matrix {
  const sums = new Float64Array(columns * columns);
  for (const row of kept) {
    const from = row * columns;
    for (let a = 0; a < columns; a++) {
      const value = data[from + a] ?? 0;
      const at = a * columns;
      for (let b = a; b < columns; b++) sums[at + b] = (sums[at + b] ?? 0) + value * (data[from + b] ?? 0);
    }
  }
  const matrix = new Matrix(columns, columns);
  for (let a = 0; a < columns; a++) {
    for (let b = a; b < columns; b++) {
      const value = (sums[a * columns + b] ?? 0) / kept.length;
      matrix.set(a, b, value);
      matrix.set(b, a, value);
    }
  }
  return matrix;
}

function project(
  centred: Rows,
  row: number,
  axes: readonly Float64Array[],
  { table, weight }: { readonly table: Rows; readonly weight: number },
): void {
  for (const [column, axis] of axes.entries()) {
    let sum = 0;
    for (let at = 0; at < centred.columns; at++) sum += (centred.data[row * centred.columns + at] ?? 0) * (axis[at] ?? 0);
    table.data[row * table.columns + column] = sum * weight;
  }
}

/** Writes one float32 tensor as safetensors (https://huggingface.co/docs/safetensors): header length, JSON header, data. */
export function writeTable(path: string, name: string, { rows, columns, data }: Rows): void {
  const header = JSON.stringify({ [name]: { dtype: 'F32', shape: [rows, columns], data_offsets: [0, data.byteLength] } });
  const padded = Buffer.from(header.padEnd(Math.ceil(header.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const file = openSync(path, 'w', 0o600);
  try {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    for (const part of [length, padded, bytes]) for (let at = 0; at < part.length; ) at += writeSync(file, part, at);
  } finally {
    closeSync(file);
  }
}
