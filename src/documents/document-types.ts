/** What a piece of a document is. */
export type BlockKind = 'heading' | 'text' | 'list' | 'table' | 'code' | 'image' | 'footnote';

/** A rectangle on a page in points (1/72 inch), origin at the top left. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A link as the document has it; it is never followed. */
export interface Link {
  readonly text: string;
  readonly url: string;
}

/** What a parser says of one piece; order is reading order. Everything else of a {@link Block} is worked out of these. */
export interface DraftBlock {
  readonly kind: BlockKind;
  /** Plain text without mark-up; of a list one item a line, of a table one row a line with cells joined by ` | `; of an image its alternative text or what was read in it. */
  readonly text: string;
  /** Of a heading: 1 (highest) to 6. */
  readonly level?: number;
  /** From 1. Of a presentation the slide, of a workbook the sheet. */
  readonly page?: number;
  readonly box?: Box;
  /** 0 to 1, where the text was recognised in an image. */
  readonly confidence?: number;
  /** Of a table: its cells, the header row first where {@link headerRows} says so. */
  readonly rows?: readonly (readonly string[])[];
  /** Of a table: how many of its first rows are a header. Absent: 0. */
  readonly headerRows?: number;
  /** Of a list: true for a numbered one. */
  readonly ordered?: boolean;
  /** Of code: its language, where it is known. */
  readonly language?: string;
  readonly links?: readonly Link[];
}

/** One piece of a parsed document. `document.text.slice(start, end) === text`; offsets count UTF-16 units. */
export interface Block extends DraftBlock {
  readonly order: number;
  readonly start: number;
  readonly end: number;
  /** Headings above it, the highest first; of a heading those above itself. */
  readonly path: readonly string[];
}

/** What is known of a document as a whole. Dates are ISO 8601. */
export interface DocumentMetadata {
  readonly title?: string;
  readonly author?: string;
  readonly createdAt?: string;
  readonly modifiedAt?: string;
  /** BCP 47. */
  readonly language?: string;
  readonly pages?: number;
  /** Found by content, e.g. `application/pdf`. */
  readonly mediaType: string;
  readonly sha256: string;
  readonly bytes: number;
  /** Headers of a mail, properties of an office file and the like. */
  readonly properties?: Readonly<Record<string, string>>;
}

/** Something that could not be read, and where. The rest of the document is there. */
export interface DocumentWarning {
  /** Stable and lower case, e.g. `page_unreadable`, `attachment_refused`, `encoding_guessed`, `limit_reached`, `enricher_failed`. */
  readonly code: string;
  readonly message: string;
  readonly page?: number;
  /** Name of the part (an attachment, a member of an archive, a sheet). */
  readonly part?: string;
}

/** An entry of the document's own outline (bookmarks, table of contents). */
export interface OutlineEntry {
  readonly title: string;
  readonly level: number;
  readonly page?: number;
}

/** A whole document as plain data: what every parser ends in, and all that later stages know of it. */
export interface ParsedDocument {
  readonly metadata: DocumentMetadata;
  /** Texts of the blocks joined by blank lines. */
  readonly text: string;
  readonly blocks: readonly Block[];
  readonly outline: readonly OutlineEntry[];
  readonly warnings: readonly DocumentWarning[];
  /** Name of the parser that read it, e.g. `pdf`. */
  readonly parser: string;
}

/** Bounds on what one document may cost. A bound that is passed ends in a named error or, where a part of it can be left out, in a warning. */
export interface ParseLimits {
  /** Wall-clock time of the whole document, milliseconds. */
  readonly timeoutMs: number;
  /** Memory of the parser's process, bytes. */
  readonly memoryBytes: number;
  readonly maxPages: number;
  /** Bytes after inflation, all parts together. */
  readonly maxInflatedBytes: number;
  /** Archives in mails in archives … */
  readonly maxNesting: number;
  /** Parts of archives and mails, all levels together. */
  readonly maxParts: number;
}

/** How a document is to be read. */
export interface ParseOptions {
  /** Name of the file: decides only where the content leaves a choice (source code, plain text, CSV). */
  readonly name?: string;
  /** What the sender called it; a hint, as the name. */
  readonly mediaType?: string;
  readonly password?: string;
  /** `auto`: pages without a usable text layer, and images. `never`, or `always` (the text layer is not read). Absent: auto. */
  readonly ocr?: 'auto' | 'never' | 'always';
  /** Resolution of page images for OCR. Absent: 200. */
  readonly dpi?: number;
  readonly signal?: AbortSignal;
}

/** Pixels for OCR: 8 bits RGB, row-major without padding. */
export interface PageImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
  /** Dots an inch where it is known, so that boxes come out in points. */
  readonly dpi?: number;
}

/** A line of text found in an image; its box in pixels of the image. */
export interface OcrLine {
  readonly text: string;
  /** 0 to 1. */
  readonly confidence: number;
  readonly box: Box;
}

/** What was read in an image, lines in reading order. */
export interface OcrResult {
  readonly lines: readonly OcrLine[];
  /** Degrees the text was turned by, clockwise: 0, 90, 180 or 270. */
  readonly rotation: number;
  /** Degrees by which its lines slope downwards beyond that. Absent: 0. */
  readonly skew?: number;
  /** Engine and model, e.g. `ppocr`. */
  readonly engine: string;
}

/** Reads text in images. Comes into `documents/` as a function; it lives in `gateway/`. @throws LocalLiteError */
export type Ocr = (
  image: PageImage,
  options: { readonly languages?: readonly string[]; readonly signal?: AbortSignal },
) => Promise<OcrResult>;

/**
 * Turns an office file of before 2007 into today's format (DOC to DOCX, PPT to PPTX). Comes into the pool as a function: it starts another
 * program, which a parser process may not. @throws LocalLiteError document_unsupported where no such program is installed
 */
export type OfficeConverter = (
  bytes: Uint8Array,
  options: { readonly mediaType: string; readonly signal?: AbortSignal },
) => Promise<Uint8Array>;

/** Reads documents; the same contract for parsers in child processes and for a remote one. */
export interface DocumentParsers {
  /** Waits for its turn. @throws LocalLiteError document_unsupported, document_unreadable, document_encrypted, document_too_large, timed_out, cancelled */
  parse(bytes: Uint8Array, options: ParseOptions): Promise<ParsedDocument>;
  close(): Promise<void>;
}

/** What a parser gets besides the bytes; it works inside the parser process. */
export interface ParseContext {
  readonly options: Omit<ParseOptions, 'signal'>;
  readonly limits: ParseLimits;
  /** Media type that was found by content. */
  readonly mediaType: string;
  /** Depth of this document inside others; 0 for the file itself. */
  readonly depth: number;
  warn(warning: DocumentWarning): void;
  /** Undefined where OCR is off or there is no engine. Absent lines mean an empty image. */
  readonly ocr: ((image: PageImage) => Promise<OcrResult>) | undefined;
  /** Undefined where no office program may be asked. See {@link OfficeConverter}. */
  readonly convert?: ((bytes: Uint8Array, mediaType: string) => Promise<Uint8Array>) | undefined;
  /** Counts inflated bytes. @throws LocalLiteError document_too_large when the document has used up its share */
  spend(bytes: number): void;
  /** Parses a part (an attachment, a member of an archive). A part that fails becomes a warning and undefined. */
  parsePart(bytes: Uint8Array, name: string, mediaType?: string): Promise<ParsedContent | undefined>;
}

/** What a parser makes of bytes. */
export interface ParsedContent {
  readonly metadata: Omit<DocumentMetadata, 'mediaType' | 'sha256' | 'bytes'>;
  readonly blocks: readonly DraftBlock[];
  readonly outline?: readonly OutlineEntry[];
}

/**
 * Reads one kind of document. Runs only inside the parser process: it may be slow, crash or run out of memory without harm, but it opens
 * no file and no connection. One file a parser under `documents/parse/`.
 */
export interface DocumentParser {
  readonly name: string;
  /** Found by content (see `detect.ts`); each media type has one parser. */
  readonly mediaTypes: readonly string[];
  /** @throws LocalLiteError document_unreadable, document_encrypted, document_too_large */
  parse(bytes: Uint8Array, context: ParseContext): Promise<ParsedContent>;
}

/** How a document is cut. Part of a collection's stamp. */
export interface ChunkerSettings {
  /** Most tokens of one chunk as it is embedded (its header included), special tokens not counted. */
  readonly maxTokens: number;
  /** Tokens that neighbours share. */
  readonly overlapTokens: number;
  /** Chunks smaller than this are merged with a neighbour under the same heading. */
  readonly minTokens: number;
  /** Put title and headings before the text when it is embedded. */
  readonly contextHeader: boolean;
}

/** A passage of a document. `document.text.slice(start, end) === text`. */
export interface Chunk {
  readonly ordinal: number;
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** What is put before the text when it is embedded and never shown as its text: title and headings, the repeated header of a cut table. */
  readonly lead: string;
  /** Tokens of `lead` and `text` as the embedding model counts them, without special tokens. */
  readonly tokens: number;
  readonly path: readonly string[];
  /** First and last page it stands on. */
  readonly page?: number;
  readonly lastPage?: number;
  /** Kinds of the blocks in it. */
  readonly kinds: readonly BlockKind[];
  /** What enrichers found. */
  readonly meta: ChunkMeta;
}

/** Numbers of tokens of texts, by the embedding model's own tokenizer; special tokens are not counted. */
export interface TokenCounter {
  count(text: string): number;
  /** Tokens with their place in the text, UTF-16 units. */
  spans(text: string): Promise<readonly { readonly start: number; readonly end: number }[]>;
}

/** An e-mail address, date, amount … found in a passage; offsets into its text. */
export interface Entity {
  readonly type: 'email' | 'url' | 'date' | 'amount' | 'phone' | 'iban' | 'card' | 'ip' | 'identifier';
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** A normal form where there is one: ISO date, amount with currency. */
  readonly value?: string;
  /** It tells something of a person. */
  readonly personal: boolean;
}

/** What enrichers add to a passage; each is there only where its enricher ran. */
export interface ChunkMeta {
  /** Where it differs from the document's. */
  readonly language?: string;
  readonly keywords?: readonly string[];
  readonly entities?: readonly Entity[];
  /** Ordinal of an earlier chunk of this document that says nearly the same. */
  readonly duplicateOf?: number;
  /** What it answers. */
  readonly questions?: readonly string[];
  /** A sentence that places it in its document; it is embedded with the passage. */
  readonly context?: string;
}

/** A value found in a document, with the number of times. Card numbers are masked. */
export interface EntityCount {
  readonly type: Entity['type'];
  readonly value: string;
  readonly count: number;
  readonly personal: boolean;
}

/** What enrichers add to a document. */
export interface DocumentFacts {
  /** ISO 639-1. */
  readonly language?: string;
  /** The best first. */
  readonly keywords?: readonly string[];
  /** The most frequent first. */
  readonly entities?: readonly EntityCount[];
  /** Types of entities that tell of a person, e.g. `email`, `iban`; empty where there are none. */
  readonly pii?: readonly string[];
  /** Its most central sentences. */
  readonly summary?: string;
  /** MinHash of its text, hexadecimal: near copies have nearly the same. */
  readonly signature?: string;
  /** Written by a chat model. */
  readonly title?: string;
  /** Written by a chat model. */
  readonly chatSummary?: string;
}
