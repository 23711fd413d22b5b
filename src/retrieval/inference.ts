import type { TokenCounter } from '../documents/document-types.ts';

/** What made vectors, and what a collection is stamped with. */
export interface EmbeddingFacts {
  /** Id of the model. */
  readonly model: string;
  readonly space: string;
  readonly variant: string;
  readonly dimensions: number;
  /** Most tokens of one text, special tokens included. */
  readonly maxTokens: number;
  /** Special tokens around each text, and the tokens of the passage prompt. */
  readonly reservedTokens: number;
}

/** Vectors of texts, and what made them. */
export interface EmbeddedTexts {
  readonly space: string;
  readonly variant: string;
  readonly vectors: readonly Float32Array[];
  readonly promptTokens: number;
}

/** How texts are to be embedded. */
export interface EmbedTextsOptions {
  readonly model: string;
  readonly inputType: 'query' | 'passage';
  readonly priority: 'interactive' | 'bulk';
  readonly signal?: AbortSignal | undefined;
}

/** The models that retrieval uses; they come in as functions, so that nothing here knows how inference runs. */
export interface Inference {
  /** Loads the model if it is not in memory. Absent: the default embedding model. @throws LocalLiteError model_not_found … */
  describe(model: string | undefined, signal?: AbortSignal): Promise<EmbeddingFacts>;
  embed(texts: readonly string[], options: EmbedTextsOptions): Promise<EmbeddedTexts>;
  /** Relevance of each document to the query, 0 to 1 where the model has an activation. */
  rerank(model: string, query: string, documents: readonly string[], signal?: AbortSignal): Promise<readonly number[]>;
  /** The embedding model's own tokenizer. */
  counter(model: string): Promise<TokenCounter>;
  /** Mean cosine to full precision that was recorded for a variant of a model; undefined where none was. */
  fidelity(model: string, variant: string): Promise<number | undefined>;
}
