import { processEnvironment } from '../config/environment.ts';
import type { Config } from '../config/settings.ts';
import { chunkDocument } from '../documents/chunk.ts';
import { createDoclingParser } from '../documents/docling.ts';
import type { ChunkerSettings, Ocr, ParsedDocument, ParseLimits, ParseOptions } from '../documents/document-types.ts';
import { toMarkdown } from '../documents/markdown.ts';
import { createDocumentParsers, type DocumentParsers } from '../documents/parser-pool.ts';
import { LocalLiteError } from '../errors.ts';
import type { Inference } from '../retrieval/inference.ts';
import type { Documents } from '../retrieval/retrieval-types.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { GatewayParts } from './gateway-parts.ts';
import { createOfficeConversions, type OfficeConversions } from './office-convert.ts';

/** Parsing and cutting of documents, with the settings' limits. Parsers are started by the first document. */
export class DocumentService implements Documents {
  readonly #config: Config;
  readonly #inference: Inference;
  readonly #telemetry: Telemetry;
  readonly #ocr: Ocr | undefined;
  #local: DocumentParsers | undefined;
  #docling: DocumentParsers | undefined;
  #office: OfficeConversions | undefined;

  /** `ocr`: reads images; undefined where OCR is off. */
  constructor({ config, telemetry }: Pick<GatewayParts, 'config' | 'telemetry'>, inference: Inference, ocr?: Ocr) {
    this.#config = config;
    this.#inference = inference;
    this.#telemetry = telemetry;
    this.#ocr = ocr;
  }

  async parse(bytes: Uint8Array, options: ParseOptions): Promise<ParsedDocument> {
    const docling = this.#doclingParsers();
    // It takes no passwords.
    if (docling === undefined || options.password !== undefined) return await this.#parseHere(bytes, options);
    try {
      return await docling.parse(bytes, options);
    } catch (error) {
      if (LocalLiteError.from(error).code !== 'document_unsupported') throw error;
      return await this.#parseHere(bytes, options);
    }
  }

  #parseHere(bytes: Uint8Array, options: ParseOptions): Promise<ParsedDocument> {
    return this.#localParsers().parse(bytes, { dpi: this.#config.ocr.dpi, ...options });
  }

  #doclingParsers(): DocumentParsers | undefined {
    const { url, api_key: apiKey } = this.#config.documents.docling;
    if (url === undefined || this.#docling !== undefined) return this.#docling;
    this.#telemetry.log.info('documents_leave', { host: new URL(url).host });
    this.#docling = createDoclingParser({ url, limits: this.#limits(), ...(apiKey !== undefined && { apiKey }) });
    return this.#docling;
  }

  #localParsers(): DocumentParsers {
    const { log } = this.#telemetry;
    const limits = this.#limits();
    this.#office ??= createOfficeConversions({
      program: this.#config.documents.soffice,
      timeoutMs: limits.timeoutMs,
      maxBytes: limits.maxInflatedBytes,
      environment: processEnvironment(),
    });
    this.#local ??= createDocumentParsers({
      workers: this.#config.documents.workers,
      limits,
      convert: this.#office.convert,
      ...(this.#ocr !== undefined && { ocr: this.#ocr }),
      log: (reason, fields) => log.warn('document_stopped', { reason, ...fields }),
    });
    return this.#local;
  }

  #limits(): ParseLimits {
    const { documents } = this.#config;
    return {
      timeoutMs: documents.timeout * 1000,
      memoryBytes: documents.memory,
      maxPages: documents.max_pages,
      maxInflatedBytes: documents.max_inflated_bytes,
      maxNesting: documents.max_nesting,
      maxParts: documents.max_parts,
    };
  }

  async chunk(
    document: Parameters<Documents['chunk']>[0],
    { model, chunker }: Parameters<Documents['chunk']>[1],
  ): ReturnType<Documents['chunk']> {
    const { model: id, maxTokens, reservedTokens } = await this.#inference.describe(model);
    const settings = { ...chunkerSettings(this.#config), ...chunker };
    const fitted = { ...settings, maxTokens: Math.min(settings.maxTokens, maxTokens - reservedTokens) };
    return await chunkDocument(document, await this.#inference.counter(id), fitted);
  }

  toMarkdown(document: Pick<ParsedDocument, 'blocks'>): string {
    return toMarkdown(document);
  }

  async close(): Promise<void> {
    this.#office?.close();
    await Promise.all([this.#local?.close(), this.#docling?.close()]);
  }
}

/** How documents are cut where nothing else is said. */
export function chunkerSettings({ chunk }: Config): ChunkerSettings {
  return {
    maxTokens: chunk.max_tokens,
    overlapTokens: chunk.overlap_tokens,
    minTokens: chunk.min_tokens,
    contextHeader: chunk.context_header,
  };
}
