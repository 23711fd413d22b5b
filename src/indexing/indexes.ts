import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { ERROR_TABLE, type ErrorCode, LocalLiteError } from '../errors.ts';
import type { IndexLogLine, IndexReply, IndexRequest, IndexStart } from './index-messages.ts';
import type { IndexAnswer, Indexes, IndexFacts, IndexQuery } from './index-types.ts';

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: LocalLiteError) => void;
}

type Call = Exclude<IndexRequest, 'close'> extends infer R ? (R extends { readonly id: number } ? Omit<R, 'id'> : never) : never;

/** How the indexes are kept. */
export interface IndexesOptions {
  readonly databasePath: string;
  /** Editions with fewer chunks are compared one by one, without a graph. Absent: 20,000. */
  readonly exactBelow?: number;
  /** Bytes beyond which editions that were not asked for lately are let go. Absent: 2 GiB. */
  readonly memoryBytes?: number;
  readonly log?: IndexLog;
  /** Another program for the thread, for tests that force faults. */
  readonly entry?: string;
}

/** What the thread tells: an event name in snake_case and its fields. */
export interface IndexLog {
  info(event: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void;
}

const EXACT_BELOW = 20_000;
const MEMORY_BYTES = 2 ** 31;

/** Starts the thread of the indexes over a database. What it holds in memory is read from there, so that it can be ended at any time. */
export function openIndexes({ databasePath, exactBelow = EXACT_BELOW, memoryBytes = MEMORY_BYTES, ...options }: IndexesOptions): Indexes {
  const thread = new Thread({ databasePath, exactBelow, memoryBytes }, options);
  return {
    query: async (query: IndexQuery, signal?: AbortSignal) => (await thread.call({ call: 'query', query }, signal)) as IndexAnswer,
    open: async (editionId) => (await thread.call({ call: 'open', editionId })) as IndexFacts,
    drop: async (editionId) => void (await thread.call({ call: 'drop', editionId })),
    facts: async () => (await thread.call({ call: 'facts' })) as readonly IndexFacts[],
    verify: async (editionId) => (await thread.call({ call: 'verify', editionId })) as readonly string[],
    close: () => thread.close(),
  };
}

/** The thread, started again at the next call where it ended by itself. */
class Thread {
  readonly #start: IndexStart;
  readonly #options: Pick<IndexesOptions, 'log' | 'entry'>;
  readonly #waiting = new Map<number, Waiting>();
  #worker: { readonly port: Worker; readonly ended: Promise<void> } | undefined;
  #next = 1;
  #isClosed = false;

  constructor(start: IndexStart, options: Pick<IndexesOptions, 'log' | 'entry'>) {
    this.#start = start;
    this.#options = options;
  }

  get #port(): Worker {
    this.#worker ??= this.#run();
    return this.#worker.port;
  }

  #run(): { readonly port: Worker; readonly ended: Promise<void> } {
    const port = new Worker(this.#options.entry ?? indexEntry(), { workerData: this.#start });
    let fault: unknown;
    port.on('message', (message: IndexReply | IndexLogLine) => {
      if ('event' in message) this.#options.log?.[message.level](message.event, message.fields);
      else this.#settle(message);
    });
    port.on('error', (error) => {
      fault = error;
    });
    const ended = new Promise<void>((resolve) => {
      port.once('exit', () => {
        this.#worker = undefined;
        this.#fail(this.#isClosed ? closed() : crashed(fault));
        resolve();
      });
    });
    return { port, ended };
  }

  /** A caller who leaves is told so at once; what it asked for is finished and forgotten. */
  call(call: Call, signal?: AbortSignal): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(closed());
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
      this.#port.postMessage({ id, ...call });
    });
  }

  async close(): Promise<void> {
    const { ended } = this.#worker ?? {};
    if (!this.#isClosed) this.#worker?.port.postMessage('close' satisfies IndexRequest);
    this.#isClosed = true;
    await ended;
  }

  #settle(reply: IndexReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ('fault' in reply) waiting?.reject(toError(reply.fault));
    else waiting?.resolve(reply.value);
  }

  #fail(error: LocalLiteError): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

function closed(): LocalLiteError {
  return new LocalLiteError('shutting_down', 'the indexes are closed');
}

function crashed(cause: unknown): LocalLiteError {
  const why = cause instanceof Error ? `: ${cause.message}` : '';
  return new LocalLiteError('worker_crashed', `the thread of the indexes ended${why}; it starts again with the next search`, { cause });
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
