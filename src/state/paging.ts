import type { Sqlite, SqlRow, SqlValue } from './database.ts';
import type { Page, PageRequest } from './state-types.ts';

/** Rows of a table that a list is about. */
export interface Listing {
  readonly table: string;
  /** Column of the id that `after` and `before` name. */
  readonly key: string;
  readonly where: string;
  readonly parameters: readonly SqlValue[];
}

/**
 * A page of a list by time of creation, rows of one time by the order in which they were written. An id that is gone, or was never there,
 * bounds nothing.
 */
export function pageOf(sql: Sqlite, { table, key, where, parameters }: Listing, page: PageRequest): Page<SqlRow> {
  const down = page.order === 'desc';
  const bounds: string[] = [];
  const values: SqlValue[] = [...parameters];
  const bound = (id: string | undefined, operator: '<' | '>'): void => {
    if (id === undefined) return;
    const at = sql.get(`SELECT created_at, rowid AS row FROM ${table} WHERE ${key} = ? AND ${where}`, id, ...parameters);
    if (at === undefined) return;
    bounds.push(`(created_at, rowid) ${operator} (?, ?)`);
    values.push(at['created_at'] ?? 0, at['row'] ?? 0);
  };
  bound(page.after, down ? '<' : '>');
  bound(page.before, down ? '>' : '<');
  // Before an id means the rows next to it, so they are read from it backwards.
  const backwards = page.before !== undefined && page.after === undefined;
  const direction = down === backwards ? 'ASC' : 'DESC';
  const condition = [where, ...bounds].join(' AND ');
  const rows = sql.all(
    `SELECT * FROM ${table} WHERE ${condition} ORDER BY created_at ${direction}, rowid ${direction} LIMIT ?`,
    ...values,
    page.limit + 1,
  );
  const items = rows.slice(0, page.limit);
  return { items: backwards ? items.toReversed() : items, hasMore: rows.length > page.limit };
}

/** Counts of a grouped query, with zeros where it has no row. */
export function countTo<K extends string>(
  zeros: Readonly<Record<K, number>>,
  rows: readonly SqlRow[],
  column: string,
): Readonly<Record<K, number>> {
  const counts = new Map(rows.map((row) => [String(row[column]), Number(row['n'])]));
  return Object.fromEntries(Object.keys(zeros).map((name) => [name, counts.get(name) ?? 0])) as Record<K, number>;
}
