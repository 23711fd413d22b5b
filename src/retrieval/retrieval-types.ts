import type {
  Chunk,
  ChunkerSettings,
  ChunkMeta,
  DocumentFacts,
  DocumentMetadata,
  DocumentWarning,
  OutlineEntry,
  ParsedDocument,
  ParseOptions,
} from '../documents/document-types.ts';
import type { Filter } from '../indexing/index-types.ts';
import type {
  Attributes,
  CollectionFacts,
  DocumentRow,
  DocumentStatus,
  FileRow,
  HealReport,
  ItemState,
  JobItemRow,
  JobRow,
  Page,
  PageRequest,
} from '../state/state-types.ts';

/** Where the bytes of one document come from. */
export type SourcePlace =
  /** An uploaded file. With `key` (a path or address as its sender knows it) a later file of the same key takes its place. */
  | { readonly kind: 'file'; readonly fileId: string; readonly key?: string }
  /** A path on the gateway's machine, below `ingest.roots`. */
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string };

/** One source of an order; what it says of itself wins over the order's options. */
export type IngestSource = SourcePlace & Pick<IngestOptions, 'attributes' | 'chunker' | 'enrich'>;

export interface IngestOptions {
  readonly attributes?: Attributes;
  /** What differs from the collection's; never more than the model reads. */
  readonly chunker?: Partial<ChunkerSettings>;
  readonly password?: string;
  readonly ocr?: ParseOptions['ocr'];
  /** Index again even when the content is the same. */
  readonly force?: boolean;
  /** Names of the enrichers that are to run; absent: those of the setting `enrich`. */
  readonly enrich?: readonly string[];
}

/** What an ingest is asked to do: acknowledged once it is in the database. */
export interface IngestOrder extends IngestOptions {
  /** Id or name. */
  readonly collection: string;
  readonly sources: readonly IngestSource[];
}

/** A file as it is taken in. */
export interface NewFile {
  readonly name: string;
  readonly bytes: AsyncIterable<Uint8Array> | Uint8Array;
  readonly mediaType?: string;
  /** What is known of it only when its bytes have been read; asked for then, and thrown from it means that nothing is kept. */
  readonly facts?: () => Promise<{ readonly purpose?: string; readonly expiresAt?: number }>;
}

/** Files of users: bytes in HOME, rows in the database. */
export interface Files {
  /** Written to disk and to the database before it is answered. @throws LocalLiteError payload_too_large, disk_full */
  add(file: NewFile, signal?: AbortSignal): Promise<FileRow>;
  /** @throws LocalLiteError not_found */
  get(id: string): Promise<FileRow>;
  list(page: PageRequest & { readonly purpose?: string }): Promise<Page<FileRow>>;
  content(id: string): Promise<{ readonly file: FileRow; readonly bytes: AsyncIterable<Uint8Array> }>;
  /** Rows, vectors, words and bytes. */
  remove(id: string): Promise<void>;
}

/** A new collection. Its model and chunker are stamped on it. */
export interface NewCollection {
  /** Absent: its id. */
  readonly name?: string;
  readonly description?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly expiresAfterDays?: number;
  /** Absent: the default embedding model. */
  readonly model?: string;
  readonly chunker?: Partial<ChunkerSettings>;
  /** Cut chunks down to what the model reads instead of refusing larger ones. */
  readonly fitChunker?: boolean;
}

export type SearchMode = 'hybrid' | 'dense' | 'text';

/** A question to a collection. */
export interface SearchRequest {
  /** Several phrasings of one question are searched and fused. */
  readonly query: string | readonly string[];
  /** Absent: the setting `search.mode`. */
  readonly mode?: SearchMode;
  /** Hits wanted, 1 to 50 by OpenAI's API, up to 1,000 by ours. Absent: 10. */
  readonly k?: number;
  /** Hits left out before the first. */
  readonly offset?: number;
  readonly filter?: Filter;
  /** Hits with a lower final score (0 to 1) are left out. */
  readonly minScore?: number;
  /** `rrf`: reciprocal ranks; `weighted`: scores brought to one scale. Absent: the setting `search.fusion`. */
  readonly fusion?: 'rrf' | 'weighted';
  /** Share of the dense side in fusion, 0 to 1. */
  readonly denseWeight?: number;
  /** Model that puts the best candidates in order; `none` or absent: none, unless `search.rerank` names one. */
  readonly rerank?: string;
  /** 0 (only relevance) to 1 (only difference): maximal marginal relevance. */
  readonly diversity?: number;
  /** At most this many hits of one document. */
  readonly perDocument?: number;
  /** Tolerate misspelt words in text search. Absent: only where a word is unknown to the collection. */
  readonly fuzzy?: boolean;
  /** Neighbouring chunks shown around each hit. */
  readonly window?: number;
  /** Tokens of ready context blocks; absent: none are made. */
  readonly contextTokens?: number;
  /** Score every vector instead of using the index's graph. */
  readonly exact?: boolean;
  /** Passages that say nearly the same as a better hit are told with it instead of being hits of their own. */
  readonly collapseDuplicates?: boolean;
  readonly signal?: AbortSignal;
}

/** Why a hit is where it is; each part is there only where that side found it. */
export interface ScoreParts {
  /** Cosine. */
  readonly dense?: number;
  readonly denseRank?: number;
  /** BM25. */
  readonly text?: number;
  readonly textRank?: number;
  readonly rerank?: number;
}

/** A passage that answers. */
export interface SearchHit {
  readonly chunkId: number;
  readonly fileId: string;
  readonly fileName: string;
  readonly title: string | undefined;
  readonly ordinal: number;
  /** 0 to 1; comparable within one search. */
  readonly score: number;
  readonly parts: ScoreParts;
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly page: number | undefined;
  readonly lastPage: number | undefined;
  readonly path: readonly string[];
  readonly attributes: Attributes;
  readonly meta: ChunkMeta;
  /** The best sentences of it; `highlights` are places of query words in it, UTF-16 units. */
  readonly snippet: { readonly text: string; readonly highlights: readonly { readonly start: number; readonly end: number }[] };
  /** The text with its neighbours, where a window was asked for. */
  readonly windowText: string | undefined;
  /** Passages that say nearly the same, where {@link SearchRequest.collapseDuplicates} was asked for. */
  readonly duplicates?: readonly { readonly chunkId: number; readonly fileId: string }[];
}

/** A numbered passage ready for a prompt. */
export interface ContextBlock {
  readonly number: number;
  readonly text: string;
  readonly tokens: number;
  /** `title > headings, page 3`. */
  readonly source: string;
  readonly fileId: string;
  readonly start: number;
  readonly end: number;
  /** Hits that are in it. */
  readonly hits: readonly number[];
}

export interface SearchResult {
  readonly collection: string;
  readonly model: string;
  readonly space: string;
  readonly variant: string;
  readonly hits: readonly SearchHit[];
  readonly hasMore: boolean;
  readonly context: readonly ContextBlock[];
  readonly promptTokens: number;
  readonly warnings: readonly string[];
  readonly timings: { readonly embedMs: number; readonly searchMs: number; readonly rerankMs: number; readonly totalMs: number };
}

/** How far an ingest or a re-index is. */
export interface IngestProgress {
  readonly phase: 'listing' | 'ingesting' | 'switching';
  readonly total: number;
  readonly done: number;
  readonly unchanged: number;
  readonly failed: number;
  readonly chunks: number;
  /** What is being worked on. */
  readonly current: readonly string[];
}

/** What a collection holds, checked. */
export interface VerifyReport {
  readonly collection: string;
  readonly sound: boolean;
  readonly problems: readonly string[];
  readonly healed: HealReport;
}

/** A document of a collection with its file. */
export interface CollectionDocument {
  readonly document: DocumentRow;
  readonly file: FileRow;
  /** The file in this collection, taken in before, of which it is a near copy. */
  readonly duplicateOf?: string;
}

/** Collections, their documents, and search. Names may be ids (`vs_…`) or names. @throws LocalLiteError not_found, index_mismatch, invalid_request */
export interface Collections {
  create(collection: NewCollection): Promise<CollectionFacts>;
  get(name: string): Promise<CollectionFacts>;
  list(page: PageRequest): Promise<Page<CollectionFacts>>;
  update(
    name: string,
    change: { readonly name?: string; readonly metadata?: Readonly<Record<string, string>>; readonly expiresAfterDays?: number | null },
  ): Promise<CollectionFacts>;
  remove(name: string): Promise<void>;
  verify(name: string): Promise<VerifyReport>;
  /** Deletes what has expired and gives the space back. */
  purge(): Promise<{ readonly collections: number; readonly files: number; readonly freedBytes: number }>;
  /** JSON lines: the stamp, then every document with its chunks and vectors (base64). */
  export(name: string): AsyncIterable<string>;
  /** The counterpart; refuses another format or torn lines. */
  import(lines: AsyncIterable<string>, options: { readonly name?: string }): Promise<CollectionFacts>;

  /** A durable job: returns once it is in the database. The job is watched through the gateway's jobs. */
  ingest(order: IngestOrder): Promise<JobRow>;
  /** Again with another model or chunker: builds beside the old index, then switches. */
  reindex(name: string, options: { readonly model?: string; readonly chunker?: Partial<ChunkerSettings> }): Promise<JobRow>;
  /** Items of an ingest into this collection by state; undefined if the job is none. */
  batchCounts(jobId: string, collectionId: string): Promise<Readonly<Record<ItemState, number>> | undefined>;
  jobItems(jobId: string, options: { readonly from?: number; readonly limit: number }): Promise<readonly JobItemRow[]>;

  document(name: string, fileId: string): Promise<CollectionDocument>;
  documents(
    name: string,
    page: PageRequest & { readonly status?: DocumentStatus; readonly jobId?: string },
  ): Promise<Page<CollectionDocument>>;
  setAttributes(name: string, fileId: string, attributes: Attributes): Promise<CollectionDocument>;
  removeDocument(name: string, fileId: string): Promise<void>;
  /** Text of a document as it is indexed, one part a chunk. */
  documentText(name: string, fileId: string): Promise<readonly string[]>;
  search(name: string, request: SearchRequest): Promise<SearchResult>;
}

/** Documents without a collection: parse and chunk. */
export interface Documents {
  /** A parsed document as Markdown. */
  toMarkdown(document: Pick<ParsedDocument, 'blocks'>): string;
  /** @throws LocalLiteError document_unreadable, document_encrypted, document_too_large, document_unsupported, timed_out */
  parse(bytes: Uint8Array, options: ParseOptions): Promise<ParsedDocument>;
  chunk(
    document: Pick<ParsedDocument, 'text' | 'blocks' | 'metadata'>,
    options: { readonly model?: string; readonly chunker?: Partial<ChunkerSettings>; readonly signal?: AbortSignal },
  ): Promise<readonly Chunk[]>;
}

/** Facts of a stored document, as {@link DocumentRow.facts} holds them. */
export interface StoredFacts extends DocumentFacts {
  readonly metadata: DocumentMetadata;
  readonly outline: readonly OutlineEntry[];
  readonly warnings: readonly DocumentWarning[];
  readonly parser: string;
  /** Names of the enrichers that ran. */
  readonly enrichers?: readonly string[];
}
