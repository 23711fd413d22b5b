import type { OcrResult, ParsedDocument, ParseLimits, ParseOptions } from './document-types.ts';

/** A line on the process's standard input; the document's bytes, or nothing, follow it. */
export type ParserRequest =
  | { readonly parse: Omit<ParseOptions, 'signal'>; readonly limits: ParseLimits; readonly hasOcr: boolean; readonly bytes: number }
  | { readonly ocr: OcrResult | { readonly fault: { readonly code: string; readonly message: string } } };

/** A line on descriptor 3; an image is followed by its pixels. */
export type ParserReply =
  | { readonly document: ParsedDocument }
  | { readonly failure: { readonly code: string; readonly message: string } }
  | { readonly image: { readonly width: number; readonly height: number; readonly dpi: number | undefined; readonly bytes: number } };
