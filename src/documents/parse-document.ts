import { createHash } from 'node:crypto';
import { LocalLiteError } from '../errors.ts';
import { assemble } from './assemble.ts';
import { detect } from './detect.ts';
import type {
  DocumentWarning,
  OcrResult,
  PageImage,
  ParseContext,
  ParsedContent,
  ParsedDocument,
  ParseLimits,
  ParseOptions,
} from './document-types.ts';
import { PARSERS } from './parse/parsers.ts';

/** What a document may cost, and who reads its images. */
export interface ParseTerms {
  readonly limits: ParseLimits;
  readonly ocr?: (image: PageImage) => Promise<OcrResult>;
}

const MOST_WARNINGS = 200;

/**
 * Reads one document, whatever it is. For the parser process: it trusts nothing of the bytes, and may take all of its memory and time.
 * @throws LocalLiteError document_unsupported, document_unreadable, document_encrypted, document_too_large
 */
export async function parseDocument(bytes: Uint8Array, options: Omit<ParseOptions, 'signal'>, terms: ParseTerms): Promise<ParsedDocument> {
  const reading = new Reading(options, terms);
  const { mediaType, parser, content } = await reading.read(bytes, { name: options.name, hint: options.mediaType, depth: 0 });
  const { text, blocks } = assemble(content.blocks);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return {
    metadata: { ...content.metadata, mediaType, sha256, bytes: bytes.length },
    text,
    blocks,
    outline: content.outline ?? [],
    warnings: reading.warnings,
    parser,
  };
}

interface Place {
  readonly name: string | undefined;
  readonly hint: string | undefined;
  readonly depth: number;
}

/** One document with all of its parts, which share its limits. */
class Reading {
  readonly warnings: DocumentWarning[] = [];
  readonly #options: Omit<ParseOptions, 'signal'>;
  readonly #terms: ParseTerms;
  #spent = 0;
  #parts = 0;

  constructor(options: Omit<ParseOptions, 'signal'>, terms: ParseTerms) {
    this.#options = options;
    this.#terms = terms;
  }

  async read(bytes: Uint8Array, place: Place): Promise<{ mediaType: string; parser: string; content: ParsedContent }> {
    if (bytes.length === 0) return { mediaType: 'text/plain', parser: 'text', content: { metadata: {}, blocks: [] } };
    const mediaType = detect(bytes, place.name, place.hint);
    const load = PARSERS[mediaType];
    if (load === undefined) {
      throw new LocalLiteError('document_unsupported', `${place.name ?? 'the document'} is ${mediaType}, which cannot be read`);
    }
    const parser = await load();
    try {
      return { mediaType, parser: parser.name, content: await parser.parse(bytes, this.#context(mediaType, place)) };
    } catch (error) {
      throw LocalLiteError.from(error, 'document_unreadable');
    }
  }

  #context(mediaType: string, { name, depth }: Place): ParseContext {
    const { limits, ocr } = this.#terms;
    return {
      options: { ...this.#options, ...(name !== undefined && { name }) },
      limits,
      mediaType,
      depth,
      ocr: this.#options.ocr === 'never' ? undefined : ocr,
      warn: (warning) => this.#warn(warning),
      spend: (bytes) => this.#spend(bytes),
      parsePart: (bytes, part, hint) => this.#part(bytes, { name: part, hint, depth: depth + 1 }),
    };
  }

  #warn(warning: DocumentWarning): void {
    if (this.warnings.length < MOST_WARNINGS) this.warnings.push(warning);
  }

  #spend(bytes: number): void {
    this.#spent += bytes;
    const { maxInflatedBytes } = this.#terms.limits;
    if (this.#spent > maxInflatedBytes) {
      throw new LocalLiteError(
        'document_too_large',
        `the document inflates to more than ${maxInflatedBytes} bytes (documents.max_inflated_bytes)`,
      );
    }
  }

  /** A part that cannot be read is left out, and the warnings say so; only the limits of the whole end it. */
  async #part(bytes: Uint8Array, place: Place & { readonly name: string }): Promise<ParsedContent | undefined> {
    const { maxNesting, maxParts } = this.#terms.limits;
    this.#parts++;
    if (this.#parts > maxParts) {
      if (this.#parts === maxParts + 1)
        this.#warn({ code: 'limit_reached', message: `only the first ${maxParts} parts were read (documents.max_parts)` });
      return undefined;
    }
    if (place.depth > maxNesting) {
      this.#warn({
        code: 'limit_reached',
        message: `it is nested deeper than ${maxNesting} levels (documents.max_nesting)`,
        part: place.name,
      });
      return undefined;
    }
    try {
      return (await this.read(bytes, place)).content;
    } catch (error) {
      const { code, message } = LocalLiteError.from(error);
      if (code === 'document_too_large') throw error;
      this.#warn({ code, message, part: place.name });
      return undefined;
    }
  }
}
