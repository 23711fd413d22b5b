import { setImmediate as nextTurn } from 'node:timers/promises';
import { LocalLiteError } from '../errors.ts';
import type { EncoderFacts } from '../models/card.ts';
import type { Lane } from '../runtime/slots.ts';
import type { Encoding, Tokenizer } from '../runtime/tokenizer-types.ts';
import type { Batcher, Settled, Ticket } from './batcher.ts';
import type { EncoderInput } from './encoder-pool.ts';
import type { TextKind } from './encoder-protocol.ts';
import { cutDimensions } from './pooling.ts';

/** One text, or the token ids of one. */
export type EmbedInput = string | readonly number[];

export interface EmbedOptions {
  readonly inputType?: 'query' | 'passage' | undefined;
  readonly dimensions?: number | undefined;
  readonly truncate?: boolean | undefined;
  readonly lane: Lane;
  readonly signal?: AbortSignal | undefined;
}

/** Vectors in the order of the inputs; tokens counted with special tokens, as they ran. */
export interface Embedded {
  readonly vectors: readonly Float32Array[];
  readonly promptTokens: number;
  readonly truncatedTokens: readonly number[];
  readonly tokenizeMs: number;
  /** Longest wait of any text between its submission and its batch. */
  readonly queueMs: number;
  /** Longest run of any batch that held one of the texts. */
  readonly inferMs: number;
}

/** Texts are tokenised in slices of about this many characters, so that a large request never holds the event loop up for long. */
const SLICE_CHARACTERS = 8_192;
/** English averages four characters a token; three errs on the side of refusing early. */
const CHARACTERS_PER_TOKEN = 3;

/** Turns texts into vectors with one model: prompt, tokens, queue, batch, cut. */
export class Embedder {
  readonly #facts: EncoderFacts;
  readonly #tokenizer: Tokenizer;
  readonly #batchers: Readonly<Record<TextKind, Batcher<EncoderInput, Float32Array>>>;

  constructor(options: {
    facts: EncoderFacts;
    tokenizer: Tokenizer;
    batchers: Readonly<Record<TextKind, Batcher<EncoderInput, Float32Array>>>;
  }) {
    if (!options.tokenizer.exact) throw new LocalLiteError('internal', 'an embedder needs the exact tokenizer of its model');
    this.#facts = options.facts;
    this.#tokenizer = options.tokenizer;
    this.#batchers = options.batchers;
  }

  /**
   * @throws LocalLiteError input_too_long (both counts, unless `truncate`), invalid_request (dimensions, ids, prompt with ids),
   *   overloaded, cancelled, worker_crashed, timed_out, inference_failed
   */
  async embed(inputs: readonly EmbedInput[], options: EmbedOptions): Promise<Embedded> {
    const dimensions = this.#checkDimensions(options.dimensions);
    const prompt = this.#promptFor(inputs, options.inputType);
    const batcher = this.#batchers[options.inputType ?? 'passage'];
    const admission = batcher.admit(estimateTokens(inputs, this.#facts.maxTokens), options.lane);

    const tickets: Ticket<Float32Array>[] = [];
    const leave = (): void => {
      for (const ticket of tickets) ticket.leave();
    };
    options.signal?.addEventListener('abort', leave, { once: true });
    try {
      const encoded = await this.#submitAll(inputs, { prompt, truncate: options.truncate === true, signal: options.signal }, (encoding) => {
        const { length } = encoding.ids;
        tickets.push(batcher.submit(encoding, { length, lane: options.lane }));
        admission.queued(length);
      });
      admission.end();
      const settled = await Promise.all(tickets.map((ticket) => ticket.settled));
      const vectors = settled.map(({ result }) =>
        dimensions === undefined ? result : cutDimensions(result, dimensions, this.#facts.normalize),
      );
      return { vectors, ...encoded, ...timesOf(settled) };
    } catch (error) {
      leave();
      await Promise.allSettled(tickets.map((ticket) => ticket.settled));
      throw error;
    } finally {
      admission.end();
      options.signal?.removeEventListener('abort', leave);
    }
  }

  /** Tokenises slice by slice and hands each text to the queue at once, so that the workers are busy while the rest is tokenised. */
  async #submitAll(
    inputs: readonly EmbedInput[],
    how: { readonly prompt: string; readonly truncate: boolean; readonly signal: AbortSignal | undefined },
    submit: (encoding: Encoding) => void,
  ): Promise<Pick<Embedded, 'promptTokens' | 'truncatedTokens' | 'tokenizeMs'>> {
    const truncatedTokens: number[] = [];
    let promptTokens = 0;
    let tokenizeMs = 0;
    for (const slice of slices(inputs)) {
      if (truncatedTokens.length > 0) await nextTurn();
      if (how.signal?.aborted) throw new LocalLiteError('cancelled', 'the caller left before the texts were tokenised');
      const started = performance.now();
      const encodings = await Promise.all(slice.map(({ input, index }) => this.#encode(input, index, how)));
      tokenizeMs += performance.now() - started;
      for (const encoding of encodings) {
        promptTokens += encoding.ids.length;
        truncatedTokens.push(encoding.dropped);
        submit(encoding);
      }
    }
    return { promptTokens, truncatedTokens, tokenizeMs };
  }

  async #encode(input: EmbedInput, index: number, how: { readonly prompt: string; readonly truncate: boolean }): Promise<Encoding> {
    const limit = how.truncate ? { maxTokens: this.#facts.maxTokens } : {};
    const encoding =
      typeof input === 'string' ? await this.#tokenizer.encodeAsync(how.prompt + input, limit) : this.#encodeIds(input, index, limit);
    if (encoding.ids.length === 0) {
      throw new LocalLiteError('invalid_request', `input[${index}] has no tokens, and nothing has no vector`, { param: `input[${index}]` });
    }
    if (encoding.ids.length > this.#facts.maxTokens) {
      throw new LocalLiteError(
        'input_too_long',
        `input[${index}] has ${encoding.ids.length} tokens and the model takes at most ${this.#facts.maxTokens}; shorten it, or send truncate: true to have it cut`,
        { param: `input[${index}]` },
      );
    }
    return encoding;
  }

  #encodeIds(ids: readonly number[], index: number, limit: { maxTokens?: number }): Encoding {
    try {
      return this.#tokenizer.fromIds(ids, limit);
    } catch (error) {
      if (!LocalLiteError.is(error)) throw error;
      throw new LocalLiteError(error.code, `input[${index}]: ${error.message}`, { param: `input[${index}]` });
    }
  }

  #promptFor(inputs: readonly EmbedInput[], inputType: 'query' | 'passage' | undefined): string {
    const prompt = inputType === undefined ? '' : this.#facts.prompts[inputType];
    if (prompt !== '' && inputs.some((input) => typeof input !== 'string')) {
      throw new LocalLiteError(
        'invalid_request',
        `input_type adds the prompt ${JSON.stringify(prompt)} to texts; token ids are taken as they are, so send texts or leave input_type out`,
        {
          param: 'input_type',
        },
      );
    }
    return prompt;
  }

  /** Undefined when the full vector is wanted. */
  #checkDimensions(wanted: number | undefined): number | undefined {
    const { dimensions, matryoshka } = this.#facts;
    if (wanted === undefined || wanted === dimensions) return undefined;
    if (matryoshka === 'any' && wanted >= 1 && wanted < dimensions) return wanted;
    if (Array.isArray(matryoshka) && matryoshka.includes(wanted)) return wanted;
    const allowed = matryoshka === 'any' ? `1 to ${dimensions}` : [...new Set([dimensions, ...(matryoshka ?? [])])].join(', ');
    throw new LocalLiteError('invalid_request', `dimensions is ${wanted}; this model gives ${allowed}`, { param: 'dimensions' });
  }
}

function estimateTokens(inputs: readonly EmbedInput[], maxTokens: number): number {
  let sum = 0;
  for (const input of inputs)
    sum += Math.min(maxTokens, typeof input === 'string' ? Math.ceil(input.length / CHARACTERS_PER_TOKEN) : input.length);
  return sum;
}

function* slices(inputs: readonly EmbedInput[]): Generator<readonly { input: EmbedInput; index: number }[]> {
  let slice: { input: EmbedInput; index: number }[] = [];
  let size = 0;
  for (const [index, input] of inputs.entries()) {
    slice.push({ input, index });
    size += input.length;
    if (size < SLICE_CHARACTERS) continue;
    yield slice;
    slice = [];
    size = 0;
  }
  if (slice.length > 0) yield slice;
}

function timesOf(settled: readonly Settled<Float32Array>[]): { queueMs: number; inferMs: number } {
  return {
    queueMs: settled.reduce((longest, { queueMs }) => Math.max(longest, queueMs), 0),
    inferMs: settled.reduce((longest, { inferMs }) => Math.max(longest, inferMs), 0),
  };
}
