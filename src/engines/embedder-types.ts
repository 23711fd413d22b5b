import type { Lane } from '../runtime/slots.ts';

/** One text, or the token ids of one. */
export type TextInput = string | readonly number[];

/** What every task is told besides its inputs. */
export interface TextOptions {
  /** Selects the model's prompt, or its way of marking queries and passages. Absent: no prompt. */
  readonly inputType?: 'query' | 'passage' | undefined;
  /** Cut over-long inputs instead of refusing them. */
  readonly truncate?: boolean | undefined;
  readonly lane: Lane;
  readonly signal?: AbortSignal | undefined;
}

export interface EmbedOptions extends TextOptions {
  readonly dimensions?: number | undefined;
}

/** Tokens and times of one request; tokens counted with special tokens, as they ran. */
export interface TextRun {
  readonly promptTokens: number;
  /** Tokens cut from each input, 0 where none. */
  readonly truncatedTokens: readonly number[];
  readonly tokenizeMs: number;
  /** Longest wait of any text between its submission and its batch. */
  readonly queueMs: number;
  /** Longest run of any batch that held one of the texts. */
  readonly inferMs: number;
}

/** Vectors in the order of the inputs. */
export interface Embedded extends TextRun {
  readonly vectors: readonly Float32Array[];
}

/** Turns texts into one vector each, by a transformer in worker processes or by a table in this one. */
export interface TextEmbedder {
  /**
   * @throws LocalLiteError input_too_long (both counts, unless `truncate`), invalid_request (dimensions, ids, prompt with ids),
   *   overloaded, cancelled, worker_crashed, timed_out, inference_failed
   */
  embed(inputs: readonly TextInput[], options: EmbedOptions): Promise<Embedded>;
}

/** Vocabulary ids in ascending order, and their weights (all > 0). */
export interface TermWeights {
  readonly indices: Int32Array;
  readonly values: Float32Array;
}

/** Term weights in the order of the inputs. */
export interface SparselyEmbedded extends TextRun {
  readonly vectors: readonly TermWeights[];
}

/** Turns texts into weights of vocabulary terms. */
export interface SparseEmbedder {
  /** @throws LocalLiteError as {@link TextEmbedder.embed} */
  embed(inputs: readonly TextInput[], options: TextOptions): Promise<SparselyEmbedded>;
}

/** Row-major [tokens, dimensions], each of unit length. */
export interface VectorsOfTokens {
  readonly tokens: number;
  readonly dimensions: number;
  readonly data: Float32Array;
}

/** One matrix an input, in their order. */
export interface MultiEmbedded extends TextRun {
  readonly vectors: readonly VectorsOfTokens[];
}

/** Turns texts into one vector a token (late interaction). */
export interface MultiEmbedder {
  /** @throws LocalLiteError as {@link TextEmbedder.embed} */
  embed(inputs: readonly TextInput[], options: TextOptions): Promise<MultiEmbedded>;
}

export interface RerankOptions {
  /** How a document that does not fit beside the query is read: cut on its right side, or in overlapping windows of which the best counts. */
  readonly long?: 'cut' | 'windows' | undefined;
  /** Tokens of each document that are read at most; the rest is cut and counted. */
  readonly maxDocumentTokens?: number | undefined;
  /** Windows of each document that are read at most; the rest is cut and counted. */
  readonly maxWindows?: number | undefined;
  /** Cut over-long documents instead of refusing them; without meaning for windows. */
  readonly truncate?: boolean | undefined;
  readonly lane: Lane;
  readonly signal?: AbortSignal | undefined;
}

/** Raw scores in the order of the documents; tokens are those of all rows that ran. */
export interface Reranked extends TextRun {
  readonly logits: Float32Array;
}

/** Scores documents by their relevance to a query. */
export interface TextReranker {
  /** @throws LocalLiteError input_too_long (naming the query or `documents[i]`), otherwise as {@link TextEmbedder.embed} */
  rerank(query: string, documents: readonly string[], options: RerankOptions): Promise<Reranked>;
}
