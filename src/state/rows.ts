import type { SqlRow, SqlValue } from './database.ts';
import type {
  Attributes,
  ChunkRow,
  DocumentRow,
  DocumentStatus,
  EditionRow,
  FileRow,
  ItemState,
  JobItemRow,
  JobRow,
  JobState,
} from './state-types.ts';

const text = (value: SqlValue | undefined): string => String(value ?? '');
const number = (value: SqlValue | undefined): number => Number(value ?? 0);
const optionalText = (value: SqlValue | undefined): string | undefined =>
  value === null || value === undefined ? undefined : String(value);
const optionalNumber = (value: SqlValue | undefined): number | undefined =>
  value === null || value === undefined ? undefined : Number(value);

function errorOf(row: SqlRow): { readonly code: string; readonly message: string } | undefined {
  const code = optionalText(row['error_code']);
  return code === undefined ? undefined : { code, message: text(row['error_message']) };
}

/** A row of `editions`. */
export function toEdition(row: SqlRow): EditionRow {
  return {
    id: number(row['id']),
    collectionId: text(row['collection_id']),
    model: text(row['model']),
    space: text(row['space']),
    variant: text(row['variant']),
    dimensions: number(row['dimensions']),
    chunker: text(row['chunker']),
    state: text(row['state']) as EditionRow['state'],
  };
}

/** A row of `files`. */
export function toFile(row: SqlRow): FileRow {
  return {
    id: text(row['id']),
    name: text(row['name']),
    bytes: number(row['bytes']),
    sha256: text(row['sha256']),
    mediaType: text(row['media_type']),
    purpose: text(row['purpose']),
    createdAt: number(row['created_at']),
    expiresAt: optionalNumber(row['expires_at']),
    origin: text(row['origin']),
  };
}

/** A row of `documents`. */
export function toDocument(row: SqlRow): DocumentRow {
  return {
    id: number(row['id']),
    collectionId: text(row['collection_id']),
    fileId: text(row['file_id']),
    status: text(row['status']) as DocumentStatus,
    error: errorOf(row),
    attributes: JSON.parse(text(row['attributes'])) as Attributes,
    chunker: optionalText(row['chunker']),
    usageBytes: number(row['usage_bytes']),
    version: number(row['version']),
    contentSha256: optionalText(row['content_sha256']),
    sourceKey: optionalText(row['source_key']),
    facts: text(row['facts']),
    createdAt: number(row['created_at']),
    updatedAt: number(row['updated_at']),
  };
}

/** A row of `chunks`. */
export function toChunk(row: SqlRow): ChunkRow {
  return {
    id: number(row['id']),
    editionId: number(row['edition_id']),
    documentId: number(row['document_id']),
    ordinal: number(row['ordinal']),
    text: text(row['text']),
    start: number(row['start']),
    end: number(row['end']),
    lead: text(row['lead']),
    tokens: number(row['tokens']),
    path: JSON.parse(text(row['path'])) as readonly string[],
    page: optionalNumber(row['page']),
    lastPage: optionalNumber(row['last_page']),
    meta: text(row['meta']),
  };
}

/** A row of `jobs`. */
export function toJob(row: SqlRow): JobRow {
  return {
    id: text(row['id']),
    kind: text(row['kind']),
    subject: text(row['subject']),
    payload: text(row['payload']),
    state: text(row['state']) as JobState,
    progress: optionalText(row['progress']),
    error: errorOf(row),
    result: optionalText(row['result']),
    createdAt: number(row['created_at']),
    updatedAt: number(row['updated_at']),
  };
}

/** A row of `job_items`. */
export function toItem(row: SqlRow): JobItemRow {
  return {
    jobId: text(row['job_id']),
    ordinal: number(row['ordinal']),
    source: text(row['source']),
    documentId: optionalNumber(row['document_id']),
    state: text(row['state']) as ItemState,
    error: errorOf(row),
  };
}

/** Vectors as they are stored: float32, little-endian as on every platform that Node has builds of the runtime for. */
export function toVector(bytes: SqlValue | undefined): Float32Array {
  if (!(bytes instanceof Uint8Array)) return new Float32Array();
  // The bytes may lie anywhere in a shared buffer; a copy is aligned.
  const copy = bytes.slice();
  return new Float32Array(copy.buffer, 0, copy.length / 4);
}

/** The counterpart of {@link toVector}. */
export function toBlob(vector: Float32Array): Uint8Array {
  return new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
}
