import { LocalLiteError } from '../errors.ts';
import type { EncoderFacts } from '../models/card.ts';
import type { Tokenizer } from '../runtime/tokenizer-types.ts';
import type { Batcher } from './batcher.ts';
import type { Reranked, RerankOptions, TextReranker } from './embedder-types.ts';
import type { EncoderInput } from './encoder-input.ts';
import { type EncodedText, estimateTokens, runTexts, tooLong } from './text-run.ts';
import { bestOfWindows, LEAST_WINDOW, readableIds, readingLimit, windowStep, windowsOf, withCut } from './windows.ts';

/**
 * Tokens of all windows of one request: a long query is read again in each of them, so that a request of a few megabytes could keep the
 * model busy for days.
 */
const MAX_WINDOW_TOKENS = 2 ** 24;

/** Scores documents with a cross-encoder: query and document run as one row. */
export class CrossEncoder implements TextReranker {
  readonly #facts: Pick<EncoderFacts, 'maxTokens' | 'prompts'>;
  readonly #tokenizer: Tokenizer;
  readonly #batcher: Batcher<EncoderInput, Float32Array>;

  constructor(options: {
    facts: Pick<EncoderFacts, 'maxTokens' | 'prompts'>;
    tokenizer: Tokenizer;
    batcher: Batcher<EncoderInput, Float32Array>;
  }) {
    this.#facts = options.facts;
    this.#tokenizer = options.tokenizer;
    this.#batcher = options.batcher;
  }

  async rerank(query: string, documents: readonly string[], options: RerankOptions): Promise<Reranked> {
    const { maxTokens, prompts } = this.#facts;
    const started = performance.now();
    const queryIds = await this.#tokenizer.content(prompts.query + query);
    const queryMs = performance.now() - started;
    const room = maxTokens - this.#tokenizer.pairSpecials - queryIds.length;
    const inWindows = options.long === 'windows';
    checkRoom({ room, queryTokens: queryIds.length, maxTokens, inWindows });
    const expected = expectedTokens(documents, { room, maxTokens, inWindows }, readingLimit(room, options));
    if (inWindows) checkWindows(expected);

    const rowsOf: number[] = [];
    const { results, ...run } = await runTexts(documents, {
      batcher: this.#batcher,
      lane: options.lane,
      signal: options.signal,
      expectedTokens: expected,
      encode: async (document, index) => {
        const rows = await this.#encode(prompts.passage + document, index, { queryIds, room, options });
        rowsOf[index] = rows.length;
        return rows;
      },
    });
    const logits = bestOfWindows(
      results.map(([logit = 0]) => logit),
      rowsOf,
    );
    return { ...run, logits, tokenizeMs: run.tokenizeMs + queryMs };
  }

  async #encode(
    document: string,
    index: number,
    { queryIds, room, options }: { readonly queryIds: readonly number[]; readonly room: number; readonly options: RerankOptions },
  ): Promise<readonly EncodedText[]> {
    const { maxTokens } = this.#facts;
    const whole = await this.#tokenizer.content(document);
    const content = readableIds(whole, room, options);
    const cut = whole.length - content.length;
    if (content.length <= room) return withCut([this.#tokenizer.framePair(queryIds, content)], cut);
    if (options.long === 'windows') {
      return withCut(
        windowsOf(content, room).map((window) => this.#tokenizer.framePair(queryIds, window)),
        cut,
      );
    }
    if (options.truncate === true) return withCut([this.#tokenizer.framePair(queryIds, content, { maxTokens })], cut);
    throw tooLong(
      `documents[${index}]`,
      `has ${content.length} tokens and beside the query the model takes at most ${room} (${maxTokens} in all)`,
    );
  }
}

interface Room {
  /** Tokens of a document that fit beside the query. */
  readonly room: number;
  readonly maxTokens: number;
  readonly inWindows: boolean;
}

/** @throws LocalLiteError input_too_long when the query leaves no room for a document */
function checkRoom({ room, maxTokens, inWindows, queryTokens }: Room & { readonly queryTokens: number }): void {
  const least = inWindows ? LEAST_WINDOW : 1;
  if (room >= least) return;
  throw new LocalLiteError(
    'input_too_long',
    `the query has ${queryTokens} tokens and leaves room for ${Math.max(0, room)} of a document (at least ${least} are needed; query, document and special tokens together take at most ${maxTokens}); shorten the query`,
    { param: 'query' },
  );
}

/** @throws LocalLiteError invalid_request */
function checkWindows(tokens: number): void {
  if (tokens <= MAX_WINDOW_TOKENS) return;
  throw new LocalLiteError(
    'invalid_request',
    `documents: read in windows they have about ${tokens} tokens, the query in each window counted, and at most ${MAX_WINDOW_TOKENS} are read in one request; shorten the query, or limit the windows or tokens of each document`,
    { param: 'documents' },
  );
}

function expectedTokens(documents: readonly string[], { room, maxTokens, inWindows }: Room, limit: number): number {
  const besides = maxTokens - room;
  if (!inWindows) return estimateTokens(documents, Math.min(room, limit)) + documents.length * besides;
  const tokens = estimateTokens(documents, limit);
  return tokens + (documents.length + Math.ceil(tokens / windowStep(room))) * besides;
}
