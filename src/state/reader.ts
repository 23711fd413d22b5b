import { Sqlite } from './database.ts';
import { toEdition, toVector } from './rows.ts';
import type { Attributes, ChunkChange, EditionRow } from './state-types.ts';

/** Words of a passage. */
export interface ChunkText {
  readonly chunk: number;
  readonly documentId: number;
  readonly text: string;
  /** Title and headings above it. */
  readonly lead: string;
  /** ISO 639-1, where it was found out: the passage's own, or the document's. */
  readonly language?: string;
}

/** Vectors of passages, row-major [chunks, dimensions]. */
export interface ChunkVectors {
  readonly chunks: readonly number[];
  readonly vectors: Float32Array;
}

/** What filters are about: the user's attributes, and what is known of the document (`language`, `keywords`, `pii`, `media_type`) under names that the user did not take. */
export interface DocumentAttributes {
  readonly documentId: number;
  readonly attributes: Attributes;
}

/** A read-only look at the database, for the thread of the indexes. Synchronous; every answer is of one moment. */
export interface StateReader {
  edition(id: number): EditionRow | undefined;
  /** Number of the last change of an edition; 0 for none. */
  lastSequence(editionId: number): number;
  changesSince(editionId: number, sequence: number, limit: number): readonly ChunkChange[];
  /** Passages of an edition with larger ids, in the order of ids. */
  texts(editionId: number, after: number, limit: number): readonly ChunkText[];
  vectors(editionId: number, after: number, limit: number): ChunkVectors;
  /** The same for the ids from `first` to `last`. */
  textsBetween(editionId: number, first: number, last: number): readonly ChunkText[];
  vectorsBetween(editionId: number, first: number, last: number): ChunkVectors;
  /** Of all documents that have passages in the edition, or of those named. */
  attributes(editionId: number, documents?: readonly number[]): readonly DocumentAttributes[];
  /** All that is read inside is of one moment. */
  atOnce<T>(work: () => T): T;
  close(): void;
}

const TEXTS = "SELECT id, document_id, text, lead, json_extract(meta, '$.meta.language') AS language FROM chunks WHERE edition_id = ?";
const FACTS = "CASE WHEN json_valid(facts) THEN facts ELSE '{}' END";
const LANGUAGES = `SELECT id, json_extract(${FACTS}, '$.language') AS language FROM documents WHERE id IN (SELECT value FROM json_each(?))`;
/** In the order of {@link KNOWN}. */
const KNOWN_FACTS = `json_array(coalesce(json_extract(${FACTS}, '$.language'), json_extract(${FACTS}, '$.metadata.language')),
  json(json_extract(${FACTS}, '$.keywords')), json(json_extract(${FACTS}, '$.pii')), json_extract(${FACTS}, '$.metadata.mediaType'))`;
const KNOWN = ['language', 'keywords', 'pii', 'media_type'];
const VECTORS = 'SELECT c.id, v.vector FROM chunks c JOIN vectors v ON v.chunk_id = c.id WHERE c.edition_id = ?';

/** @throws LocalLiteError store_corrupt, internal */
export function openReader(path: string): StateReader {
  const sql = new Sqlite(path, { readOnly: true });
  const texts = (rows: ReturnType<Sqlite['all']>): readonly ChunkText[] => {
    const documents = JSON.stringify([...new Set(rows.map((row) => Number(row['document_id'])))]);
    const languages = new Map(sql.all(LANGUAGES, documents).map((row) => [Number(row['id']), row['language']]));
    return rows.map((row) => {
      const documentId = Number(row['document_id']);
      const language = row['language'] ?? languages.get(documentId);
      const known = typeof language === 'string' ? { language } : {};
      return { chunk: Number(row['id']), documentId, text: String(row['text']), lead: String(row['lead']), ...known };
    });
  };
  return {
    edition(id) {
      const row = sql.get('SELECT * FROM editions WHERE id = ?', id);
      return row === undefined ? undefined : toEdition(row);
    },
    lastSequence: (editionId) => Number(sql.get('SELECT max(sequence) AS n FROM changes WHERE edition_id = ?', editionId)?.['n'] ?? 0),
    changesSince: (editionId, sequence, limit) =>
      sql
        .all('SELECT * FROM changes WHERE edition_id = ? AND sequence > ? ORDER BY sequence LIMIT ?', editionId, sequence, limit)
        .map(toChange),
    texts: (editionId, after, limit) => texts(sql.all(`${TEXTS} AND id > ? ORDER BY id LIMIT ?`, editionId, after, limit)),
    vectors: (editionId, after, limit) => toVectors(sql.all(`${VECTORS} AND c.id > ? ORDER BY c.id LIMIT ?`, editionId, after, limit)),
    textsBetween: (editionId, first, last) => texts(sql.all(`${TEXTS} AND id BETWEEN ? AND ? ORDER BY id`, editionId, first, last)),
    vectorsBetween: (editionId, first, last) =>
      toVectors(sql.all(`${VECTORS} AND c.id BETWEEN ? AND ? ORDER BY c.id`, editionId, first, last)),
    attributes(editionId, documents) {
      const named = documents === undefined ? '' : ' AND d.id IN (SELECT value FROM json_each(?))';
      const parameters = documents === undefined ? [editionId] : [editionId, JSON.stringify(documents)];
      const rows = sql.all(
        `SELECT d.id, d.attributes, ${KNOWN_FACTS} AS known FROM documents d JOIN indexed i ON i.document_id = d.id WHERE i.edition_id = ?${named}`,
        ...parameters,
      );
      return rows.map((row) => ({ documentId: Number(row['id']), attributes: withKnown(row) }));
    },
    atOnce(work) {
      sql.exec('BEGIN');
      try {
        return work();
      } finally {
        sql.exec('COMMIT');
      }
    },
    close: () => sql.close(),
  };
}

function withKnown(row: ReturnType<Sqlite['all']>[number]): Attributes {
  const known = JSON.parse(String(row['known'])) as readonly (Attributes[string] | null)[];
  const facts = KNOWN.flatMap((name, index) => {
    const value = known[index];
    return value === null || value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(facts), ...(JSON.parse(String(row['attributes'])) as Attributes) };
}

function toChange(row: ReturnType<Sqlite['all']>[number]): ChunkChange {
  return {
    sequence: Number(row['sequence']),
    kind: String(row['kind']) as ChunkChange['kind'],
    documentId: Number(row['document_id']),
    firstChunk: Number(row['first_chunk']),
    lastChunk: Number(row['last_chunk']),
  };
}

function toVectors(rows: ReturnType<Sqlite['all']>): ChunkVectors {
  const parts = rows.map((row) => toVector(row['vector']));
  const dimensions = parts[0]?.length ?? 0;
  const vectors = new Float32Array(parts.length * dimensions);
  for (const [index, part] of parts.entries()) vectors.set(part.subarray(0, dimensions), index * dimensions);
  return { chunks: rows.map((row) => Number(row['id'])), vectors };
}
