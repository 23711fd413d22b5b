import { setImmediate as nextTurn } from 'node:timers/promises';
import { LocalLiteError } from '../errors.ts';
import type { EncoderFacts } from '../models/card.ts';
import { openWeights } from '../models/safetensors.ts';
import type { Tokenizer } from '../runtime/tokenizer-types.ts';
import { checkDimensions } from './dimensions.ts';
import type { Embedded, EmbedOptions, TextEmbedder, TextInput } from './embedder-types.ts';
import { cutDimensions, normalizeRows } from './pooling.ts';
import { encodeIds, promptFor, tooLong } from './text-run.ts';

/** Names under which the table stands: of Model2Vec, and of sentence-transformers' StaticEmbedding. */
const TABLE_NAMES = ['embeddings', 'embedding.weight'];
/** Others get a turn after about this long. */
const TURN_MS = 4;
/** Numbers that are summed up in about that time. */
const NUMBERS_A_TURN = 2 ** 21;

/** One vector for each id of a vocabulary: row-major [rows, dimensions]. */
export interface TokenTable {
  readonly rows: number;
  readonly dimensions: number;
  readonly data: Float32Array;
}

/**
 * Reads the table of a static model from the safetensors in its folder.
 * @throws LocalLiteError model_unsupported where it has no table, or one that is addressed through further tensors; model_load_failed for a
 * file that contradicts itself
 */
export function readTokenTable(directory: string): TokenTable {
  const weights = openWeights(directory);
  try {
    const name = TABLE_NAMES.find((candidate) => weights.shape(candidate) !== undefined);
    const [rows, dimensions, ...more] = weights.shape(name ?? '') ?? [];
    if (name === undefined || rows === undefined || dimensions === undefined || more.length > 0) {
      const found = weights.names.slice(0, 5).join(', ');
      throw new LocalLiteError(
        'model_unsupported',
        `a static model needs a table named ${TABLE_NAMES.join(' or ')}; the file has ${found}`,
      );
    }
    const further = ['mapping', 'weights'].find((other) => weights.shape(other) !== undefined);
    if (further !== undefined) {
      throw new LocalLiteError('model_unsupported', `the table goes with a tensor "${further}", which LocalLite does not apply`);
    }
    return { rows, dimensions, data: weights.read(name) };
  } finally {
    weights.close();
  }
}

/** What a static embedder needs to know of its model. */
export interface StaticFacts extends EncoderFacts {
  /** Leave the unknown token out of the mean, as Model2Vec does; sentence-transformers' StaticEmbedding counts it. */
  readonly dropUnknown: boolean;
}

/**
 * Embeds without a transformer: the vector of a text is the mean of its tokens' vectors in a table, special tokens left out. Runs in the
 * gateway's own process, giving others a turn every few milliseconds. A text none of whose tokens count has the vector of zeros.
 */
export class StaticEmbedder implements TextEmbedder {
  readonly #table: TokenTable;
  readonly #tokenizer: Tokenizer;
  readonly #facts: StaticFacts;
  readonly #unknown: number | undefined;
  /** Ids that the tokenizer puts around a text. */
  readonly #frame: ReadonlySet<number>;

  /** @throws LocalLiteError model_load_failed where table, tokenizer and card do not belong together */
  constructor(table: TokenTable, tokenizer: Tokenizer, facts: StaticFacts) {
    if (table.dimensions !== facts.dimensions || table.rows < tokenizer.vocabularySize) {
      throw new LocalLiteError(
        'model_load_failed',
        `the table is [${table.rows}, ${table.dimensions}]; tokenizer and card want [${tokenizer.vocabularySize}, ${facts.dimensions}]`,
      );
    }
    this.#table = table;
    this.#tokenizer = tokenizer;
    this.#facts = facts;
    this.#unknown = facts.dropUnknown ? (tokenizer.idOf('[UNK]') ?? tokenizer.idOf('<unk>')) : undefined;
    this.#frame = new Set(tokenizer.frame([]).ids);
  }

  /** Bytes that the table takes. */
  get bytes(): number {
    return this.#table.data.byteLength;
  }

  /** @throws LocalLiteError as {@link TextEmbedder.embed}; never overloaded: nothing waits */
  async embed(inputs: readonly TextInput[], options: EmbedOptions): Promise<Embedded> {
    const cut = checkDimensions(options.dimensions, this.#facts);
    const prompt = promptFor(inputs, options.inputType, this.#facts.prompts);
    const vectors: Float32Array[] = [];
    const truncatedTokens: number[] = [];
    let promptTokens = 0;
    let tokenizeMs = 0;
    const started = performance.now();
    let turn = started;
    for (const [index, input] of inputs.entries()) {
      if (performance.now() - turn > TURN_MS) {
        await nextTurn();
        turn = performance.now();
      }
      if (options.signal?.aborted) throw new LocalLiteError('cancelled', 'the caller left before all texts were embedded');
      const begun = performance.now();
      const all = await this.#idsOf(typeof input === 'string' ? prompt + input : input, index);
      tokenizeMs += performance.now() - begun;
      const ids = this.#limited(all, index, options.truncate === true);
      promptTokens += ids.length;
      truncatedTokens.push(all.length - ids.length);
      const vector = await this.#mean(ids, options.signal);
      vectors.push(cut === undefined ? vector : cutDimensions(vector, cut, this.#facts.normalize));
    }
    return { vectors, promptTokens, truncatedTokens, tokenizeMs, queueMs: 0, inferMs: performance.now() - started - tokenizeMs };
  }

  async #idsOf(input: TextInput, index: number): Promise<ArrayLike<number>> {
    if (typeof input === 'string') return this.#tokenizer.content(input);
    // Whoever sends ids may have had them from a tokenizer that framed the text.
    return encodeIds(input, index, { tokenizer: this.#tokenizer, limit: {} }).ids.filter((id) => !this.#frame.has(id));
  }

  #limited(ids: ArrayLike<number>, index: number, truncate: boolean): ArrayLike<number> {
    const { maxTokens } = this.#facts;
    if (ids.length <= maxTokens) return ids;
    if (!truncate) throw tooLong(`input[${index}]`, `has ${ids.length} tokens and the model takes at most ${maxTokens}`);
    return Array.from(ids).slice(0, maxTokens);
  }

  async #mean(ids: ArrayLike<number>, signal: AbortSignal | undefined): Promise<Float32Array> {
    const { dimensions } = this.#table;
    const sums = new Float32Array(dimensions);
    const step = Math.ceil(NUMBERS_A_TURN / dimensions);
    let count = 0;
    for (let from = 0; from < ids.length; from += step) {
      if (from > 0) await nextTurn();
      if (signal?.aborted) throw new LocalLiteError('cancelled', 'the caller left before all texts were embedded');
      count += this.#add(sums, ids, from, Math.min(from + step, ids.length));
    }
    if (count > 0) for (let column = 0; column < dimensions; column++) sums[column] = (sums[column] ?? 0) / count;
    if (this.#facts.normalize) normalizeRows(sums, dimensions);
    return sums;
  }

  /** Adds the vectors of the ids in [from, to) that count; how many those are. */
  #add(sums: Float32Array, ids: ArrayLike<number>, from: number, to: number): number {
    const { data, dimensions } = this.#table;
    let count = 0;
    for (let at = from; at < to; at++) {
      const id = ids[at] ?? 0;
      if (id === this.#unknown) continue;
      count += 1;
      const start = id * dimensions;
      for (let column = 0; column < dimensions; column++) sums[column] = (sums[column] ?? 0) + (data[start + column] ?? 0);
    }
    return count;
  }
}
