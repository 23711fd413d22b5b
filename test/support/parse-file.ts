import type { ParsedDocument, ParseLimits, ParseOptions } from '../../src/documents/document-types.ts';
import { type ParseTerms, parseDocument } from '../../src/documents/parse-document.ts';

/** Limits that no ordinary document passes. */
export const LIMITS: ParseLimits = {
  timeoutMs: 60_000,
  memoryBytes: 2 ** 30,
  maxPages: 5000,
  maxInflatedBytes: 2 ** 28,
  maxNesting: 5,
  maxParts: 1000,
};

/** Reads a document in this very process, as the parser process would; text is taken as UTF-8. */
export async function parseFile(
  content: string | Uint8Array,
  options: Omit<ParseOptions, 'signal'> = {},
  terms: Partial<ParseTerms> = {},
): Promise<ParsedDocument> {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  return await parseDocument(bytes, options, { limits: LIMITS, ...terms });
}
