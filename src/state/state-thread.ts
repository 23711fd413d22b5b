import { type TransferListItem, Worker } from 'node:worker_threads';
import { ERROR_TABLE, type ErrorCode, LocalLiteError } from '../errors.ts';
import type { Fault, StateReply, StateRequest, StateStart } from './state-messages.ts';
import type { HealReport } from './state-types.ts';
import type { StateMethod } from './store.ts';

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: LocalLiteError) => void;
}

/** The database's thread as its gateway sees it: calls go in, answers come out in the same order. Its end rejects what still waits. */
export class StateThread {
  /** What the start found; rejects when the database cannot be opened. */
  readonly opened: Promise<HealReport>;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ended: Promise<void>;
  #next = 1;
  /** Why nothing is accepted any more. */
  #end: LocalLiteError | undefined;

  constructor(entry: string, start: StateStart) {
    // Node's own SQLite, where it stands in, would warn on every start that it is experimental.
    this.#worker = new Worker(entry, { workerData: start, execArgv: ['--disable-warning=ExperimentalWarning'] });
    this.opened = new Promise((resolve, reject) => {
      this.#worker.once('message', (reply: StateReply) => {
        if ('opened' in reply) resolve(reply.opened);
        else if ('refused' in reply) reject(this.#refuse(toError(reply.refused)));
      });
      this.#worker.once('exit', () => reject(this.#end));
    });
    this.opened.catch(() => undefined); // whoever calls hears of it as well
    this.#worker.on('message', (reply: StateReply) => this.#settle(reply));
    this.#worker.on('error', (cause: Error) => this.#fail(crashed(start.path, cause.message, cause)));
    this.#ended = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        this.#fail(crashed(start.path, `exit code ${code}`));
        resolve();
      });
    });
  }

  /** True once the thread has ended without being asked to: another one can be started on the same database. */
  get hasCrashed(): boolean {
    return this.#end?.code === 'worker_crashed';
  }

  /** `parameters` are cloned, except for what is in `transfer`. */
  call(method: StateMethod, parameters: readonly unknown[], transfer: readonly TransferListItem[] = []): Promise<unknown> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#post({ id, method, parameters }, transfer);
    });
  }

  /** What was asked before is answered first. */
  async close(): Promise<void> {
    if (this.#end === undefined) {
      this.#end = new LocalLiteError('shutting_down', 'the database is being closed');
      this.#post('close');
    }
    await this.#ended;
  }

  #post(request: StateRequest, transfer: readonly TransferListItem[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  #settle(reply: StateReply): void {
    if (!('id' in reply)) return;
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ('fault' in reply) waiting?.reject(toError(reply.fault));
    else waiting?.resolve(reply.value);
  }

  #refuse(error: LocalLiteError): LocalLiteError {
    this.#fail(error);
    return error;
  }

  #fail(error: LocalLiteError): void {
    this.#end ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

function crashed(path: string, how: string, cause?: Error): LocalLiteError {
  return new LocalLiteError(
    'worker_crashed',
    `the thread of the database ${path} ended (${how}). Calls that were answered are on the disk, the last ones may be; the next call starts it anew`,
    { cause },
  );
}

function toError({ code, message }: Fault): LocalLiteError {
  return new LocalLiteError(isCode(code) ? code : 'internal', message);
}

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_TABLE, code);
}
