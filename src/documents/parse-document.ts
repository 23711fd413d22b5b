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
import { ENCRYPTED_OFFICE, openEncryptedOffice } from './encrypted-office.ts';
import { PARSERS } from './parse/parsers.ts';

/** What a document may cost, and whom its parser may ask. */
export interface ParseTerms {
  readonly limits: ParseLimits;
  readonly ocr?: (image: PageImage) => Promise<OcrResult>;
  readonly convert?: (bytes: Uint8Array, mediaType: string) => Promise<Uint8Array>;
}

/** Further warnings are counted only. */
const MOST_WARNINGS = 200;

/**
 * Reads one document, whatever it is. For the parser process: it trusts nothing of the bytes, and may take all of its memory and time.
 * @throws LocalLiteError document_unsupported, document_unreadable, document_encrypted, document_too_large
 */
export async function parseDocument(bytes: Uint8Array, options: Omit<ParseOptions, 'signal'>, terms: ParseTerms): Promise<ParsedDocument> {
  const reading = new Reading(options, terms);
  const { mediaType, parser, content } = await reading.read(bytes, { name: options.name, hint: options.mediaType, depth: 0 });
  const { text, blocks } = assemble(content.blocks);
  return {
    metadata: { ...content.metadata, mediaType, sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length },
    text,
    blocks,
    outline: content.outline ?? [],
    warnings: reading.warnings(),
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
  readonly #warnings: DocumentWarning[] = [];
  readonly #options: Omit<ParseOptions, 'signal'>;
  readonly #terms: ParseTerms;
  #spent = 0;
  #parts = 0;
  #untold = 0;

  constructor(options: Omit<ParseOptions, 'signal'>, terms: ParseTerms) {
    this.#options = options;
    this.#terms = terms;
  }

  warnings(): readonly DocumentWarning[] {
    if (this.#untold === 0) return this.#warnings;
    return [...this.#warnings, { code: 'limit_reached', message: `${this.#untold} more warnings were left out` }];
  }

  async read(bytes: Uint8Array, place: Place): Promise<{ mediaType: string; parser: string; content: ParsedContent }> {
    if (bytes.length === 0) return { mediaType: 'text/plain', parser: 'text', content: { metadata: {}, blocks: [] } };
    try {
      const mediaType = await detect(bytes, place.name, place.hint);
      if (mediaType === ENCRYPTED_OFFICE) return await this.read(await this.#opened(bytes, place.name), place);
      const load = PARSERS[mediaType];
      if (load === undefined) throw refusal(mediaType, place.name);
      const parser = await load();
      return { mediaType, parser: parser.name, content: await parser.parse(bytes, this.#context(mediaType, place)) };
    } catch (error) {
      throw parseError(error);
    }
  }

  async #opened(bytes: Uint8Array, name: string | undefined): Promise<Uint8Array> {
    const opened = await openEncryptedOffice(bytes, this.#options.password, name);
    this.#spend(opened.length);
    return opened;
  }

  #context(mediaType: string, { name, hint, depth }: Place): ParseContext {
    const { limits, ocr, convert } = this.#terms;
    const { name: _outer, mediaType: _sent, ...options } = this.#options;
    return {
      options: { ...options, ...(name !== undefined && { name }), ...(hint !== undefined && { mediaType: hint }) },
      limits,
      mediaType,
      depth,
      ocr: options.ocr === 'never' ? undefined : ocr,
      convert,
      warn: (warning) => this.#warn(warning, depth === 0 ? undefined : name),
      spend: (bytes) => this.#spend(bytes),
      parsePart: (part, partName, partHint) => this.#part(part, { name: partName, hint: partHint, depth: depth + 1 }),
    };
  }

  #warn(warning: DocumentWarning, part: string | undefined): void {
    if (this.#warnings.length >= MOST_WARNINGS) this.#untold++;
    else this.#warnings.push(part === undefined || warning.part !== undefined ? warning : { ...warning, part });
  }

  #spend(bytes: number): void {
    this.#spent += bytes;
    const { maxInflatedBytes, memoryBytes } = this.#terms.limits;
    if (this.#spent > maxInflatedBytes) {
      throw tooLarge(`the document inflates to more than ${maxInflatedBytes} bytes (documents.max_inflated_bytes)`);
    }
    // Where the parent cannot look, the process looks itself.
    if (process.platform !== 'linux' && process.memoryUsage.rss() > memoryBytes) {
      throw tooLarge(`reading the document takes more than ${memoryBytes} bytes of memory (documents.memory)`);
    }
  }

  /** A part that cannot be read is left out, and the warnings say so; only the limits of the whole end it. */
  async #part(bytes: Uint8Array, place: Place & { readonly name: string }): Promise<ParsedContent | undefined> {
    const refused = this.#overLimit(place);
    if (refused !== undefined) {
      if (refused !== '') this.#warn({ code: 'limit_reached', message: refused }, place.name);
      return undefined;
    }
    try {
      return (await this.read(bytes, place)).content;
    } catch (error) {
      const { code, message } = LocalLiteError.from(error);
      if (code === 'document_too_large') throw error;
      this.#warn({ code, message }, place.name);
      return undefined;
    }
  }

  /** Why a part is not read: told once for a number that is passed, so '' from then on; undefined where it is read. */
  #overLimit({ depth }: Place): string | undefined {
    const { maxNesting, maxParts } = this.#terms.limits;
    this.#parts++;
    if (depth > maxNesting) return `it is nested deeper than ${maxNesting} levels (documents.max_nesting)`;
    if (this.#parts <= maxParts) return undefined;
    return this.#parts === maxParts + 1 ? `only the first ${maxParts} parts were read (documents.max_parts)` : '';
  }
}

function tooLarge(message: string): LocalLiteError {
  return new LocalLiteError('document_too_large', message);
}

/** What a known type that has no parser is called. */
function refusal(mediaType: string, name = 'the document'): LocalLiteError {
  // One container holds either.
  const kind = mediaType === 'video/mp4' ? 'audio or video' : /^(audio|video)\//.exec(mediaType)?.[1];
  const what = kind === undefined ? mediaType : `${kind} (${mediaType})`;
  return new LocalLiteError('document_unsupported', `${name} is ${what}, which cannot be read`);
}

/** Errors of libraries under our names: those of want of memory and of too deep nesting are not faults of the file's form. */
function parseError(error: unknown): LocalLiteError {
  if (!(error instanceof RangeError)) return LocalLiteError.from(error, 'document_unreadable');
  if (/call stack/i.test(error.message)) return new LocalLiteError('document_unreadable', 'it is nested too deeply', { cause: error });
  if (/allocation|invalid (?:string|array|typed array) length|too large/i.test(error.message)) return tooLarge(error.message);
  return new LocalLiteError('document_unreadable', error.message, { cause: error });
}
