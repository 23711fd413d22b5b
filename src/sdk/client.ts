import { LocalLiteError } from '../errors.ts';
import type { JobObject } from '../wire/jobs.ts';
import type { ModelConvertRequest } from '../wire/models.ts';
import type { RerankRequest, RerankResponse } from '../wire/rerank.ts';
import type { Readiness } from '../wire/service.ts';
import type { DetokenizeRequest, DetokenizeResponse, TokenizeRequest, TokenizeResponse } from '../wire/tokenize.ts';
import { Aliases, Keys } from './access.ts';
import { Collections } from './collections.ts';
import { Documents } from './documents.ts';
import { Embeddings, type EmbedOptions } from './embeddings.ts';
import { Files } from './files.ts';
import { errorOfJob, Jobs } from './jobs.ts';
import { Models } from './models.ts';
import { type CallOptions, type ClientOptions, Transport } from './transport.ts';

const DEFAULT_MODEL = 'all-MiniLM-L6-v2';

/**
 * A client of a LocalLite gateway, for Node and browsers. Holds no connection and needs no closing.
 * Failures that may pass (busy, restarting, connection refused) are tried again with growing, random waits, or after as long as the
 * server's `Retry-After` says. Whatever fails in the end is a `LocalLiteError` with `code`, `param`, `status` and `requestId`.
 * @throws LocalLiteError invalid_request for an option that makes no sense
 * @example
 * import { LocalLite } from 'locallite/sdk';
 * const client = new LocalLite();
 * const [query, passage] = await client.embed(['how do cats talk?', 'a cat meows']);
 */
export class LocalLite {
  /** OpenAI-shaped embeddings; {@link LocalLite.embed} is the short way. */
  readonly embeddings: Embeddings;
  readonly models: Models;
  readonly jobs: Jobs;
  readonly aliases: Aliases;
  readonly keys: Keys;
  /** Uploaded files. */
  readonly files: Files;
  /** Collections: vector stores and their files, ingest and search. */
  readonly collections: Collections;
  /** Parsing and cutting without a collection. */
  readonly documents: Documents;
  readonly #transport: Transport;

  constructor(options: ClientOptions = {}) {
    this.#transport = new Transport(options);
    this.embeddings = new Embeddings(this.#transport, options.model ?? DEFAULT_MODEL);
    this.models = new Models(this.#transport);
    this.jobs = new Jobs(this.#transport);
    this.aliases = new Aliases(this.#transport);
    this.keys = new Keys(this.#transport);
    this.files = new Files(this.#transport);
    this.collections = new Collections(this.#transport);
    this.documents = new Documents(this.#transport);
  }

  /** Where it sends its requests, without a slash at the end. */
  get baseUrl(): string {
    return this.#transport.baseUrl;
  }

  /**
   * The vector of one text, or of each text in order. Any number of texts: they are sent in batches, two on their way at a time.
   * @throws LocalLiteError invalid_request, input_too_long, model_not_found, overloaded, unreachable, timed_out, cancelled …
   * @example
   * const vectors = await client.embed(['first text', 'second text'], { model: 'bge-small-en-v1.5', inputType: 'passage' });
   */
  embed(text: string, options?: EmbedOptions): Promise<Float32Array>;
  embed(texts: readonly string[], options?: EmbedOptions): Promise<Float32Array[]>;
  async embed(texts: string | readonly string[], options: EmbedOptions = {}): Promise<Float32Array | Float32Array[]> {
    if (typeof texts !== 'string') return this.embeddings.embed(texts, options);
    const [vector] = await this.embeddings.embed([texts], options);
    if (vector === undefined) throw new LocalLiteError('internal', 'the server answered without a vector');
    return vector;
  }

  /**
   * Installs a model on the gateway and reports how far it is; ends when it is installed, at once if it already is.
   * Goes on watching after a broken connection. Leaving the loop stops the watching, not the pull: `jobs.cancel(job.id)` does that.
   * @throws LocalLiteError model_not_found, model_fetch_failed, disk_full, offline, cancelled, unreachable …
   * @example
   * for await (const job of client.pull('bge-small-en-v1.5')) {
   *   console.log(job.state, job.progress?.bytes_done, 'of', job.progress?.bytes_total);
   * }
   */
  pull(reference: string, options: CallOptions = {}): AsyncGenerator<JobObject, void, undefined> {
    return this.#follow('/v1/models/pull', { model: reference }, options);
  }

  /**
   * Makes a variant of a model's published weights on the gateway and reports how far it is; weights that are missing are pulled first.
   * Without a precision it makes what the gateway chooses, as the first use of the model does.
   * @throws LocalLiteError model_unsupported, insufficient_memory, disk_full, cancelled, unreachable …
   * @example
   * for await (const job of client.convert('all-MiniLM-L6-v2', { precision: 'int8' })) console.log(job.state, job.progress?.phase);
   */
  convert(
    model: string,
    request: Omit<ModelConvertRequest, 'stream'> = {},
    options: CallOptions = {},
  ): AsyncGenerator<JobObject, void, undefined> {
    return this.#follow(`/v1/models/${encodeURIComponent(model)}/convert`, request, options);
  }

  async *#follow(path: string, body: object, options: CallOptions): AsyncGenerator<JobObject, void, undefined> {
    const start = { method: 'POST', path, body, repeatable: true, ...options } as const;
    for (let starts = 0; ; starts++) {
      const { id } = await this.#transport.json<JobObject>(start);
      try {
        for await (const job of this.jobs.watch(id, options)) {
          yield job;
          if (job.state === 'failed' || job.state === 'cancelled') throw errorOfJob(job);
        }
        return;
      } catch (error) {
        // A gateway that was restarted has forgotten the job, but not what it fetched and made.
        if (!(LocalLiteError.is(error) && error.code === 'job_not_found') || starts > 0) throw error;
      }
    }
  }

  /**
   * Documents by their relevance to a query, the most relevant first. Without a `model` the gateway's default reranker runs. Each document
   * comes back with its place in the request; `return_documents: false` leaves its text out.
   * @throws LocalLiteError invalid_request, input_too_long, model_not_found, overloaded, unreachable, timed_out, cancelled …
   * @example
   * const { results } = await client.rerank({ query: 'how do cats talk?', documents: ['a dog barks', 'a cat meows'], top_n: 1 });
   * console.log(results[0]?.index, results[0]?.relevance_score, results[0]?.document?.text);
   */
  rerank(request: RerankRequest, options: CallOptions = {}): Promise<RerankResponse> {
    return this.#transport.json({ ...options, method: 'POST', path: '/v1/rerank', body: request, repeatable: true });
  }

  /** Token ids, pieces and offsets of texts, as the model's own tokenizer makes them. */
  tokenize(request: TokenizeRequest, options: CallOptions = {}): Promise<TokenizeResponse> {
    return this.#transport.json({ ...options, method: 'POST', path: '/v1/tokenize', body: request, repeatable: true });
  }

  /** The text that token ids stand for. */
  detokenize(request: DetokenizeRequest, options: CallOptions = {}): Promise<DetokenizeResponse> {
    return this.#transport.json({ ...options, method: 'POST', path: '/v1/detokenize', body: request, repeatable: true });
  }

  /** Resolves when the gateway's process answers. @throws LocalLiteError unreachable */
  health(options: CallOptions = {}): Promise<{ readonly status: 'ok' }> {
    return this.#transport.json({ ...options, method: 'GET', path: '/healthz' });
  }

  /** Whether the gateway's default models are loaded, and if not, why. */
  ready(options: CallOptions = {}): Promise<Readiness> {
    return this.#transport.json({ ...options, method: 'GET', path: '/readyz', alsoOk: 503 });
  }
}
