import type { TokenCounter } from '../documents/document-types.ts';
import type { EmbeddedTexts, EmbeddingFacts, EmbedTextsOptions, Inference } from '../retrieval/inference.ts';
import type { Tokenizer } from '../runtime/tokenizer-types.ts';
import type { GatewayParts } from './gateway-parts.ts';
import type { ModelAccess } from './model-access.ts';
import type { TaskRuns } from './task-runs.ts';
import { tokenizerOf } from './wrong-task.ts';

/** The gateway's models as retrieval sees them. */
export class RetrievalInference implements Inference {
  readonly #parts: Pick<GatewayParts, 'config' | 'store' | 'names'>;
  readonly #access: ModelAccess;
  readonly #tasks: TaskRuns;

  constructor(parts: Pick<GatewayParts, 'config' | 'store' | 'names'>, access: ModelAccess, tasks: TaskRuns) {
    this.#parts = parts;
    this.#access = access;
    this.#tasks = tasks;
  }

  async describe(model: string | undefined, signal?: AbortSignal): Promise<EmbeddingFacts> {
    const name = model ?? this.#parts.config.default_models.embed;
    using lease = await this.#access.lease({ name, task: 'embed', signal });
    const { engine } = lease;
    const { card, variant } = engine;
    return {
      model: card.id,
      space: engine.space(undefined),
      variant: variant.name,
      dimensions: card.dimensions,
      maxTokens: card.maxTokens,
      reservedTokens: tokenizerOf(engine).count(card.prompts.passage),
    };
  }

  async embed(texts: readonly string[], { model, inputType, priority, signal }: EmbedTextsOptions): Promise<EmbeddedTexts> {
    return await this.#tasks.embed({ model, input: texts, inputType, priority, ...(signal !== undefined && { signal }) });
  }

  async rerank(model: string, query: string, documents: readonly string[], signal?: AbortSignal): Promise<readonly number[]> {
    const request = { model, query, documents, truncate: true, ...(signal !== undefined && { signal }) };
    const { scores } = await this.#tasks.rerank(request);
    return [...scores];
  }

  async counter(model: string): Promise<TokenCounter> {
    using lease = await this.#access.lease({ name: model, task: 'embed' });
    return counterOf(tokenizerOf(lease.engine));
  }

  async fidelity(model: string, variant: string): Promise<number | undefined> {
    const installed = await this.#parts.store.variants(this.#parts.names.resolve(model).id);
    return installed.find((one) => one.variant.name === variant)?.variant.fidelity?.meanCosine;
  }
}

/** Tokens of texts without special tokens. */
function counterOf(tokenizer: Tokenizer): TokenCounter {
  const options = { addSpecialTokens: false };
  return {
    count: (text) => tokenizer.encode(text, options).ids.length,
    spans: (text) => tokenizer.spans(text, options),
  };
}
