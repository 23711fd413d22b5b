import { setImmediate as nextTurn } from 'node:timers/promises';
import { LocalLiteError } from '../errors.ts';
import type { EncoderFacts, ModelCard } from '../models/card.ts';
import type { Encoding, Tokenizer } from '../runtime/tokenizer-types.ts';
import type { Batcher } from './batcher.ts';
import type {
  MultiEmbedded,
  MultiEmbedder,
  Reranked,
  RerankOptions,
  TextInput,
  TextOptions,
  TextReranker,
  VectorsOfTokens,
} from './embedder-types.ts';
import type { EncoderInput } from './encoder-input.ts';
import { maxSim } from './max-sim.ts';
import { type EncodedText, encodeInput, estimateTokens, promptFor, runTexts, tooLong } from './text-run.ts';
import { bestOfWindows, LEAST_WINDOW, readableIds, readingLimit, windowsOf, withCut } from './windows.ts';

type MultiFacts = NonNullable<ModelCard['multi']>;

/** The ASCII characters that ColBERT gives no vector in passages (Python's `string.punctuation`). */
const PUNCTUATION = [...'!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'];
const MASK_TOKENS = ['[MASK]', '<mask>'];
/** Numbers in the vectors of all texts that are compared in one request, which are in memory together: half a gigabyte. */
const MAX_NUMBERS = 2 ** 27;
/** Comparing goes on for so many milliseconds before others get a turn. */
const TURN_MS = 8;

/**
 * One vector a token, as ColBERT makes them: a marker behind the opening special token, queries filled up with the mask token (which gets
 * vectors and, unless the model was trained otherwise, is not attended to), passages' punctuation left out. Token ids that a client sends
 * are a text's with its special tokens, and are marked and filled alike. Scores documents by MaxSim (Khattab and Zaharia 2020, ColBERT).
 */
export class LateInteraction implements MultiEmbedder, TextReranker {
  readonly #facts: Pick<EncoderFacts, 'maxTokens' | 'prompts'>;
  readonly #multi: MultiFacts;
  readonly #tokenizer: Tokenizer;
  readonly #batcher: Batcher<EncoderInput, VectorsOfTokens>;
  readonly #markers: { readonly query: number; readonly passage: number } | undefined;
  readonly #mask: number | undefined;
  readonly #skipped: ReadonlySet<number>;

  /** @throws LocalLiteError model_unsupported when the tokenizer lacks a marker or the mask token that the card asks for */
  constructor(options: {
    facts: Pick<EncoderFacts, 'maxTokens' | 'prompts'>;
    multi: MultiFacts;
    tokenizer: Tokenizer;
    batcher: Batcher<EncoderInput, VectorsOfTokens>;
  }) {
    const { facts, multi, tokenizer, batcher } = options;
    this.#facts = facts;
    this.#multi = multi;
    this.#tokenizer = tokenizer;
    this.#batcher = batcher;
    const { markers } = multi;
    this.#markers =
      markers === undefined ? undefined : { query: tokenId(tokenizer, [markers.query]), passage: tokenId(tokenizer, [markers.passage]) };
    this.#mask = multi.queryTokens === undefined ? undefined : tokenId(tokenizer, MASK_TOKENS);
    this.#skipped = multi.skipPunctuation ? punctuationIds(tokenizer) : new Set();
  }

  async embed(inputs: readonly TextInput[], options: TextOptions): Promise<MultiEmbedded> {
    const kind = options.inputType ?? 'passage';
    const prompt = promptFor(inputs, options.inputType, this.#facts.prompts);
    const rows: EncodedText[] = [];
    const { results, ...run } = await runTexts(inputs, {
      batcher: this.#batcher,
      lane: options.lane,
      signal: options.signal,
      expectedTokens: estimateTokens(inputs, this.#facts.maxTokens),
      encode: async (input, index) => {
        const encoding = await encodeInput(input, index, {
          tokenizer: this.#tokenizer,
          maxTokens: this.#facts.maxTokens - (this.#markers === undefined ? 0 : 1),
          prompt,
          truncate: options.truncate === true,
        });
        const row = this.#mark(encoding, kind);
        rows[index] = row;
        return row;
      },
    });
    return { vectors: results.map((vectors, index) => this.#keep(vectors, rows[index], kind)), ...run };
  }

  async rerank(query: string, documents: readonly string[], options: RerankOptions): Promise<Reranked> {
    const { maxTokens, prompts } = this.#facts;
    const rows: EncodedText[][] = [];
    let tokens = 0;
    const { results, ...run } = await runTexts([query, ...documents], {
      batcher: this.#batcher,
      lane: options.lane,
      signal: options.signal,
      expectedTokens: estimateTokens(
        [query, ...documents],
        options.long === 'windows' ? readingLimit(maxTokens, options) : Math.min(maxTokens, readingLimit(maxTokens, options)),
      ),
      encode: async (text, index) => {
        const encoded =
          index === 0
            ? await this.#encodeQuery(prompts.query + text)
            : await this.#encodeDocument(prompts.passage + text, index - 1, options);
        rows[index] = encoded;
        tokens += encoded.reduce((sum, { ids }) => sum + ids.length, 0);
        this.#checkTokens(tokens);
        const [only] = encoded;
        return encoded.length === 1 && only !== undefined ? only : encoded;
      },
    });
    const scores = await this.#compare(results, rows, options.signal);
    const [, ...truncatedTokens] = run.truncatedTokens;
    return {
      ...run,
      truncatedTokens,
      logits: bestOfWindows(
        scores,
        rows.slice(1).map((windows) => windows.length),
      ),
    };
  }

  /** @throws LocalLiteError invalid_request for more vectors than are held at once */
  #checkTokens(tokens: number): void {
    const most = Math.floor(MAX_NUMBERS / this.#multi.dimensions);
    if (tokens <= most) return;
    throw new LocalLiteError(
      'invalid_request',
      `documents: they have more than the ${most} tokens in all that this model compares at once, a vector each; send them in parts`,
      { param: 'documents' },
    );
  }

  async #encodeQuery(text: string): Promise<EncodedText[]> {
    const { maxTokens } = this.#facts;
    const row = this.#mark(await this.#tokenizer.encodeAsync(text), 'query');
    if (row.ids.length <= maxTokens) return [row];
    throw new LocalLiteError(
      'input_too_long',
      `the query has ${row.ids.length} tokens and the model takes at most ${maxTokens}; shorten it`,
      {
        param: 'query',
      },
    );
  }

  async #encodeDocument(text: string, index: number, options: RerankOptions): Promise<EncodedText[]> {
    const limit = this.#facts.maxTokens - (this.#markers === undefined ? 0 : 1);
    const room = limit - this.#tokenizer.frame([]).ids.length;
    const whole = await this.#tokenizer.content(text);
    const content = readableIds(whole, room, options);
    const cut = whole.length - content.length;
    const rows = (encodings: readonly Encoding[]): EncodedText[] =>
      withCut(
        encodings.map((encoding) => this.#mark(encoding, 'passage')),
        cut,
      );
    if (content.length <= room) return rows([this.#tokenizer.frame(content)]);
    if (options.long === 'windows' && room >= LEAST_WINDOW) {
      return rows(windowsOf(content, room).map((window) => this.#tokenizer.frame(window)));
    }
    if (options.truncate !== true) {
      throw tooLong(`documents[${index}]`, `has ${limit - room + content.length} tokens and the model takes at most ${limit}`);
    }
    return rows([this.#tokenizer.frame(content, { maxTokens: limit })]);
  }

  /** Puts the marker behind the opening special token and fills a query up. Longer queries stay as long as they are. */
  #mark({ ids, typeIds, dropped }: Encoding, kind: 'query' | 'passage'): EncodedText {
    const marker = this.#markers?.[kind];
    const own = ids.length + (marker === undefined ? 0 : 1);
    const filled = kind === 'query' ? Math.max(own, this.#multi.queryTokens ?? 0) : own;
    const row = new Int32Array(filled).fill(this.#mask ?? 0, own);
    const types = new Int32Array(filled);
    const at = this.#tokenizer.isSpecial(ids[0] ?? -1) ? 1 : 0;
    const behind = at + (own - ids.length);
    row.set(ids.subarray(0, at));
    if (marker !== undefined) row[at] = marker;
    row.set(ids.subarray(at), behind);
    types.set(typeIds.subarray(at), behind);
    const isFilled = filled > own && this.#multi.attendToFill !== true;
    return { ids: row, typeIds: types, dropped, ...(isFilled ? { attended: own } : {}) };
  }

  /** The vectors that count. A graph that leaves the first token out gives one less than there are ids. */
  #keep(vectors: VectorsOfTokens, row: EncodedText | undefined, kind: 'query' | 'passage'): VectorsOfTokens {
    const { tokens, dimensions, data } = vectors;
    const ids = row?.ids ?? new Int32Array();
    const missing = ids.length - tokens;
    const kept: number[] = [];
    for (let token = 0; token < tokens; token++) {
      const place = token + missing;
      const isSkipped = (place === 0 && this.#multi.skipFirst === true) || (kind === 'passage' && this.#skipped.has(ids[place] ?? -1));
      if (!isSkipped) kept.push(token);
    }
    if (kept.length === tokens) return vectors;
    const rest = new Float32Array(kept.length * dimensions);
    for (const [index, token] of kept.entries()) rest.set(data.subarray(token * dimensions, (token + 1) * dimensions), index * dimensions);
    return { tokens: kept.length, dimensions, data: rest };
  }

  /** MaxSim of the first result with each other; others get a turn in between. */
  async #compare(
    results: readonly VectorsOfTokens[],
    rows: readonly (readonly EncodedText[])[],
    signal: AbortSignal | undefined,
  ): Promise<readonly number[]> {
    const flat = rows.flat();
    const [first, ...others] = results;
    if (first === undefined) throw new LocalLiteError('internal', 'a query ran without a result');
    const query = this.#keep(first, flat[0], 'query');
    const scores: number[] = [];
    let turn = performance.now();
    for (const [index, vectors] of others.entries()) {
      scores.push(maxSim(query, this.#keep(vectors, flat[index + 1], 'passage')));
      if (performance.now() - turn < TURN_MS) continue;
      await nextTurn();
      if (signal?.aborted) throw new LocalLiteError('cancelled', 'the caller left before all documents were compared');
      turn = performance.now();
    }
    return scores;
  }
}

function tokenId(tokenizer: Tokenizer, candidates: readonly string[]): number {
  for (const token of candidates) {
    const id = tokenizer.idOf(token);
    if (id !== undefined) return id;
  }
  throw new LocalLiteError('model_unsupported', `the tokenizer has no token ${candidates.join(' or ')}, which late interaction needs`);
}

/** The first id of each punctuation character on its own, as ColBERT's skip list has them. */
function punctuationIds(tokenizer: Tokenizer): ReadonlySet<number> {
  const ids = PUNCTUATION.flatMap((character) => [...tokenizer.encode(character, { addSpecialTokens: false }).ids.subarray(0, 1)]);
  // A vocabulary that lacks a character has the token for the unknown instead, which stands for words, too.
  return new Set(ids.filter((id) => !tokenizer.isSpecial(id)));
}
