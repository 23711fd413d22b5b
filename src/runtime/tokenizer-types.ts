/** Token ids of one text with special tokens, and how many ids were cut to fit. */
export interface Encoding {
  readonly ids: Int32Array;
  readonly typeIds: Int32Array;
  /** Ids of the text that were dropped by truncation; 0 when all fitted. */
  readonly dropped: number;
}

/** A piece of text: UTF-16 offsets [start, end) into the input; special tokens have start = end = 0. */
export interface TokenSpan {
  readonly id: number;
  readonly token: string;
  readonly start: number;
  readonly end: number;
}

/** Turns text into the ids its model was trained on. */
export interface Tokenizer {
  /** False only for the bootstrap fallback, which may count but not feed a model. */
  readonly exact: boolean;
  /** Ids with special tokens. `maxTokens` truncates on the right and keeps the special tokens; absent = no truncation. */
  encode(text: string, options?: { readonly maxTokens?: number; readonly addSpecialTokens?: boolean }): Encoding;
  /** As `encode`, but does not hold the event loop up for long texts. */
  encodeAsync(text: string, options?: { readonly maxTokens?: number; readonly addSpecialTokens?: boolean }): Promise<Encoding>;
  /** Ids of a text without special tokens; does not hold the event loop up for long texts. */
  content(text: string): Promise<readonly number[]>;
  /** Special tokens around ids from {@link Tokenizer.content}; `maxTokens` cuts as in `encode`. */
  frame(content: readonly number[], options?: { readonly maxTokens?: number }): Encoding;
  /**
   * Query and passage as one row, as a cross-encoder reads them; `maxTokens` cuts the passage on its right.
   * @throws LocalLiteError input_too_long when not even the query fits
   */
  encodePair(query: string, passage: string, options?: { readonly maxTokens?: number }): Promise<Encoding>;
  /** As `encodePair`, of ids from {@link Tokenizer.content}. */
  framePair(query: readonly number[], passage: readonly number[], options?: { readonly maxTokens?: number }): Encoding;
  /** Special tokens that {@link Tokenizer.framePair} adds. */
  readonly pairSpecials: number;
  /** Id of a token as the vocabulary spells it; undefined when there is none. */
  idOf(token: string): number | undefined;
  /** True for `[CLS]`, `</s>` and their like. */
  isSpecial(id: number): boolean;
  /** Tokens with their place in the text. */
  spans(text: string, options?: { readonly addSpecialTokens?: boolean }): Promise<readonly TokenSpan[]>;
  /** Wraps ids that a client made itself: nothing is added; `maxTokens` truncates and keeps the last id if it is the closing special token. */
  fromIds(ids: readonly number[], options?: { readonly maxTokens?: number }): Encoding;
  decode(ids: readonly number[], options?: { readonly skipSpecialTokens?: boolean }): string;
  /** Number of ids with special tokens. */
  count(text: string): number;
  readonly vocabularySize: number;
}
