import type { Sqlite } from './database.ts';
import type { HealReport } from './state-types.ts';

const TORN_CHUNKS = 'SELECT c.id FROM chunks c LEFT JOIN vectors v ON v.chunk_id = c.id WHERE v.chunk_id IS NULL';
const STRAY_VECTORS = 'SELECT v.chunk_id AS id FROM vectors v LEFT JOIN chunks c ON c.id = v.chunk_id WHERE c.id IS NULL';
/** Chunks of each edition less those that its log tells of; ids are used once, so that no two rows of the log tell of the same. */
const UNSEEN_CHUNKS = `SELECT * FROM (SELECT e.id, (SELECT count(*) FROM chunks WHERE edition_id = e.id) -
  (SELECT count(*) FROM changes h JOIN chunks c ON c.id BETWEEN h.first_chunk AND h.last_chunk AND c.edition_id = h.edition_id
   WHERE h.edition_id = e.id AND h.kind = 'put') AS n FROM editions e) WHERE n > 0`;
const ENDED = "state IN ('succeeded', 'failed', 'cancelled')";
/** Ended jobs that are kept: their outcome and their items can still be asked for. */
const KEPT_JOBS = 1000;

/** Puts right what a process that ended in the middle left behind; transactions leave little. */
export function heal(sql: Sqlite): HealReport {
  const requeuedJobs = sql.run("UPDATE jobs SET state = 'queued' WHERE state = 'running'").changes;
  const abandonedEditions = sql.run(
    `DELETE FROM editions WHERE state = 'building' AND NOT EXISTS (
       SELECT 1 FROM jobs j WHERE j.kind = 'reindex' AND j.state IN ('queued', 'running', 'paused')
       AND json_extract(j.payload, '$.collectionId') = editions.collection_id)`,
  ).changes;
  sql.run(
    `DELETE FROM jobs WHERE ${ENDED} AND id NOT IN (SELECT id FROM jobs WHERE ${ENDED} ORDER BY created_at DESC, rowid DESC LIMIT ?)`,
    KEPT_JOBS,
  );
  const orphanFiles = sql.run(
    "DELETE FROM files WHERE origin <> 'upload' AND NOT EXISTS (SELECT 1 FROM documents WHERE file_id = files.id)",
  ).changes;
  return { requeuedJobs, orphanFiles, missingFiles: 0, abandonedEditions, tornChunks: mend(sql) };
}

/** Whole documents go, because a part of one answers questions wrongly; indexes hear of it. */
function mend(sql: Sqlite): number {
  const torn = sql.all(TORN_CHUNKS).length;
  if (torn > 0) {
    const documents = `SELECT document_id FROM chunks WHERE id IN (${TORN_CHUNKS})`;
    sql.run(`UPDATE documents SET content_sha256 = NULL, status = 'failed', error_code = 'store_corrupt',
      error_message = 'a part of its index was lost; ingest it again' WHERE id IN (${documents})`);
    const lost = "document_id IN (SELECT id FROM documents WHERE error_code = 'store_corrupt' AND content_sha256 IS NULL)";
    sql.run(`INSERT INTO changes (edition_id, kind, document_id, first_chunk, last_chunk)
      SELECT edition_id, 'remove', document_id, min(id), max(id) FROM chunks WHERE ${lost} GROUP BY edition_id, document_id`);
    for (const table of ['chunks', 'indexed']) sql.run(`DELETE FROM ${table} WHERE ${lost}`);
  }
  return torn + sql.run(`DELETE FROM vectors WHERE chunk_id IN (${STRAY_VECTORS})`).changes;
}

/** What is wrong with a database; empty for a sound one. */
export function problems(sql: Sqlite): readonly string[] {
  const integrity = sql.all('PRAGMA integrity_check(20)').map((row) => String(Object.values(row)[0]));
  const references = sql
    .all('PRAGMA foreign_key_check')
    .map((row) => `a row of ${row['table']} refers to one of ${row['parent']} that is gone`);
  const torn = sql.all(TORN_CHUNKS).map(({ id }) => `passage ${id} has no vector`);
  const unseen = sql.all(UNSEEN_CHUNKS).map(({ id, n }) => `${n} passages of edition ${id} are not in the log that indexes follow`);
  return [...integrity.filter((line) => line !== 'ok'), ...references, ...torn, ...unseen];
}
