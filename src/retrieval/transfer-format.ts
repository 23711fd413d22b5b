import { z } from 'zod';
import { LocalLiteError } from '../errors.ts';

/** Version of the format; a reader refuses others. */
export const TRANSFER_FORMAT = 1;

const attributesSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.union([z.string(), z.number()]))]));

const headSchema = z.strictObject({
  locallite: z.literal('collection'),
  format: z.literal(TRANSFER_FORMAT),
  collection: z.strictObject({
    name: z.string(),
    description: z.string().optional(),
    metadata: z.record(z.string(), z.string()),
    expiresAfterDays: z.number().optional(),
    edition: z.strictObject({
      model: z.string(),
      space: z.string(),
      variant: z.string(),
      dimensions: z.int().positive(),
      chunker: z.string(),
    }),
  }),
});

const chunkSchema = z.strictObject({
  ordinal: z.int().nonnegative(),
  text: z.string(),
  start: z.int().nonnegative(),
  end: z.int().nonnegative(),
  lead: z.string(),
  tokens: z.int().nonnegative(),
  path: z.array(z.string()),
  page: z.int().optional(),
  lastPage: z.int().optional(),
  meta: z.string(),
  /** Little-endian float32, base64. */
  vector: z.base64(),
});

const documentSchema = z.strictObject({
  document: z.strictObject({
    attributes: attributesSchema,
    chunker: z.string().optional(),
    sourceKey: z.string().optional(),
    contentSha256: z.string(),
    facts: z.string(),
  }),
  file: z.strictObject({ name: z.string(), bytes: z.int().nonnegative(), sha256: z.string(), mediaType: z.string(), origin: z.string() }),
  /** Text and blocks of the parsed document, JSON. */
  parsed: z.string(),
  chunks: z.array(chunkSchema),
});

const footSchema = z.strictObject({ end: z.strictObject({ documents: z.int().nonnegative() }) });

/** First line: what the vectors are and how texts were cut. */
export type TransferHead = z.infer<typeof headSchema>;
/** One document with its passages. */
export type TransferDocument = z.infer<typeof documentSchema>;
/** Last line. */
export type TransferFoot = z.infer<typeof footSchema>;

/** The first line of an export. @throws LocalLiteError invalid_request */
export function readHead(line: string): TransferHead {
  return read(headSchema, line, 'the first line is not that of an exported collection of this format');
}

/** Any later line. @throws LocalLiteError invalid_request */
export function readBody(line: string): TransferDocument | TransferFoot {
  return read(z.union([documentSchema, footSchema]), line, 'a line is neither a document nor the end');
}

/** Says that an import is not what an export wrote. */
export function tornTransfer(why: string): LocalLiteError {
  return new LocalLiteError('invalid_request', `${why}; nothing was imported`);
}

function read<T>(schema: z.ZodType<T>, line: string, fault: string): T {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw tornTransfer('a line is not JSON');
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw tornTransfer(`${fault} (${issue?.path.join('.')}: ${issue?.message})`);
}

/** Bytes of a vector as they are in an export. */
export function encodeVector(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString('base64');
}

/** The counterpart of {@link encodeVector}. @throws LocalLiteError invalid_request for another length than the collection's */
export function decodeVector(text: string, dimensions: number): Float32Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== dimensions * 4) throw tornTransfer(`a vector has ${bytes.length / 4} numbers where ${dimensions} belong`);
  return Float32Array.from({ length: dimensions }, (_, index) => bytes.readFloatLE(index * 4));
}
