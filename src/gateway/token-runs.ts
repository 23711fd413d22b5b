import { setImmediate as nextTurn } from 'node:timers/promises';
import { LocalLiteError } from '../errors.ts';
import { createFallbackTokenizer } from '../runtime/tokenizer-fallback.ts';
import type { Tokenizer, TokenSpan } from '../runtime/tokenizer-types.ts';
import type { GatewayParts } from './gateway-parts.ts';
import type { Gateway, TokenizeRequest, TokenizeResult } from './gateway-types.ts';
import type { ModelAccess } from './model-access.ts';
import { tokenizerOf } from './wrong-task.ts';

/** Tokens of texts and back, by a model's own tokenizer. */
export class TokenRuns {
  readonly #parts: Pick<GatewayParts, 'config' | 'catalog' | 'names'>;
  readonly #access: ModelAccess;

  constructor(parts: Pick<GatewayParts, 'config' | 'catalog' | 'names'>, access: ModelAccess) {
    this.#parts = parts;
    this.#access = access;
  }

  async tokenize(request: TokenizeRequest): Promise<TokenizeResult> {
    const name = request.model ?? this.#parts.config.default_models.embed;
    const tokenizer = await this.#tokenizerOf(name, request.signal);
    if (tokenizer === undefined) return this.#estimate(name, request);
    const options = { addSpecialTokens: request.addSpecialTokens ?? true };
    const tokens: (readonly TokenSpan[])[] = [];
    for (const text of request.input) {
      // Others get a turn between two texts.
      if (tokens.length > 0) await nextTurn();
      if (request.signal?.aborted) throw new LocalLiteError('cancelled', 'the caller left before all texts were tokenised');
      tokens.push(await tokenizer.exact.spans(text, options));
    }
    return { model: tokenizer.model, exact: true, counts: tokens.map((spans) => spans.length), tokens };
  }

  async detokenize(request: Parameters<Gateway['detokenize']>[0]): Promise<{ model: string; text: string }> {
    using lease = await this.#access.lease({ name: request.model ?? this.#parts.config.default_models.embed });
    const { engine } = lease;
    return {
      model: engine.card.id,
      text: tokenizerOf(engine).decode(request.tokens, { skipSpecialTokens: request.skipSpecialTokens ?? true }),
    };
  }

  /** The exact tokenizer of an installed model; undefined for one that the catalogue knows and the store does not have. */
  async #tokenizerOf(name: string, signal: AbortSignal | undefined): Promise<{ model: string; exact: Tokenizer } | undefined> {
    try {
      using lease = await this.#access.lease({ name, signal });
      return { model: lease.engine.card.id, exact: tokenizerOf(lease.engine) };
    } catch (error) {
      const isKnown = this.#parts.catalog.find(this.#parts.names.resolve(name).id) !== undefined;
      if (isKnown && LocalLiteError.is(error) && error.code === 'model_not_found') return undefined;
      throw error;
    }
  }

  #estimate(name: string, { input }: TokenizeRequest): TokenizeResult {
    const tokenizer = createFallbackTokenizer();
    return { model: this.#parts.names.resolve(name).id, exact: false, counts: input.map((text) => tokenizer.count(text)), tokens: [] };
  }
}
