import { LocalLiteError } from '../../errors.ts';
import type { ChunkerSettings, ParsedDocument } from '../../gateway/gateway-types.ts';
import {
  documentChunkFields,
  documentChunkSchema,
  documentChunksSchema,
  documentParseFields,
  documentParseSchema,
  type ParsedDocumentObject,
  parsedDocumentSchema,
} from '../../wire/documents.ts';
import { defineFormRoute, form, json, type Reply, type Route, text } from '../route.ts';

const tag = 'Documents';
const scope = 'documents';

const parse = defineFormRoute({
  method: 'POST',
  path: '/v1/documents/parse',
  scope,
  tag,
  summary: 'Read a document',
  description:
    'A form with the document in the field `file`. It is read in a process of its own with limits of memory and time, and not kept.',
  body: form('file', documentParseSchema, documentParseFields),
  answers: [{ status: 200, description: 'The document, or its text (`format`).', schema: parsedDocumentSchema }],
  async handle({ file, fields }, _params, { gateway, signal }) {
    const bytes = await collect(file.bytes);
    const { format, password } = (await fields()).value;
    const options = { name: file.name, mediaType: file.mediaType, signal, ...(password !== undefined && { password }) };
    const document = await gateway.documents.parse(bytes, options);
    return answer(document, format, gateway.documents.toMarkdown);
  },
});

function answer(document: ParsedDocument, format: 'json' | 'markdown' | 'text', toMarkdown: (document: ParsedDocument) => string): Reply {
  if (format === 'text') return text(document.text, 'text/plain; charset=utf-8');
  if (format === 'markdown') return text(toMarkdown(document), 'text/markdown; charset=utf-8');
  return json(toObject(document));
}

const chunk = defineFormRoute({
  method: 'POST',
  path: '/v1/documents/chunk',
  scope,
  tag,
  summary: 'Cut a document into passages',
  description: 'A form with the document in the field `file`: what ingesting it would embed, without a collection.',
  body: form('file', documentChunkSchema, documentChunkFields),
  answers: [{ status: 200, description: 'The passages in their order.', schema: documentChunksSchema }],
  async handle({ file, fields }, _params, { gateway, signal }) {
    const bytes = await collect(file.bytes);
    const { model, password, ...chunker } = (await fields()).value;
    const options = { name: file.name, mediaType: file.mediaType, signal, ...(password !== undefined && { password }) };
    const document = await gateway.documents.parse(bytes, options);
    const chunks = await gateway.documents.chunk(document, { chunker: chunkerOf(chunker), signal, ...(model !== undefined && { model }) });
    const data = chunks.map(({ meta: _meta, lastPage, path, kinds, ...one }) => ({
      ...one,
      path: [...path],
      kinds: [...kinds],
      ...(lastPage !== undefined && { last_page: lastPage }),
    }));
    return json({ object: 'list', data });
  },
});

/** Reading and cutting of documents without a collection. */
export const documentRoutes: readonly Route[] = [parse, chunk];

/** A parser needs the whole document; the form's limit bounds it. */
async function collect(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const part of parts) chunks.push(part);
  if (chunks.length === 0) throw new LocalLiteError('invalid_request', 'the file is empty', { param: 'file' });
  return Buffer.concat(chunks);
}

function chunkerOf(fields: Omit<ReturnType<typeof documentChunkSchema.parse>, 'model' | 'password'>): Partial<ChunkerSettings> {
  const { max_tokens: max, overlap_tokens: overlap, min_tokens: min, context_header: header } = fields;
  return {
    ...(max !== undefined && { maxTokens: max }),
    ...(overlap !== undefined && { overlapTokens: overlap }),
    ...(min !== undefined && { minTokens: min }),
    ...(header !== undefined && { contextHeader: header === 'true' }),
  };
}

function toObject({ metadata, text: whole, blocks, outline, warnings, parser }: ParsedDocument): ParsedDocumentObject {
  const { createdAt, modifiedAt, mediaType, properties, ...facts } = metadata;
  return {
    object: 'document',
    metadata: {
      ...facts,
      media_type: mediaType,
      ...(createdAt !== undefined && { created_at: createdAt }),
      ...(modifiedAt !== undefined && { modified_at: modifiedAt }),
      ...(properties !== undefined && { properties: { ...properties } }),
    },
    text: whole,
    blocks: blocks.map(({ headerRows, rows, links, path, ...block }) => ({
      ...block,
      path: [...path],
      ...(rows !== undefined && { rows: rows.map((row) => [...row]) }),
      ...(headerRows !== undefined && { header_rows: headerRows }),
      ...(links !== undefined && { links: [...links] }),
    })),
    outline: [...outline],
    warnings: [...warnings],
    parser,
  };
}
