import { LocalLiteError } from '../errors.ts';
import { encodeIntegers, encodeVector } from './base64.ts';
import { inSlices, type ListPart, NUMBERS_A_SLICE } from './slices.ts';
import type { VectorExtension } from './task-extension.ts';

type Format = 'float' | 'base64';

/** What an answer with sparse or multi vectors says besides them. */
export interface VectorsFacts {
  /** The model as it was asked for. */
  readonly model: string;
  readonly format: Format;
  readonly promptTokens: number;
  readonly extension: VectorExtension;
}

/** Weights of vocabulary terms of one text, and what the terms are where that is told. */
export interface SparseVectorText {
  readonly indices: Int32Array;
  readonly values: Float32Array;
  readonly tokens?: readonly string[] | undefined;
}

/** Row-major vectors of one text's tokens. */
export interface MultiVectorText {
  readonly tokens: number;
  readonly dimensions: number;
  readonly data: Float32Array;
}

/**
 * Numbers that one answer may hold: about 170 MB of text either way. A vector a token is a hundred times what an embedding is, and no text
 * in JavaScript may be longer than half a gigabyte.
 */
export const MAX_NUMBERS = { float: 8 * 2 ** 20, base64: 32 * 2 ** 20 } as const;

/**
 * The body of POST /v1/embeddings/sparse in slices: see {@link inSlices}.
 * @throws LocalLiteError invalid_request for an answer of more than {@link MAX_NUMBERS}
 */
export function sparseText(vectors: readonly SparseVectorText[], facts: VectorsFacts): Generator<string> {
  checkNumbers(
    vectors.reduce((sum, { values }) => sum + 2 * values.length, 0),
    facts.format,
  );
  return listText(sparseParts(vectors, facts.format), facts);
}

/** The body of POST /v1/embeddings/multi in slices. @throws LocalLiteError as {@link sparseText} */
export function multiText(vectors: readonly MultiVectorText[], facts: VectorsFacts): Generator<string> {
  checkNumbers(
    vectors.reduce((sum, { data }) => sum + data.length, 0),
    facts.format,
  );
  return listText(facts.format === 'base64' ? encodedParts(vectors) : rowParts(vectors), facts);
}

function checkNumbers(numbers: number, format: Format): void {
  if (numbers <= MAX_NUMBERS[format]) return;
  const hint =
    format === 'float' ? `send fewer or shorter inputs, or ask for base64 (at most ${MAX_NUMBERS.base64})` : 'send fewer or shorter inputs';
  const message = `input: the answer would hold ${numbers} numbers, and at most ${MAX_NUMBERS[format]} are sent at once; ${hint}`;
  throw new LocalLiteError('invalid_request', message, { param: 'input' });
}

function listText(parts: Iterable<ListPart>, { model, promptTokens, extension }: VectorsFacts): Generator<string> {
  const usage = { prompt_tokens: promptTokens, total_tokens: promptTokens };
  const facts = JSON.stringify({ model, usage, locallite: extension }).slice(1);
  return inSlices('{"object":"list","data":[', parts, `],${facts}`);
}

function* sparseParts(vectors: readonly SparseVectorText[], format: Format): Generator<ListPart> {
  for (const [index, { indices, values, tokens }] of vectors.entries()) {
    const numbers = format === 'base64' ? { indices: encodeIntegers(indices), values: encodeVector(values) } : plain(indices, values);
    const text = JSON.stringify({ object: 'sparse_embedding', index, ...numbers, ...(tokens === undefined ? {} : { tokens }) });
    yield { text: separated(text, index), share: (indices.length * (tokens === undefined ? 2 : 3)) / NUMBERS_A_SLICE[format] };
  }
}

function plain(indices: Int32Array, values: Float32Array): object {
  return { indices: Array.from(indices), values: Array.from(values) };
}

function* encodedParts(vectors: readonly MultiVectorText[]): Generator<ListPart> {
  for (const [index, { tokens, dimensions, data }] of vectors.entries()) {
    const item = { object: 'embeddings', index, embeddings: encodeVector(data), shape: [tokens, dimensions] };
    yield { text: separated(JSON.stringify(item), index), share: data.length / NUMBERS_A_SLICE.base64 };
  }
}

/** Row by row, because one long text alone may have a million numbers. */
function* rowParts(vectors: readonly MultiVectorText[]): Generator<ListPart> {
  for (const [index, { tokens, dimensions, data }] of vectors.entries()) {
    yield { text: separated(`{"object":"embeddings","index":${index},"embeddings":[`, index), share: 0 };
    for (let token = 0; token < tokens; token++) {
      const row = JSON.stringify(Array.from(data.subarray(token * dimensions, (token + 1) * dimensions)));
      yield { text: separated(row, token), share: dimensions / NUMBERS_A_SLICE.float };
    }
    yield { text: ']}', share: 0 };
  }
}

function separated(text: string, place: number): string {
  return place === 0 ? text : `,${text}`;
}
