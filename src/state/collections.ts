import type { Sqlite } from './database.ts';
import { countTo, pageOf } from './paging.ts';
import { toEdition } from './rows.ts';
import type { CollectionFacts, CollectionRow, EditionRow, Page, PageRequest, State } from './state-types.ts';

type SqlRow = NonNullable<ReturnType<Sqlite['get']>>;

/** Rows of `collections` and `editions`. */
export class CollectionTable {
  readonly #sql: Sqlite;

  constructor(sql: Sqlite) {
    this.#sql = sql;
  }

  create({ id, name, description, metadata, expiresAfterDays, edition }: Parameters<State['createCollection']>[0]): CollectionRow {
    const now = Date.now();
    this.#sql.run(
      'INSERT INTO collections (id, name, description, metadata, created_at, last_active_at, expires_after_days) VALUES (?, ?, ?, ?, ?, ?, ?)',
      id,
      name,
      description ?? null,
      JSON.stringify(metadata),
      now,
      now,
      expiresAfterDays ?? null,
    );
    this.addEdition({ ...edition, collectionId: id }, 'active');
    return this.#require(id);
  }

  #require(id: string): CollectionRow {
    const row = this.#sql.get('SELECT * FROM collections WHERE id = ?', id);
    return this.#toCollection(row ?? {});
  }

  find(idOrName: string): CollectionRow | undefined {
    const row = this.#sql.get('SELECT * FROM collections WHERE id = ?1 OR name = ?1 ORDER BY id = ?1 DESC LIMIT 1', idOrName);
    return row === undefined ? undefined : this.#toCollection(row);
  }

  facts(id: string): CollectionFacts | undefined {
    const row = this.#sql.get('SELECT * FROM collections WHERE id = ?', id);
    return row === undefined ? undefined : this.#toFacts(row);
  }

  list(page: PageRequest): Page<CollectionFacts> {
    const { items, hasMore } = pageOf(this.#sql, { table: 'collections', key: 'id', where: '1', parameters: [] }, page);
    return { items: items.map((row) => this.#toFacts(row)), hasMore };
  }

  update(id: string, change: Parameters<State['updateCollection']>[1]): CollectionRow | undefined {
    const known = this.find(id);
    if (known === undefined || known.id !== id) return undefined;
    const { name, description, metadata, expiresAfterDays, lastActiveAt } = { ...known, ...change };
    this.#sql.run(
      'UPDATE collections SET name = ?, description = ?, metadata = ?, expires_after_days = ?, last_active_at = ? WHERE id = ?',
      name,
      description ?? null,
      JSON.stringify(metadata),
      expiresAfterDays ?? null,
      lastActiveAt,
      id,
    );
    return this.#require(id);
  }

  delete(id: string): boolean {
    return this.#sql.run('DELETE FROM collections WHERE id = ?', id).changes > 0;
  }

  expired(now: number): readonly string[] {
    const sql = 'SELECT id FROM collections WHERE expires_after_days IS NOT NULL AND last_active_at + expires_after_days * 86400000 < ?';
    return this.#sql.all(sql, now).map(({ id }) => String(id));
  }

  addEdition(edition: Omit<EditionRow, 'id' | 'state'>, state: EditionRow['state']): EditionRow {
    const { collectionId, model, space, variant, dimensions, chunker } = edition;
    const { id } = this.#sql.run(
      'INSERT INTO editions (collection_id, model, space, variant, dimensions, chunker, state) VALUES (?, ?, ?, ?, ?, ?, ?)',
      collectionId,
      model,
      space,
      variant,
      dimensions,
      chunker,
      state,
    );
    return { ...edition, id, state };
  }

  edition(id: number): EditionRow | undefined {
    const row = this.#sql.get('SELECT * FROM editions WHERE id = ?', id);
    return row === undefined ? undefined : toEdition(row);
  }

  dropEdition(id: number): void {
    this.#sql.run("DELETE FROM editions WHERE id = ? AND state = 'building'", id);
  }

  dropBuilding(collectionId: string): void {
    this.#sql.run("DELETE FROM editions WHERE collection_id = ? AND state = 'building'", collectionId);
  }

  /** Documents with content that an edition lacks or has in an older version. */
  gap(editionId: number, limit: number): readonly number[] {
    const sql = `SELECT d.id FROM documents d JOIN editions e ON e.id = ?1 AND e.collection_id = d.collection_id
      LEFT JOIN indexed i ON i.edition_id = e.id AND i.document_id = d.id
      WHERE d.content_sha256 IS NOT NULL AND (i.version IS NULL OR i.version < d.version) ORDER BY d.id LIMIT ?2`;
    return this.#sql.all(sql, editionId, limit).map(({ id }) => Number(id));
  }

  /** False while something is missing in it. */
  switchTo(editionId: number): boolean {
    const edition = this.edition(editionId);
    if (edition === undefined || this.gap(editionId, 1).length > 0) return false;
    this.#sql.run("DELETE FROM editions WHERE collection_id = ? AND state = 'active'", edition.collectionId);
    this.#sql.run("UPDATE editions SET state = 'active' WHERE id = ?", editionId);
    this.#sql.run(
      'UPDATE documents SET usage_bytes = i.bytes FROM indexed i WHERE i.document_id = documents.id AND i.edition_id = ?',
      editionId,
    );
    return true;
  }

  #toCollection(row: SqlRow): CollectionRow {
    const id = String(row['id']);
    const editions = this.#sql.all('SELECT * FROM editions WHERE collection_id = ?', id).map(toEdition);
    const active = editions.find(({ state }) => state === 'active');
    const days = row['expires_after_days'];
    return {
      id,
      name: String(row['name']),
      description: row['description'] === null ? undefined : String(row['description']),
      metadata: JSON.parse(String(row['metadata'])) as CollectionRow['metadata'],
      createdAt: Number(row['created_at']),
      lastActiveAt: Number(row['last_active_at']),
      expiresAfterDays: days === null || days === undefined ? undefined : Number(days),
      // Made with its collection and replaced in one transaction: it is always there.
      edition: active ?? { id: 0, collectionId: id, model: '', space: '', variant: '', dimensions: 0, chunker: '{}', state: 'active' },
      building: editions.find(({ state }) => state === 'building'),
    };
  }

  #toFacts(row: SqlRow): CollectionFacts {
    const collection = this.#toCollection(row);
    const counts = this.#sql.all('SELECT status, count(*) AS n FROM documents WHERE collection_id = ? GROUP BY status', collection.id);
    const bytes = this.#sql.get('SELECT sum(usage_bytes) AS n FROM documents WHERE collection_id = ?', collection.id);
    const chunks = this.#sql.get('SELECT count(*) AS n FROM chunks WHERE edition_id = ?', collection.edition.id);
    return {
      collection,
      documents: countTo({ in_progress: 0, completed: 0, failed: 0, cancelled: 0 }, counts, 'status'),
      chunks: Number(chunks?.['n'] ?? 0),
      bytes: Number(bytes?.['n'] ?? 0),
    };
  }
}
