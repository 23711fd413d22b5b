import { createRequire } from 'node:module';
import type { DatabaseSyncInstance as Database, StatementSyncInstance as Statement } from '@photostructure/sqlite';
import { type ErrorCode, LocalLiteError } from '../errors.ts';
import { MIGRATIONS } from './schema.ts';

/** What a column holds, and what a parameter may be. */
export type SqlValue = null | number | bigint | string | Uint8Array;
/** A row as the library gives it. */
export type SqlRow = Readonly<Record<string, SqlValue>>;

/** A database with its statements, each compiled once. Synchronous: for a thread of its own. */
export class Sqlite {
  readonly path: string;
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();

  /** @throws LocalLiteError store_corrupt, internal (the path cannot be opened) */
  constructor(path: string, options: { readonly readOnly: boolean }) {
    this.path = path;
    try {
      this.#database = openLibrary(path, options.readOnly);
      this.#database.exec('PRAGMA busy_timeout = 10000; PRAGMA foreign_keys = ON;');
    } catch (error) {
      throw namedFault(error, path);
    }
  }

  all(sql: string, ...parameters: readonly SqlValue[]): readonly SqlRow[] {
    return this.#guarded(() => this.#prepare(sql).all(...parameters) as unknown[]) as readonly SqlRow[];
  }

  get(sql: string, ...parameters: readonly SqlValue[]): SqlRow | undefined {
    return this.#guarded(() => this.#prepare(sql).get(...parameters)) as SqlRow | undefined;
  }

  /** @returns how many rows changed and the last row's id */
  run(sql: string, ...parameters: readonly SqlValue[]): { readonly changes: number; readonly id: number } {
    const { changes, lastInsertRowid } = this.#guarded(() => this.#prepare(sql).run(...parameters));
    return { changes: Number(changes), id: Number(lastInsertRowid) };
  }

  exec(sql: string): void {
    this.#guarded(() => this.#database.exec(sql));
  }

  /** All of `work`, or nothing of it. */
  transaction<T>(work: () => T): T {
    this.exec('BEGIN IMMEDIATE');
    try {
      const value = work();
      this.exec('COMMIT');
      return value;
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  #rollBack(): void {
    try {
      this.#database.exec('ROLLBACK');
    } catch {
      // SQLite has rolled back by itself after some faults, a full disk among them.
    }
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #prepare(sql: string): Statement {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw namedFault(error, this.path);
    }
  }
}

type Library = { readonly DatabaseSync: new (path: string, options: { readonly readOnly: boolean }) => Database };

/** One build of SQLite for every Node, so that its behaviour is the same everywhere; Node's own where there is none for the platform. */
function openLibrary(path: string, readOnly: boolean): Database {
  return new (loadLibrary().DatabaseSync)(path, { readOnly });
}

function loadLibrary(): Library {
  const load = createRequire(import.meta.url);
  try {
    return load('@photostructure/sqlite') as Library;
  } catch (cause) {
    try {
      return load('node:sqlite') as Library;
    } catch {
      const platform = `${process.platform} on ${process.arch}`;
      throw new LocalLiteError('internal', `there is no SQLite for ${platform} here; Node 22.13 and newer bring one`, { cause });
    }
  }
}

/** SQLite's result codes (https://sqlite.org/rescode.html): the last byte is the primary code. */
const BUSY = 5;
const IO_FAULT = 10;
const CORRUPT = 11;
const FULL = 13;
const CANNOT_OPEN = 14;
const CONSTRAINT = 19;
const NOT_A_DATABASE = 26;
/** The shared memory of readers and writers could not grow: there is no room for the file that it lives in. */
const IO_FAULT_SHARED_MEMORY_SIZE = IO_FAULT | (19 << 8);

/** What the library threw, with a name and a way out. */
function namedFault(error: unknown, path: string): unknown {
  if (LocalLiteError.is(error) || !(error instanceof Error)) return error;
  const [code, message] = faultOf('errcode' in error ? Number(error.errcode) : 0, path, error.message);
  return new LocalLiteError(code, message, { cause: error });
}

function faultOf(result: number, path: string, message: string): readonly [ErrorCode, string] {
  if (result === IO_FAULT_SHARED_MEMORY_SIZE) return ['disk_full', `the disk of ${path} is full; nothing was changed`];
  switch (result & 0xff) {
    case FULL:
      return ['disk_full', `the disk of ${path} is full; nothing was changed. Make room there, or delete collections and purge`];
    case CORRUPT:
    case NOT_A_DATABASE:
      return [
        'store_corrupt',
        `${path} is damaged or no database of LocalLite (${message}). Put a backup in its place, or move it away together with its -wal and -shm files to begin anew; models and settings are elsewhere`,
      ];
    case CONSTRAINT:
      if (message.includes('collections.name')) return ['conflict', 'there is a collection of this name already; choose another name'];
      return ['conflict', `this cannot stand beside what is there (${message})`];
    case BUSY:
      return ['conflict', `${path} is in use by another program; close it and try again`];
    case CANNOT_OPEN:
      return ['internal', `${path} cannot be opened (${message}); look at the rights of the file and of its folder`];
    default:
      return ['internal', `${path}: ${message}`];
  }
}

/** Vectors of 384 to 1,024 numbers fill pages of this size well. Only a new database takes it. */
const PAGE_BYTES = 16_384;
/** Kilobytes of pages kept in memory; negative as SQLite wants it. */
const CACHE = -32_768;

/**
 * Brings a database to this version. Each step is a transaction, so a start that is cut off leaves a whole version.
 * @throws LocalLiteError store_corrupt, conflict (a newer program wrote it)
 */
export function migrate(database: Sqlite): void {
  const version = Number(database.get('PRAGMA user_version')?.['user_version'] ?? 0);
  if (version > MIGRATIONS.length) {
    throw new LocalLiteError(
      'conflict',
      `${database.path} was written by a newer LocalLite (version ${version} of the database, this one knows ${MIGRATIONS.length}); install that one, or choose another folder with the setting \`home\``,
    );
  }
  // FULL: a commit is in the log, and the log on the disk, before it is acknowledged; it survives the end of the process and of the power.
  // FAST: what is deleted is overwritten where that costs no further page; VACUUM does away with the rest.
  database.exec(
    `PRAGMA page_size = ${PAGE_BYTES}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = FAST; PRAGMA cache_size = ${CACHE};`,
  );
  for (const [index, sql] of MIGRATIONS.entries()) {
    if (index < version) continue;
    database.transaction(() => {
      database.exec(sql);
      database.exec(`PRAGMA user_version = ${index + 1}`);
    });
  }
}
