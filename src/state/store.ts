import { statSync } from 'node:fs';
import { CollectionTable } from './collections.ts';
import { migrate, Sqlite } from './database.ts';
import { DocumentTable } from './documents.ts';
import { heal, problems } from './heal.ts';
import { JobTable } from './jobs.ts';
import { pageOf } from './paging.ts';
import { toFile } from './rows.ts';
import type { FileRow, HealReport, State } from './state-types.ts';

/** Names of {@link State}'s calls. */
export type StateMethod = Exclude<keyof State, 'path' | 'healed' | 'close'>;

/** The calls of {@link State} as they are in the thread: synchronous. */
export type StateCalls = { readonly [M in StateMethod]: (...parameters: Parameters<State[M]>) => Awaited<ReturnType<State[M]>> };

/** The database in its thread: every call is one transaction. */
export interface StateStore {
  readonly calls: StateCalls;
  readonly healed: HealReport;
  close(): void;
}

/** Opens the database, brings it to this version and heals what an ended process left. @throws LocalLiteError store_corrupt, conflict, disk_full */
export function openStore(path: string): StateStore {
  const sql = new Sqlite(path, { readOnly: false });
  try {
    migrate(sql);
    const healed = sql.transaction(() => heal(sql));
    return { calls: callsOf(sql), healed, close: () => sql.close() };
  } catch (error) {
    sql.close();
    throw error;
  }
}

/** {@link State}'s calls over an open database of this version. */
export function callsOf(sql: Sqlite): StateCalls {
  const collections = new CollectionTable(sql);
  const documents = new DocumentTable(sql);
  const jobs = new JobTable(sql);
  const whole = <P extends readonly unknown[], T>(work: (...parameters: P) => T) => {
    return (...parameters: P): T => sql.transaction(() => work(...parameters));
  };
  return {
    createCollection: whole((collection) => collections.create(collection)),
    findCollection: (idOrName) => collections.find(idOrName),
    collectionFacts: (id) => collections.facts(id),
    listCollections: (page) => collections.list(page),
    updateCollection: whole((id, change) => collections.update(id, change)),
    deleteCollection: whole((id) => collections.delete(id)),
    expiredCollections: (now) => collections.expired(now),
    addFile: (file) => addFile(sql, file),
    findFile: (id) => {
      const row = sql.get('SELECT * FROM files WHERE id = ?', id);
      return row === undefined ? undefined : toFile(row);
    },
    listFiles: ({ purpose, ...page }) => {
      const where = purpose === undefined ? { where: '1', parameters: [] } : { where: 'purpose = ?', parameters: [purpose] };
      const { items, hasMore } = pageOf(sql, { table: 'files', key: 'id', ...where }, page);
      return { items: items.map(toFile), hasMore };
    },
    deleteFile: whole((id) => {
      documents.deleteOfFile(id);
      return sql.run('DELETE FROM files WHERE id = ?', id).changes > 0;
    }),
    dropUnusedFile: whole((id) => dropUnusedFile(sql, id)),
    expiredFiles: (now) => sql.all('SELECT id FROM files WHERE expires_at < ?', now).map(({ id }) => String(id)),
    openDocument: whole((document) => documents.open(document)),
    findDocument: (collectionId, fileId) => documents.find(collectionId, fileId),
    findDocumentBySource: (collectionId, sourceKey) => documents.findBySource(collectionId, sourceKey),
    documentsById: (ids) => documents.byId(ids),
    listDocuments: (collectionId, page) => documents.list(collectionId, page),
    documentSources: (collectionId, prefix) => documents.sources(collectionId, prefix),
    setDocumentStatus: whole((id, status, error) => documents.setStatus(id, status, error)),
    setAttributes: whole((id, attributes) => documents.setAttributes(id, attributes)),
    deleteDocument: whole((id) => documents.delete(id)),
    putContent: whole((content) => {
      const before = content.fileId === undefined ? undefined : documents.byId([content.documentId])[0]?.fileId;
      const isThere = documents.put(content);
      if (isThere && before !== undefined && before !== content.fileId) dropUnusedFile(sql, before);
      return isThere;
    }),
    documentsMeeting: (documentId, limit) => documents.meeting(documentId, limit),
    parsedContent: (documentId) => documents.parsed(documentId),
    chunks: (ids) => documents.chunks(ids),
    chunksOf: (documentId, first = 0, last = Number.MAX_SAFE_INTEGER) => documents.chunksOf(documentId, first, last),
    vectors: (chunkIds) => documents.vectors(chunkIds),
    createEdition: whole((edition) => {
      collections.dropBuilding(edition.collectionId);
      return collections.addEdition(edition, 'building');
    }),
    editionGap: (editionId, limit) => collections.gap(editionId, limit),
    switchEdition: whole((editionId) => collections.switchTo(editionId)),
    dropEdition: whole((editionId) => collections.dropEdition(editionId)),
    addJob: whole((job, items) => jobs.add(job, items)),
    updateJob: whole((id, change) => jobs.update(id, change)),
    findJob: (id) => jobs.find(id),
    listJobs: (limit) => jobs.list(limit),
    jobItems: (jobId, options) => jobs.items(jobId, options),
    settleItem: whole((jobId, ordinal, { unusedFile, ...change }) => {
      jobs.settle(jobId, ordinal, change);
      if (unusedFile !== undefined) dropUnusedFile(sql, unusedFile);
    }),
    itemCounts: (jobId) => jobs.counts(jobId),
    addItems: whole((jobId, items) => jobs.addItems(jobId, items)),
    verify: () => problems(sql),
    vacuum: () => vacuum(sql),
  };
}

function dropUnusedFile(sql: Sqlite, id: string): boolean {
  const isAwaited = `EXISTS (SELECT 1 FROM jobs j JOIN job_items i ON i.job_id = j.id AND i.state = 'waiting'
    WHERE j.state NOT IN ('succeeded', 'failed', 'cancelled') AND json_extract(i.source, '$.fileId') = ?1)`;
  const sqlText = `DELETE FROM files WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM documents WHERE file_id = ?1)
    AND (origin <> 'upload' OR NOT ${isAwaited})`;
  return sql.run(sqlText, id).changes > 0;
}

function addFile(sql: Sqlite, file: FileRow): void {
  const { id, name, bytes, sha256, mediaType, purpose, createdAt, expiresAt, origin } = file;
  sql.run(
    'INSERT INTO files (id, name, bytes, sha256, media_type, purpose, created_at, expires_at, origin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    id,
    name,
    bytes,
    sha256,
    mediaType,
    purpose,
    createdAt,
    expiresAt ?? null,
    origin,
  );
}

/** The log of writes is emptied too, so that what was deleted is in neither file. */
function vacuum(sql: Sqlite): { readonly freedBytes: number } {
  const before = bytesOf(sql.path);
  sql.exec('VACUUM');
  sql.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  return { freedBytes: Math.max(0, before - bytesOf(sql.path)) };
}

function bytesOf(path: string): number {
  const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  return sizeOf(path) + sizeOf(`${path}-wal`);
}
