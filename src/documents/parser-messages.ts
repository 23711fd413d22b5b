import type { OcrResult, ParsedDocument, ParseLimits, ParseOptions } from './document-types.ts';

/** An error as it goes between processes. */
export interface Fault {
  readonly code: string;
  readonly message: string;
}

/** What the process may ask of its parent while it reads. */
export interface Offers {
  readonly ocr: boolean;
  readonly convert: boolean;
}

/** A document to be read; its bytes follow the line. */
export interface ParseOrder {
  readonly parse: Omit<ParseOptions, 'signal'>;
  readonly limits: ParseLimits;
  readonly offers: Offers;
  readonly bytes: number;
}

/** The answer to a question with that number; the bytes of a converted file follow the line. */
export interface ParserAnswer {
  readonly answer: number;
  readonly ocr?: OcrResult;
  readonly bytes?: number;
  readonly fault?: Fault;
}

/** A line on the process's standard input. */
export type ParserRequest = ParseOrder | ParserAnswer;

/** A question: what is written on an image (its pixels follow the line), or what an old office file is in today's format (its bytes follow). */
export interface ParserQuestion {
  readonly ask: number;
  readonly bytes: number;
  readonly image?: { readonly width: number; readonly height: number; readonly dpi: number | undefined };
  readonly convert?: string;
}

/** A line on descriptor 3. `rss` is the memory that the process has, bytes, when the document is done. */
export type ParserReply =
  | { readonly ready: true }
  | { readonly document: ParsedDocument; readonly rss: number }
  | { readonly failure: Fault; readonly rss: number }
  | { readonly rss: number }
  | ParserQuestion;
