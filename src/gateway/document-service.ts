import type { Config } from '../config/settings.ts';
import { chunkDocument } from '../documents/chunk.ts';
import type { ChunkerSettings, ParsedDocument, ParseOptions } from '../documents/document-types.ts';
import { toMarkdown } from '../documents/markdown.ts';
import { createDocumentParsers, type DocumentParsers } from '../documents/parser-pool.ts';
import type { Inference } from '../retrieval/inference.ts';
import type { Documents } from '../retrieval/retrieval-types.ts';

/** Parsing and cutting of documents, with the settings' limits. Parsers are started by the first document. */
export class DocumentService implements Documents {
  readonly #config: Config;
  readonly #inference: Inference;
  #parsers: DocumentParsers | undefined;

  constructor(config: Config, inference: Inference) {
    this.#config = config;
    this.#inference = inference;
  }

  parse(bytes: Uint8Array, options: ParseOptions): Promise<ParsedDocument> {
    const { documents } = this.#config;
    this.#parsers ??= createDocumentParsers({
      workers: documents.workers,
      limits: {
        timeoutMs: documents.timeout * 1000,
        memoryBytes: documents.memory,
        maxPages: documents.max_pages,
        maxInflatedBytes: documents.max_inflated_bytes,
        maxNesting: documents.max_nesting,
        maxParts: documents.max_parts,
      },
    });
    return this.#parsers.parse(bytes, options);
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
    await this.#parsers?.close();
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
