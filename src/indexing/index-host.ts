import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LocalLiteError } from '../errors.ts';
import { openReader, type StateReader } from '../state/reader.ts';
import { EditionIndex } from './edition-index.ts';
import type { IndexLogLine, IndexRequest, IndexStart } from './index-messages.ts';
import type { IndexAnswer, IndexFacts, IndexQuery } from './index-types.ts';

/** Questions wait at most about this long for work on a graph. */
const SLICE_MS = 8;

/** The indexes of all editions in the thread: opened when they are asked for, dropped when memory is short. */
export class IndexHost {
  readonly #start: IndexStart;
  readonly #log: (line: IndexLogLine) => void;
  readonly #reader: StateReader;
  /** The one that was asked longest ago first. */
  readonly #editions = new Map<number, EditionIndex>();
  #work: NodeJS.Immediate | undefined;

  /** @throws LocalLiteError store_corrupt, internal */
  constructor(start: IndexStart, log: (line: IndexLogLine) => void) {
    this.#start = start;
    this.#log = log;
    this.#reader = openReader(start.databasePath);
  }

  /** @throws LocalLiteError not_found, invalid_request, store_corrupt */
  async answer(request: Exclude<IndexRequest, 'close'>): Promise<unknown> {
    switch (request.call) {
      case 'query':
        return this.#query(request.query);
      case 'open':
        return (await this.#fresh(request.editionId)).facts();
      case 'verify':
        return (await this.#fresh(request.editionId)).verify();
      case 'drop':
        this.#drop(request.editionId);
        return undefined;
      case 'facts':
        return [...this.#editions.values()].map((edition): IndexFacts => edition.facts());
      default:
        return request satisfies never;
    }
  }

  async #query(query: IndexQuery): Promise<IndexAnswer> {
    const started = performance.now();
    const edition = await this.#fresh(query.editionId);
    const refreshMs = performance.now() - started;
    return { ...edition.search(query), refreshMs };
  }

  async #fresh(id: number): Promise<EditionIndex> {
    const edition = this.#editions.get(id) ?? this.#open(id);
    this.#editions.delete(id);
    this.#editions.set(id, edition);
    try {
      await edition.refresh();
    } catch (error) {
      if (LocalLiteError.is(error) && error.code === 'not_found') this.#drop(id);
      throw error;
    }
    this.#makeRoom(id);
    this.#workLater();
    return edition;
  }

  #open(id: number): EditionIndex {
    const { exactBelow } = this.#start;
    const log = (level: IndexLogLine['level'], event: string, fields: IndexLogLine['fields']): void => this.#log({ level, event, fields });
    return new EditionIndex(id, { reader: this.#reader, graphPath: join(this.#folderOf(id), 'graph'), exactBelow, log });
  }

  #folderOf(id: number): string {
    return join(dirname(this.#start.databasePath), 'indexes', String(id));
  }

  /** Lets editions go that were not asked for longest. What is read again is only slower. */
  #makeRoom(inUse: number): void {
    let bytes = 0;
    for (const edition of this.#editions.values()) bytes += edition.memoryBytes;
    for (const [id, edition] of this.#editions) {
      if (bytes <= this.#start.memoryBytes) return;
      if (id === inUse || edition.isBusy) continue;
      bytes -= edition.memoryBytes;
      edition.save();
      edition.close();
      this.#editions.delete(id);
      this.#log({ level: 'info', event: 'index_let_go', fields: { edition: id } });
    }
  }

  #workLater(): void {
    this.#work ??= setImmediate(() => {
      this.#work = undefined;
      let isMore = false;
      for (const edition of this.#editions.values()) isMore = edition.improve(SLICE_MS) || isMore;
      if (isMore) this.#workLater();
    });
  }

  #drop(id: number): void {
    this.#editions.get(id)?.close();
    this.#editions.delete(id);
    try {
      rmSync(this.#folderOf(id), { recursive: true, force: true });
    } catch {
      // a file that stays is of no use to anybody, and harmless: it is checked before it is read
    }
  }

  close(): void {
    clearImmediate(this.#work);
    for (const edition of this.#editions.values()) {
      edition.save();
      edition.close();
    }
    this.#editions.clear();
    this.#reader.close();
  }
}
