import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { ERROR_TABLE, type ErrorCode, LocalLiteError } from '../errors.ts';
import type { IndexReply, IndexRequest, IndexStart } from './index-messages.ts';
import type { IndexAnswer, Indexes, IndexFacts, IndexQuery } from './index-types.ts';

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: LocalLiteError) => void;
}

type Call = Exclude<IndexRequest, 'close'> extends infer R ? (R extends { readonly id: number } ? Omit<R, 'id'> : never) : never;

/** Starts the thread of the indexes over a database. What it holds in memory is read from there, so that it can be ended at any time. */
export function openIndexes({ databasePath }: { readonly databasePath: string }): Indexes {
  const thread = new Thread(databasePath);
  return {
    query: async (query: IndexQuery, signal?: AbortSignal) => (await thread.call({ call: 'query', query }, signal)) as IndexAnswer,
    open: async (editionId) => (await thread.call({ call: 'open', editionId })) as IndexFacts,
    drop: async (editionId) => void (await thread.call({ call: 'drop', editionId })),
    facts: async () => (await thread.call({ call: 'facts' })) as readonly IndexFacts[],
    verify: async (editionId) => (await thread.call({ call: 'verify', editionId })) as readonly string[],
    close: () => thread.close(),
  };
}

class Thread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ended: Promise<void>;
  #next = 1;
  #end: LocalLiteError | undefined;

  constructor(databasePath: string) {
    this.#worker = new Worker(indexEntry(), { workerData: { databasePath } satisfies IndexStart });
    this.#worker.on('message', (reply: IndexReply) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#fail(LocalLiteError.from(error)));
    this.#ended = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#fail(new LocalLiteError('shutting_down', 'the indexes are closed'));
        resolve();
      });
    });
  }

  /** A caller who leaves is told so at once; what it asked for is finished and forgotten. */
  call(call: Call, signal?: AbortSignal): Promise<unknown> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    if (signal?.aborted === true) return Promise.reject(left());
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(id);
        reject(left());
      };
      signal?.addEventListener('abort', leave, { once: true });
      const settled = (): void => signal?.removeEventListener('abort', leave);
      this.#waiting.set(id, {
        resolve: (value) => {
          settled();
          resolve(value);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      });
      this.#worker.postMessage({ id, ...call });
    });
  }

  async close(): Promise<void> {
    if (this.#end === undefined) {
      this.#end = new LocalLiteError('shutting_down', 'the indexes are being closed');
      this.#worker.postMessage('close' satisfies IndexRequest);
    }
    await this.#ended;
  }

  #settle(reply: IndexReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ('fault' in reply) waiting?.reject(toError(reply.fault));
    else waiting?.resolve(reply.value);
  }

  #fail(error: LocalLiteError): void {
    this.#end ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

function left(): LocalLiteError {
  return new LocalLiteError('cancelled', 'the caller left before the search was done');
}

function toError({ code, message }: { readonly code: string; readonly message: string }): LocalLiteError {
  return new LocalLiteError(isCode(code) ? code : 'internal', message);
}

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_TABLE, code);
}

/** The thread's file: beside this one in the package, in `dist/` while working on the sources. */
function indexEntry(): string {
  const built = fileURLToPath(new URL('./indexes.js', import.meta.url));
  return existsSync(built) ? built : fileURLToPath(new URL('../../dist/indexes.js', import.meta.url));
}
