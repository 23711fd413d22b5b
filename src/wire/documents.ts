import { z } from 'zod';
import { type FieldTable, honoured } from './fields.ts';

/** Fields of the form of POST /v1/documents/parse besides the file. */
export const documentParseSchema = z.strictObject({
  format: z.enum(['json', 'markdown', 'text']).default('json'),
  password: z.string().optional(),
});

export const documentParseFields: FieldTable = {
  format: honoured('locallite', '`json` (default): blocks with their places; `markdown`; `text`.'),
  password: honoured('locallite', 'Of an encrypted document.'),
};

const boxSchema = z.strictObject({ x: z.number(), y: z.number(), width: z.number(), height: z.number() });

/** A piece of a document. */
const blockSchema = z.strictObject({
  kind: z.enum(['heading', 'text', 'list', 'table', 'code', 'image', 'footnote']),
  text: z.string(),
  order: z.int(),
  start: z.int().meta({ description: "Place in the document's text, UTF-16 units: `text.slice(start, end)`." }),
  end: z.int(),
  path: z.array(z.string()).meta({ description: 'Headings above it.' }),
  level: z.int().optional(),
  page: z.int().optional(),
  box: boxSchema.optional(),
  confidence: z.number().optional(),
  rows: z.array(z.array(z.string())).optional(),
  header_rows: z.int().optional(),
  ordered: z.boolean().optional(),
  language: z.string().optional(),
  links: z.array(z.strictObject({ text: z.string(), url: z.string() })).optional(),
});

/** A parsed document. */
export const parsedDocumentSchema = z
  .strictObject({
    object: z.literal('document'),
    metadata: z.strictObject({
      title: z.string().optional(),
      author: z.string().optional(),
      created_at: z.string().optional(),
      modified_at: z.string().optional(),
      language: z.string().optional(),
      pages: z.int().optional(),
      media_type: z.string(),
      sha256: z.string(),
      bytes: z.int(),
      properties: z.record(z.string(), z.string()).optional(),
    }),
    text: z.string(),
    blocks: z.array(blockSchema),
    outline: z.array(z.strictObject({ title: z.string(), level: z.int(), page: z.int().optional() })),
    warnings: z.array(z.strictObject({ code: z.string(), message: z.string(), page: z.int().optional(), part: z.string().optional() })),
    parser: z.string(),
  })
  .meta({ description: 'A document as plain data: its text, the pieces of it, and what could not be read.' });
export type ParsedDocumentObject = z.infer<typeof parsedDocumentSchema>;

/** Fields of the form of POST /v1/documents/chunk besides the file. */
export const documentChunkSchema = z.strictObject({
  model: z.string().optional(),
  max_tokens: z.coerce.number().int().min(16).optional(),
  overlap_tokens: z.coerce.number().int().min(0).optional(),
  min_tokens: z.coerce.number().int().min(0).optional(),
  context_header: z.enum(['true', 'false']).optional(),
  password: z.string().optional(),
});

export const documentChunkFields: FieldTable = {
  model: honoured('locallite', 'Embedding model whose tokens are counted; the default one when absent.'),
  max_tokens: honoured('locallite', 'Most tokens of a passage; never more than the model reads.'),
  overlap_tokens: honoured('locallite', 'Tokens that neighbours share.'),
  min_tokens: honoured('locallite', 'Smaller sections join the next.'),
  context_header: honoured('locallite', 'Whether title and headings are embedded with each passage.'),
  password: honoured('locallite', 'Of an encrypted document.'),
};

/** Passages of a document. */
export const documentChunksSchema = z
  .strictObject({
    object: z.literal('list'),
    data: z.array(
      z.strictObject({
        ordinal: z.int(),
        text: z.string(),
        lead: z.string().meta({ description: 'Put before the text when it is embedded.' }),
        tokens: z.int(),
        start: z.int(),
        end: z.int(),
        path: z.array(z.string()),
        page: z.int().optional(),
        last_page: z.int().optional(),
        kinds: z.array(z.string()),
      }),
    ),
  })
  .meta({ description: 'A document cut into passages.' });
export type DocumentChunks = z.infer<typeof documentChunksSchema>;
