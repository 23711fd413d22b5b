import { parentPort, workerData } from 'node:worker_threads';
import { LocalLiteError } from '../errors.ts';
import { openReader, type StateReader } from '../state/reader.ts';
import { EditionIndex } from './edition-index.ts';
import type { IndexReply, IndexRequest, IndexStart } from './index-messages.ts';

/** The thread of the indexes: searching takes milliseconds of a processor, which the event loop of the gateway must not lose. */
class IndexThread {
  readonly #reader: StateReader;
  readonly #editions = new Map<number, EditionIndex>();

  constructor(databasePath: string) {
    this.#reader = openReader(databasePath);
  }

  answer(request: Exclude<IndexRequest, 'close'>): unknown {
    switch (request.call) {
      case 'query':
        return this.#edition(request.query.editionId).query(request.query);
      case 'open':
        return this.#edition(request.editionId).facts();
      case 'verify':
        return this.#edition(request.editionId).verify();
      case 'drop':
        this.#editions.get(request.editionId)?.close();
        this.#editions.delete(request.editionId);
        return undefined;
      case 'facts':
        return [...this.#editions.values()].map((edition) => edition.facts());
      default:
        return request satisfies never;
    }
  }

  #edition(id: number): EditionIndex {
    let edition = this.#editions.get(id);
    if (edition === undefined) {
      edition = new EditionIndex(id, this.#reader);
      this.#editions.set(id, edition);
    }
    return edition;
  }

  close(): void {
    for (const edition of this.#editions.values()) edition.close();
    this.#reader.close();
  }
}

function main(): void {
  const port = parentPort;
  if (port === null) return;
  let thread: IndexThread | undefined;
  port.on('message', (request: IndexRequest) => {
    if (request === 'close') {
      thread?.close();
      port.close();
      return;
    }
    port.postMessage(reply(request));
  });
  const reply = (request: Exclude<IndexRequest, 'close'>): IndexReply => {
    try {
      thread ??= new IndexThread((workerData as IndexStart).databasePath);
      return { id: request.id, value: thread.answer(request) };
    } catch (error) {
      const { code, message } = LocalLiteError.from(error);
      return { id: request.id, fault: { code, message } };
    }
  };
}

main();
