import type { AttributeValue } from '../state/state-types.ts';

/** Numbers of chunks with their scores, best first. */
export interface IndexHits {
  readonly chunks: readonly number[];
  readonly scores: readonly number[];
}

/** Says which chunks may be hits. Who knows them all says so too: few are looked at one by one then. */
export interface Keep {
  (chunk: number): boolean;
  /** How many there are; may count some that are not in the index. */
  readonly count?: number;
  /** All of them. */
  readonly chunks?: () => Iterable<number>;
}

/**
 * Nearest vectors by dot product (vectors are of unit length, so it is the cosine). A cache: it can be rebuilt from the database at any
 * time. Implementations pass `testVectorIndex` of `locallite/testing`. Single-threaded use; blocking.
 */
export interface VectorIndex {
  readonly kind: string;
  readonly dimensions: number;
  readonly size: number;
  readonly memoryBytes: number;
  /** Adds rows or replaces those with the same number. `vectors` is row-major [chunks, dimensions]. */
  upsert(chunks: readonly number[], vectors: Float32Array): void;
  /** Unknown numbers are left out of the count. */
  remove(chunks: readonly number[]): number;
  /** The k best, fewer only where fewer are kept; equal scores by ascending number. */
  search(vector: Float32Array, k: number, keep?: Keep): IndexHits;
  close(): void;
}

/** A text query, taken apart. */
export interface TextQuery {
  /** The words as they were written. */
  readonly text: string;
  /** Quoted phrases: every hit has all of them, word for word. */
  readonly phrases: readonly string[];
  /** Also match words that are one or two letters away where a word is unknown. */
  readonly fuzzy: boolean;
}

/** BM25 over the words of chunks. A cache, as {@link VectorIndex}. Implementations pass `testTextIndex`. */
export interface TextIndex {
  readonly kind: string;
  readonly size: number;
  readonly memoryBytes: number;
  /** `language`: BCP 47, chooses stemming; undefined = found from the text. */
  upsert(rows: readonly { readonly chunk: number; readonly text: string; readonly language?: string }[]): void;
  remove(chunks: readonly number[]): number;
  search(query: TextQuery, k: number, keep?: Keep): IndexHits;
  close(): void;
}

/** OpenAI's comparison filter, with ours for dates and lists (`contains`, `not_contains`: the list has the value). */
export interface ComparisonFilter {
  readonly type: 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte' | 'in' | 'nin' | 'contains' | 'not_contains';
  readonly key: string;
  readonly value: AttributeValue;
}
export interface CompoundFilter {
  readonly type: 'and' | 'or';
  readonly filters: readonly Filter[];
}
export type Filter = ComparisonFilter | CompoundFilter;

/** One look into an edition's indexes. */
export interface IndexQuery {
  readonly editionId: number;
  /** Query vectors of unit length; several are looked up one by one. Empty: no dense search. */
  readonly vectors: readonly Float32Array[];
  /** Empty: no text search. */
  readonly texts: readonly TextQuery[];
  /** Hits of each lookup. */
  readonly k: number;
  readonly filter?: Filter;
  /** Only these documents. */
  readonly documents?: readonly number[];
  /** Score every kept vector instead of using a graph. */
  readonly exact?: boolean;
}

export interface IndexAnswer {
  /** One for each vector, one for each text. */
  readonly dense: readonly IndexHits[];
  readonly text: readonly IndexHits[];
  /** Chunks that the filter keeps. */
  readonly kept: number;
  /** Milliseconds spent looking, and catching up with the database before. */
  readonly searchMs: number;
  readonly refreshMs: number;
}

export interface IndexFacts {
  readonly editionId: number;
  readonly chunks: number;
  readonly vectors: { readonly kind: string; readonly memoryBytes: number };
  readonly text: { readonly kind: string; readonly memoryBytes: number };
}

/**
 * The search structures of all editions, in a thread of their own that reads the database itself. Every query sees all that was committed
 * before it was asked.
 * @throws LocalLiteError not_found (no such edition), store_corrupt, cancelled, shutting_down
 */
export interface Indexes {
  query(query: IndexQuery, signal?: AbortSignal): Promise<IndexAnswer>;
  /** Reads an edition in before the first query needs it. */
  open(editionId: number): Promise<IndexFacts>;
  /** Lets go of an edition's memory and cache files. */
  drop(editionId: number): Promise<void>;
  facts(): Promise<readonly IndexFacts[]>;
  /** Checks that every chunk of the edition has its vector and its words in the indexes; says what is wrong. */
  verify(editionId: number): Promise<readonly string[]>;
  close(): Promise<void>;
}
