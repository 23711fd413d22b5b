import type { DocumentChunks, ParsedDocumentObject } from '../wire/documents.ts';
import type { CallOptions, Transport } from './transport.ts';

/** How a document is to be cut. */
export interface ChunkOptions {
  readonly model?: string;
  readonly max_tokens?: number;
  readonly overlap_tokens?: number;
  readonly min_tokens?: number;
  readonly context_header?: boolean;
}

/** Reading and cutting of documents without a collection. */
export class Documents {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * A document as plain data: text, headings, tables … with their places.
   * @throws LocalLiteError document_unsupported, document_unreadable, document_encrypted, document_too_large, timed_out
   */
  parse(file: Blob, options: CallOptions & { readonly name?: string; readonly password?: string } = {}): Promise<ParsedDocumentObject> {
    const { name, password, ...call } = options;
    const form = formOf(file, name, { ...(password !== undefined && { password }) });
    return this.#transport.json({ ...call, method: 'POST', path: '/v1/documents/parse', form, repeatable: true });
  }

  /** The same as Markdown or as plain text. */
  read(
    file: Blob,
    format: 'markdown' | 'text',
    options: CallOptions & { readonly name?: string; readonly password?: string } = {},
  ): Promise<string> {
    const { name, password, ...call } = options;
    const form = formOf(file, name, { format, ...(password !== undefined && { password }) });
    return this.#transport.text({ ...call, method: 'POST', path: '/v1/documents/parse', form, repeatable: true });
  }

  /** The passages that ingesting it would embed. */
  chunk(
    file: Blob,
    chunker: ChunkOptions = {},
    options: CallOptions & { readonly name?: string; readonly password?: string } = {},
  ): Promise<DocumentChunks> {
    const { name, password, ...call } = options;
    const given = { ...chunker, ...(password !== undefined && { password }) };
    const fields = Object.fromEntries(Object.entries(given).map(([key, value]) => [key, String(value)]));
    return this.#transport.json({
      ...call,
      method: 'POST',
      path: '/v1/documents/chunk',
      form: formOf(file, name, fields),
      repeatable: true,
    });
  }
}

function formOf(file: Blob, name: string | undefined, fields: Readonly<Record<string, string>>): FormData {
  const form = new FormData();
  for (const [key, value] of Object.entries(fields)) form.set(key, value);
  form.set('file', file, name ?? ('name' in file ? String(file.name) : 'file'));
  return form;
}
