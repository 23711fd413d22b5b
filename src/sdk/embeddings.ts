import { LocalLiteError } from '../errors.ts';
import { decodeVector } from '../wire/base64.ts';
import type { EmbeddingsExtension, EmbeddingsRequest, EmbeddingsResponse } from '../wire/embeddings.ts';
import type { MultiResponse } from '../wire/multi.ts';
import type { SparseResponse } from '../wire/sparse.ts';
import type { CallOptions, Transport } from './transport.ts';
import { type CreateMulti, type CreateSparse, decodedMulti, decodedSparse, type MultiResult, type SparseResult } from './vectors.ts';

/** OpenAI's request with LocalLite's extra fields; `model` may be left out. `encoding_format` decides what the vectors come as. */
export type CreateEmbeddings = Omit<EmbeddingsRequest, 'model' | 'encoding_format'> & { readonly model?: string };

/** The answer, with each vector as a `Vector`. */
export interface EmbeddingsResult<Vector> {
  readonly object: 'list';
  readonly data: readonly { readonly object: 'embedding'; readonly index: number; readonly embedding: Vector }[];
  /** The model as it was asked for. */
  readonly model: string;
  readonly usage: { readonly prompt_tokens: number; readonly total_tokens: number };
  /** What ran: model id, vector space, variant, provider, tokens cut, fields without effect, timings. */
  readonly locallite: EmbeddingsExtension;
}

/** Options of {@link Embeddings.embed}. */
export interface EmbedOptions extends CallOptions {
  readonly model?: string;
  /** Adds the model's own prompt for queries or passages. */
  readonly inputType?: 'query' | 'passage';
  /** Cuts and re-normalises the vectors, for models that allow it. */
  readonly dimensions?: number;
  /** Cut texts that are too long for the model instead of refusing them. */
  readonly truncate?: boolean;
  readonly priority?: 'interactive' | 'bulk';
  /** Texts a request. Default 256. */
  readonly batchSize?: number;
}

const DEFAULT_BATCH_SIZE = 256;
/** One request computes while the next is on its way. */
const REQUESTS_IN_FLIGHT = 2;

/** Vectors of texts. */
export class Embeddings {
  readonly #transport: Transport;
  readonly #model: string;

  constructor(transport: Transport, model: string) {
    this.#transport = transport;
    this.#model = model;
  }

  /**
   * Vectors in OpenAI's answer shape. They travel as base64, which is quick and exact, and arrive as `Float32Array`;
   * with `encoding_format: 'float'` as arrays of numbers, with `'base64'` as text, just as they were sent.
   * @throws LocalLiteError invalid_request, input_too_long, model_not_found, overloaded, unreachable, timed_out, cancelled …
   * @example
   * const answer = await client.embeddings.create({ model: 'all-MiniLM-L6-v2', input: ['first text', 'second text'] });
   * console.log(answer.data[0]?.embedding.length, answer.usage.prompt_tokens, answer.locallite.provider);
   */
  create(
    request: CreateEmbeddings & { readonly encoding_format?: undefined },
    options?: CallOptions,
  ): Promise<EmbeddingsResult<Float32Array>>;
  create(
    request: CreateEmbeddings & { readonly encoding_format: 'float' },
    options?: CallOptions,
  ): Promise<EmbeddingsResult<readonly number[]>>;
  create(request: CreateEmbeddings & { readonly encoding_format: 'base64' }, options?: CallOptions): Promise<EmbeddingsResult<string>>;
  create(
    request: CreateEmbeddings & { readonly encoding_format?: 'float' | 'base64' | undefined },
    options?: CallOptions,
  ): Promise<EmbeddingsResult<Float32Array | readonly number[] | string>>;
  async create(
    request: CreateEmbeddings & { readonly encoding_format?: 'float' | 'base64' | undefined },
    options: CallOptions = {},
  ): Promise<EmbeddingsResult<Float32Array | readonly number[] | string>> {
    const body = { ...request, model: request.model ?? this.#model, encoding_format: request.encoding_format ?? 'base64' };
    const answer = await this.#transport.json<EmbeddingsResponse>({
      ...options,
      method: 'POST',
      path: '/v1/embeddings',
      body,
      repeatable: true,
    });
    if (request.encoding_format !== undefined) return answer;
    return { ...answer, data: answer.data.map((item) => ({ ...item, embedding: decoded(item.embedding) })) };
  }

  /**
   * Sparse vectors: vocabulary ids and their weights. They travel as base64 and arrive in typed arrays; with `encoding_format: 'float'` as
   * arrays of numbers, with `'base64'` as text, just as they were sent. Without a `model` the gateway's default for sparse vectors runs.
   * @throws LocalLiteError as {@link Embeddings.create}
   * @example
   * const { data } = await client.embeddings.sparse({ input: 'a cat meows', return_tokens: true });
   * data[0]?.indices.forEach((id, place) => console.log(id, data[0]?.tokens?.[place], data[0]?.values[place]));
   */
  sparse(request: CreateSparse & { readonly encoding_format?: undefined }, options?: CallOptions): Promise<SparseResult>;
  sparse(
    request: CreateSparse & { readonly encoding_format: 'float' },
    options?: CallOptions,
  ): Promise<SparseResult<readonly number[], readonly number[]>>;
  sparse(request: CreateSparse & { readonly encoding_format: 'base64' }, options?: CallOptions): Promise<SparseResult<string, string>>;
  sparse(
    request: CreateSparse & { readonly encoding_format?: 'float' | 'base64' | undefined },
    options?: CallOptions,
  ): Promise<SparseResult<Int32Array | readonly number[] | string, Float32Array | readonly number[] | string>>;
  async sparse(
    request: CreateSparse & { readonly encoding_format?: 'float' | 'base64' | undefined },
    options: CallOptions = {},
  ): Promise<SparseResult<Int32Array | readonly number[] | string, Float32Array | readonly number[] | string>> {
    const answer = await this.#post<SparseResponse>('/v1/embeddings/sparse', request, options);
    return request.encoding_format === undefined ? decodedSparse(answer) : answer;
  }

  /**
   * One vector a token, for late interaction. They travel as base64 and arrive as one `Float32Array` a token; with
   * `encoding_format: 'float'` as arrays of numbers, with `'base64'` as text beside its `shape`, just as they were sent. Without a `model`
   * the gateway's default for such vectors runs.
   * @throws LocalLiteError as {@link Embeddings.create}
   * @example
   * const { data } = await client.embeddings.multi({ input: ['a cat meows', 'a dog barks'], input_type: 'passage' });
   * console.log(data[0]?.embeddings.length, 'vectors of', data[0]?.embeddings[0]?.length, 'dimensions');
   */
  multi(request: CreateMulti & { readonly encoding_format?: undefined }, options?: CallOptions): Promise<MultiResult>;
  multi(
    request: CreateMulti & { readonly encoding_format: 'float' },
    options?: CallOptions,
  ): Promise<MultiResult<readonly (readonly number[])[]>>;
  multi(request: CreateMulti & { readonly encoding_format: 'base64' }, options?: CallOptions): Promise<MultiResult<string>>;
  multi(
    request: CreateMulti & { readonly encoding_format?: 'float' | 'base64' | undefined },
    options?: CallOptions,
  ): Promise<MultiResult<readonly Float32Array[] | readonly (readonly number[])[] | string>>;
  async multi(
    request: CreateMulti & { readonly encoding_format?: 'float' | 'base64' | undefined },
    options: CallOptions = {},
  ): Promise<MultiResult<readonly Float32Array[] | readonly (readonly number[])[] | string>> {
    const answer = await this.#post<MultiResponse>('/v1/embeddings/multi', request, options);
    return request.encoding_format === undefined ? decodedMulti(answer) : answer;
  }

  #post<T>(path: string, request: { readonly encoding_format?: string | undefined }, options: CallOptions): Promise<T> {
    const body = { ...request, encoding_format: request.encoding_format ?? 'base64' };
    return this.#transport.json<T>({ ...options, method: 'POST', path, body, repeatable: true });
  }

  /** Vectors of texts, in their order. See `LocalLite.embed`. */
  async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Float32Array[]> {
    const { model, inputType, dimensions, truncate, priority, batchSize = DEFAULT_BATCH_SIZE, ...call } = options;
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new LocalLiteError('invalid_request', 'batchSize must be a whole number above 0', { param: 'batchSize' });
    }
    const fields = {
      ...(model !== undefined && { model }),
      ...(inputType !== undefined && { input_type: inputType }),
      ...(dimensions !== undefined && { dimensions }),
      ...(truncate !== undefined && { truncate }),
      ...(priority !== undefined && { priority }),
    };
    const vectors: Float32Array[] = new Array(texts.length);
    await eachBatch(texts, batchSize, call.signal, async (input, start, signal) => {
      const answer = await this.create({ ...fields, input }, { ...call, signal });
      for (const item of answer.data) vectors[start + item.index] = item.embedding;
    });
    return vectors;
  }
}

/** Runs `work` on every batch, a few at a time; the first failure ends the others. */
async function eachBatch(
  texts: readonly string[],
  size: number,
  outer: AbortSignal | undefined,
  work: (batch: readonly string[], start: number, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const abort = new AbortController();
  const onAbort = (): void => abort.abort(outer?.reason);
  if (outer?.aborted) onAbort();
  outer?.addEventListener('abort', onAbort, { once: true });
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < texts.length) {
      const start = next;
      next += size;
      await work(texts.slice(start, start + size), start, abort.signal);
    }
  };
  try {
    await Promise.all(Array.from({ length: REQUESTS_IN_FLIGHT }, lane));
  } catch (error) {
    abort.abort(error);
    throw error;
  } finally {
    outer?.removeEventListener('abort', onAbort);
  }
}

/** A server that does not know base64 sends numbers all the same. */
function decoded(embedding: string | readonly number[]): Float32Array {
  if (typeof embedding !== 'string') return Float32Array.from(embedding);
  try {
    return decodeVector(embedding);
  } catch (cause) {
    throw new LocalLiteError('internal', 'the server sent a vector that is not base64 of float32 numbers', { cause });
  }
}
