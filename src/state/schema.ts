/**
 * The database by version: entry n brings version n to n + 1. An entry is never changed once it was released; a change is a new entry.
 *
 * What indexes read of it (through `reader.ts`): `chunks.id` grows for ever; the chunks of one `changes` row have consecutive ids;
 * `vectors.vector` is little-endian float32; `changes.sequence` grows for ever, and a row stands for one transaction's effect on one document.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE collections (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    metadata TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_active_at INTEGER NOT NULL,
    expires_after_days INTEGER
  );

  CREATE TABLE editions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    collection_id TEXT NOT NULL REFERENCES collections(id) ON DELETE CASCADE,
    model TEXT NOT NULL,
    space TEXT NOT NULL,
    variant TEXT NOT NULL,
    dimensions INTEGER NOT NULL,
    chunker TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'building'))
  );
  CREATE UNIQUE INDEX editions_by_state ON editions(collection_id, state);

  CREATE TABLE files (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    media_type TEXT NOT NULL,
    purpose TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    origin TEXT NOT NULL
  );
  CREATE INDEX files_by_time ON files(created_at);
  CREATE INDEX files_by_end ON files(expires_at) WHERE expires_at IS NOT NULL;

  CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    collection_id TEXT NOT NULL REFERENCES collections(id) ON DELETE CASCADE,
    file_id TEXT NOT NULL REFERENCES files(id) ON DELETE CASCADE,
    status TEXT NOT NULL CHECK (status IN ('in_progress', 'completed', 'failed', 'cancelled')),
    error_code TEXT,
    error_message TEXT,
    attributes TEXT NOT NULL,
    chunker TEXT,
    usage_bytes INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 0,
    content_sha256 TEXT,
    source_key TEXT,
    facts TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (collection_id, file_id),
    UNIQUE (collection_id, source_key)
  );
  CREATE INDEX documents_by_file ON documents(file_id);
  CREATE INDEX documents_by_time ON documents(collection_id, created_at, id);
  CREATE INDEX documents_by_status ON documents(collection_id, status, usage_bytes);

  CREATE TABLE contents (
    document_id INTEGER PRIMARY KEY REFERENCES documents(id) ON DELETE CASCADE,
    parsed BLOB NOT NULL
  );

  -- Which version of a document an edition holds, and bytes of its text and vectors there.
  CREATE TABLE indexed (
    edition_id INTEGER NOT NULL REFERENCES editions(id) ON DELETE CASCADE,
    document_id INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (edition_id, document_id)
  ) WITHOUT ROWID;
  CREATE INDEX indexed_by_document ON indexed(document_id);

  CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    edition_id INTEGER NOT NULL REFERENCES editions(id) ON DELETE CASCADE,
    document_id INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    text TEXT NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    lead TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    path TEXT NOT NULL,
    page INTEGER,
    last_page INTEGER,
    meta TEXT NOT NULL,
    UNIQUE (document_id, edition_id, ordinal)
  );
  -- Ends in the id, as every index does: an edition is read through in the order of ids.
  CREATE INDEX chunks_by_edition ON chunks(edition_id);

  CREATE TABLE vectors (
    chunk_id INTEGER PRIMARY KEY REFERENCES chunks(id) ON DELETE CASCADE,
    vector BLOB NOT NULL
  );

  CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    edition_id INTEGER NOT NULL REFERENCES editions(id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('put', 'remove', 'attributes')),
    document_id INTEGER NOT NULL,
    first_chunk INTEGER NOT NULL,
    last_chunk INTEGER NOT NULL
  );
  CREATE INDEX changes_by_edition ON changes(edition_id, sequence);

  CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    progress TEXT,
    error_code TEXT,
    error_message TEXT,
    result TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  );
  CREATE INDEX jobs_by_time ON jobs(created_at);

  CREATE TABLE job_items (
    job_id TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    source TEXT NOT NULL,
    document_id INTEGER REFERENCES documents(id) ON DELETE SET NULL,
    state TEXT NOT NULL,
    error_code TEXT,
    error_message TEXT,
    PRIMARY KEY (job_id, ordinal)
  ) WITHOUT ROWID;
  CREATE INDEX job_items_by_state ON job_items(job_id, state, ordinal);
  CREATE INDEX job_items_by_document ON job_items(document_id);
  `,
  `
  -- Numbers that near copies of a document have in common with it.
  CREATE TABLE meeting_points (
    point INTEGER NOT NULL,
    document_id INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
    PRIMARY KEY (point, document_id)
  ) WITHOUT ROWID;
  CREATE INDEX meeting_points_by_document ON meeting_points(document_id);
  `,
];
