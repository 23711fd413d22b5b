import { LocalLiteError } from '../errors.ts';
import { decodeIntegers, decodeVector } from '../wire/base64.ts';
import type { MultiRequest, MultiResponse } from '../wire/multi.ts';
import type { SparseRequest, SparseResponse } from '../wire/sparse.ts';

/** A request for sparse vectors; `encoding_format` decides what the numbers come as. */
export type CreateSparse = Omit<SparseRequest, 'encoding_format'>;
/** A request for one vector a token; `encoding_format` decides what the numbers come as. */
export type CreateMulti = Omit<MultiRequest, 'encoding_format'>;

/** Vocabulary ids (ascending) and their weights, of one text. */
export interface SparseVector<Indices, Values> {
  readonly object: 'sparse_embedding';
  readonly index: number;
  readonly indices: Indices;
  readonly values: Values;
  /** What the ids stand for, with `return_tokens: true`. */
  readonly tokens?: readonly string[] | undefined;
}

/** The answer, with the numbers of each vector as `Indices` and `Values`. */
export interface SparseResult<Indices = Int32Array, Values = Float32Array> extends Omit<SparseResponse, 'data'> {
  readonly data: readonly SparseVector<Indices, Values>[];
}

/** One vector a token, of one text. */
export interface MultiVector<Vectors> {
  readonly object: 'embeddings';
  readonly index: number;
  readonly embeddings: Vectors;
  /** Tokens and dimensions, beside base64. */
  readonly shape?: readonly [number, number] | undefined;
}

/** The answer, with the vectors of each text as `Vectors`. */
export interface MultiResult<Vectors = readonly Float32Array[]> extends Omit<MultiResponse, 'data'> {
  readonly data: readonly MultiVector<Vectors>[];
}

/** A sparse answer with its numbers in typed arrays. */
export function decodedSparse(answer: SparseResponse): SparseResult {
  const data = answer.data.map((item) => ({
    ...item,
    indices: typeof item.indices === 'string' ? orInternal(decodeIntegers, item.indices) : Int32Array.from(item.indices),
    values: typeof item.values === 'string' ? orInternal(decodeVector, item.values) : Float32Array.from(item.values),
  }));
  return { ...answer, data };
}

/** An answer of token vectors with each in a typed array of its own, all over the memory of one. */
export function decodedMulti(answer: MultiResponse): MultiResult {
  const data = answer.data.map(({ object, index, embeddings, shape }) => ({
    object,
    index,
    embeddings:
      typeof embeddings === 'string' ? rows(orInternal(decodeVector, embeddings), shape) : embeddings.map((row) => Float32Array.from(row)),
  }));
  return { ...answer, data };
}

function rows(data: Float32Array, [tokens, dimensions]: readonly [number, number] = [0, 0]): Float32Array[] {
  if (tokens * dimensions !== data.length)
    throw new LocalLiteError('internal', 'the server sent vectors that do not have the shape it told');
  return Array.from({ length: tokens }, (_, token) => data.subarray(token * dimensions, (token + 1) * dimensions));
}

function orInternal<T>(decode: (text: string) => T, text: string): T {
  try {
    return decode(text);
  } catch (cause) {
    throw new LocalLiteError('internal', 'the server sent a vector that is not base64 of numbers', { cause });
  }
}
