import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { LocalLiteError } from '../errors.ts';
import type { Sqlite, SqlValue } from './database.ts';
import { pageOf } from './paging.ts';
import { toBlob, toChunk, toDocument, toVector } from './rows.ts';
import type { ChunkRow, DocumentRow, DocumentStatus, NewChunk, NewContent, Page, State } from './state-types.ts';

const ACTIVE = "(SELECT id FROM editions WHERE state = 'active' AND collection_id = ?)";

/** Rows of `documents`, `contents`, `chunks` and `vectors`, and the log of what happened to chunks. */
export class DocumentTable {
  readonly #sql: Sqlite;

  constructor(sql: Sqlite) {
    this.#sql = sql;
  }

  open({ collectionId, fileId, attributes, chunker, sourceKey }: Parameters<State['openDocument']>[0]): DocumentRow {
    const known = sourceKey === undefined ? this.find(collectionId, fileId) : this.findBySource(collectionId, sourceKey);
    const now = Date.now();
    if (known === undefined) {
      const { id } = this.#sql.run(
        `INSERT INTO documents (collection_id, file_id, status, attributes, chunker, source_key, created_at, updated_at)
         VALUES (?, ?, 'in_progress', ?, ?, ?, ?, ?)`,
        collectionId,
        fileId,
        JSON.stringify(attributes ?? {}),
        chunker ?? null,
        sourceKey ?? null,
        now,
        now,
      );
      return this.#require(id);
    }
    this.#sql.run(
      "UPDATE documents SET status = 'in_progress', error_code = NULL, error_message = NULL, chunker = ?, updated_at = ? WHERE id = ?",
      chunker ?? known.chunker ?? null,
      now,
      known.id,
    );
    if (attributes !== undefined) this.setAttributes(known.id, attributes);
    return this.#require(known.id);
  }

  #require(id: number): DocumentRow {
    return toDocument(this.#sql.get('SELECT * FROM documents WHERE id = ?', id) ?? {});
  }

  find(collectionId: string, fileId: string): DocumentRow | undefined {
    return this.#one('SELECT * FROM documents WHERE collection_id = ? AND file_id = ?', collectionId, fileId);
  }

  findBySource(collectionId: string, sourceKey: string): DocumentRow | undefined {
    return this.#one('SELECT * FROM documents WHERE collection_id = ? AND source_key = ?', collectionId, sourceKey);
  }

  #one(sql: string, ...parameters: readonly SqlValue[]): DocumentRow | undefined {
    const row = this.#sql.get(sql, ...parameters);
    return row === undefined ? undefined : toDocument(row);
  }

  byId(ids: readonly number[]): readonly DocumentRow[] {
    return this.#sql.all('SELECT * FROM documents WHERE id IN (SELECT value FROM json_each(?))', JSON.stringify(ids)).map(toDocument);
  }

  list(collectionId: string, { status, jobId, ...page }: Parameters<State['listDocuments']>[1]): Page<DocumentRow> {
    const conditions = ['collection_id = ?'];
    const parameters: SqlValue[] = [collectionId];
    if (status !== undefined) {
      conditions.push('status = ?');
      parameters.push(status);
    }
    if (jobId !== undefined) {
      conditions.push('id IN (SELECT document_id FROM job_items WHERE job_id = ?)');
      parameters.push(jobId);
    }
    const listing = { table: 'documents', key: 'file_id', where: conditions.join(' AND '), parameters };
    const { items, hasMore } = pageOf(this.#sql, listing, page);
    return { items: items.map(toDocument), hasMore };
  }

  sources(collectionId: string, prefix: string): Awaited<ReturnType<State['documentSources']>> {
    const sql = 'SELECT id, file_id, source_key FROM documents WHERE collection_id = ?1 AND substr(source_key, 1, length(?2)) = ?2';
    return this.#sql
      .all(sql, collectionId, prefix)
      .map((row) => ({ documentId: Number(row['id']), fileId: String(row['file_id']), sourceKey: String(row['source_key']) }));
  }

  setStatus(id: number, status: DocumentStatus, error?: { readonly code: string; readonly message: string }): void {
    this.#sql.run(
      'UPDATE documents SET status = ?, error_code = ?, error_message = ?, updated_at = ? WHERE id = ?',
      status,
      error?.code ?? null,
      error?.message ?? null,
      Date.now(),
      id,
    );
  }

  setAttributes(id: number, attributes: DocumentRow['attributes']): void {
    const changed = this.#sql.run(
      'UPDATE documents SET attributes = ?, updated_at = ? WHERE id = ?',
      JSON.stringify(attributes),
      Date.now(),
      id,
    );
    if (changed.changes > 0) this.#log('attributes', id);
  }

  delete(id: number): boolean {
    this.#log('remove', id);
    return this.#sql.run('DELETE FROM documents WHERE id = ?', id).changes > 0;
  }

  /** Documents of a file, before the file itself is deleted: indexes must hear of it. */
  deleteOfFile(fileId: string): void {
    for (const row of this.#sql.all('SELECT id FROM documents WHERE file_id = ?', fileId)) this.delete(Number(row['id']));
  }

  /** One row of the log for each edition that holds the document. */
  #log(kind: 'remove' | 'attributes', documentId: number): void {
    this.#sql.run(
      `INSERT INTO changes (edition_id, kind, document_id, first_chunk, last_chunk)
       SELECT edition_id, ?1, ?2, min(id), max(id) FROM chunks WHERE document_id = ?2 GROUP BY edition_id`,
      kind,
      documentId,
    );
  }

  /** @throws LocalLiteError index_mismatch (vectors of another length than the edition's) */
  put(content: NewContent): boolean {
    const { documentId, editionId, chunks } = content;
    const document = this.byId([documentId])[0];
    const edition = this.#sql.get(
      'SELECT state, dimensions FROM editions WHERE id = ? AND collection_id = ?',
      editionId,
      document?.collectionId ?? '',
    );
    if (document === undefined || edition === undefined) return false;
    assertDimensions(chunks, Number(edition['dimensions']));
    // Another edition holds the same content once more; only the active one brings a new version.
    const isNewVersion = edition['state'] === 'active';
    if (!isNewVersion && !isCurrent(content, document)) return false;
    const version = isNewVersion ? document.version + 1 : document.version;
    const bytes = chunks.reduce((sum, { text, vector }) => sum + Buffer.byteLength(text) + vector.byteLength, 0);
    if (isNewVersion) this.#writeContent(document, content, { version, bytes });
    this.#replaceChunks(editionId, documentId, chunks);
    this.#sql.run('INSERT OR REPLACE INTO indexed VALUES (?, ?, ?, ?)', editionId, documentId, version, bytes);
    if (content.item !== undefined) {
      const { jobId, ordinal } = content.item;
      this.#sql.run("UPDATE job_items SET state = 'done', document_id = ? WHERE job_id = ? AND ordinal = ?", documentId, jobId, ordinal);
    }
    return true;
  }

  #writeContent(
    document: DocumentRow,
    content: NewContent,
    { version, bytes }: { readonly version: number; readonly bytes: number },
  ): void {
    const compressed = deflateRawSync(content.parsed, { level: 3 });
    this.#sql.run('INSERT OR REPLACE INTO contents (document_id, parsed) VALUES (?, ?)', document.id, compressed);
    this.#sql.run(
      `UPDATE documents SET status = 'completed', error_code = NULL, error_message = NULL, attributes = ?, facts = ?, content_sha256 = ?,
       file_id = ?, chunker = ?, usage_bytes = ?, version = ?, updated_at = ? WHERE id = ?`,
      JSON.stringify(content.attributes ?? document.attributes),
      content.facts,
      content.contentSha256,
      content.fileId ?? document.fileId,
      content.chunker ?? document.chunker ?? null,
      bytes,
      version,
      Date.now(),
      document.id,
    );
    this.#sql.run('DELETE FROM meeting_points WHERE document_id = ?', document.id);
    for (const point of content.meetingPoints ?? []) {
      this.#sql.run('INSERT OR IGNORE INTO meeting_points (point, document_id) VALUES (?, ?)', point, document.id);
    }
  }

  meeting(documentId: number, limit: number): readonly DocumentRow[] {
    const sql = `SELECT d.* FROM documents d JOIN documents own ON own.id = ?1 AND own.collection_id = d.collection_id
      WHERE d.id IN (SELECT other.document_id FROM meeting_points mine JOIN meeting_points other ON other.point = mine.point
        AND other.document_id < mine.document_id WHERE mine.document_id = ?1) ORDER BY d.id LIMIT ?2`;
    return this.#sql.all(sql, documentId, limit).map(toDocument);
  }

  #replaceChunks(editionId: number, documentId: number, chunks: readonly NewChunk[]): void {
    const old = this.#sql.get(
      'SELECT min(id) AS first, max(id) AS last FROM chunks WHERE edition_id = ? AND document_id = ?',
      editionId,
      documentId,
    );
    const log = (kind: string, first: SqlValue, last: SqlValue) =>
      this.#sql.run(
        'INSERT INTO changes (edition_id, kind, document_id, first_chunk, last_chunk) VALUES (?, ?, ?, ?, ?)',
        editionId,
        kind,
        documentId,
        first,
        last,
      );
    if (old?.['first'] !== null && old?.['first'] !== undefined) {
      this.#sql.run('DELETE FROM chunks WHERE edition_id = ? AND document_id = ?', editionId, documentId);
      log('remove', old['first'], old['last'] ?? old['first']);
    }
    const ids = chunks.map((chunk) => this.#insertChunk(editionId, documentId, chunk));
    const [first] = ids;
    if (first !== undefined) log('put', first, ids.at(-1) ?? first);
  }

  #insertChunk(editionId: number, documentId: number, chunk: NewChunk): number {
    const { id } = this.#sql.run(
      `INSERT INTO chunks (edition_id, document_id, ordinal, text, start, "end", lead, tokens, path, page, last_page, meta)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      editionId,
      documentId,
      chunk.ordinal,
      chunk.text,
      chunk.start,
      chunk.end,
      chunk.lead,
      chunk.tokens,
      JSON.stringify(chunk.path),
      chunk.page ?? null,
      chunk.lastPage ?? null,
      chunk.meta,
    );
    this.#sql.run('INSERT INTO vectors (chunk_id, vector) VALUES (?, ?)', id, toBlob(chunk.vector));
    return id;
  }

  parsed(documentId: number): string | undefined {
    const parsed = this.#sql.get('SELECT parsed FROM contents WHERE document_id = ?', documentId)?.['parsed'];
    return parsed instanceof Uint8Array ? inflateRawSync(parsed).toString('utf8') : undefined;
  }

  chunks(ids: readonly number[]): readonly ChunkRow[] {
    return this.#sql.all('SELECT * FROM chunks WHERE id IN (SELECT value FROM json_each(?))', JSON.stringify(ids)).map(toChunk);
  }

  chunksOf(documentId: number, first: number, last: number): readonly ChunkRow[] {
    const collection = this.byId([documentId])[0]?.collectionId ?? '';
    const sql = `SELECT * FROM chunks WHERE document_id = ? AND ordinal BETWEEN ? AND ? AND edition_id = ${ACTIVE} ORDER BY ordinal`;
    return this.#sql.all(sql, documentId, first, last, collection).map(toChunk);
  }

  vectors(ids: readonly number[]): readonly Float32Array[] {
    const rows = this.#sql.all(
      'SELECT chunk_id, vector FROM vectors WHERE chunk_id IN (SELECT value FROM json_each(?))',
      JSON.stringify(ids),
    );
    const found = new Map(rows.map((row) => [Number(row['chunk_id']), toVector(row['vector'])]));
    return ids.map((id) => found.get(id) ?? new Float32Array());
  }
}

/** True while what was made for another edition is still of the document's newest version. */
function isCurrent({ contentSha256, version }: NewContent, document: DocumentRow): boolean {
  return contentSha256 === document.contentSha256 && (version === undefined || version === document.version);
}

function assertDimensions(chunks: readonly NewChunk[], dimensions: number): void {
  const wrong = chunks.find(({ vector }) => vector.length !== dimensions);
  if (wrong === undefined) return;
  throw new LocalLiteError('index_mismatch', `vectors have ${wrong.vector.length} dimensions, those of the collection have ${dimensions}`);
}
