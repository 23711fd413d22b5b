import { LocalLiteError } from '../errors.ts';
import type { DocumentParsers, ParsedDocument, ParseLimits, ParseOptions } from './document-types.ts';
import { callerLeft, ParserProcess, type ParserServices } from './parser-process.ts';

export type { DocumentParsers } from './document-types.ts';

/** An idle process is ended after this time. */
const IDLE_MS = 60_000;
/** Codes of failures that say something of the machine or of an attack, not only of the document. */
const LOGGED: ReadonlySet<string> = new Set(['timed_out', 'document_too_large', 'worker_crashed']);

/** How documents are read, and by whom images are. */
export interface DocumentParsersOptions extends ParserServices {
  /** Most processes at once; what comes more waits. */
  readonly workers: number;
  readonly limits: ParseLimits;
  /** Milliseconds after which an idle process is ended. Absent: a minute. */
  readonly idleMs?: number;
  /** Program of the process, for tests. */
  readonly entry?: string;
  /** Told of documents that had to be stopped; never of their content. */
  readonly log?: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

interface Waiting {
  readonly resolve: (process: ParserProcess) => void;
  readonly reject: (error: LocalLiteError) => void;
}

/** A few warm processes that read documents, started when they are needed and ended when they are not. Local, the default parser. */
export function createDocumentParsers(options: DocumentParsersOptions): DocumentParsers {
  return new ParserPool(options);
}

class ParserPool implements DocumentParsers {
  readonly #options: DocumentParsersOptions;
  readonly #idle: ParserProcess[] = [];
  readonly #all = new Set<ParserProcess>();
  readonly #waiting = new Set<Waiting>();
  #isClosed = false;
  #shrink: NodeJS.Timeout | undefined;

  constructor(options: DocumentParsersOptions) {
    this.#options = options;
  }

  async parse(bytes: Uint8Array, options: ParseOptions): Promise<ParsedDocument> {
    const process = await this.#take(options.signal);
    try {
      return await process.parse(bytes, options);
    } catch (error) {
      this.#tell(LocalLiteError.from(error), bytes.length);
      throw error;
    } finally {
      this.#give(process);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#shrink);
    for (const { reject } of this.#waiting) reject(stopping());
    this.#waiting.clear();
    for (const process of [...this.#all]) this.#retire(process);
  }

  async #take(signal: AbortSignal | undefined): Promise<ParserProcess> {
    if (this.#isClosed) throw stopping();
    if (signal?.aborted === true) throw callerLeft();
    for (let process = this.#idle.pop(); process !== undefined; process = this.#idle.pop()) {
      if (process.usable) return process;
      this.#retire(process);
    }
    return this.#all.size < this.#options.workers ? this.#start() : await this.#wait(signal);
  }

  async #wait(signal: AbortSignal | undefined): Promise<ParserProcess> {
    let leave = (): void => undefined;
    try {
      return await new Promise<ParserProcess>((resolve, reject) => {
        const waiting = { resolve, reject };
        this.#waiting.add(waiting);
        leave = () => {
          this.#waiting.delete(waiting);
          reject(callerLeft());
        };
        signal?.addEventListener('abort', leave, { once: true });
      });
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  #give(process: ParserProcess): void {
    if (this.#isClosed || !process.usable) this.#retire(process);
    if (this.#isClosed) return;
    const [next] = this.#waiting;
    if (next !== undefined) {
      // Taken out at once: two processes that come free in one turn go to two callers.
      this.#waiting.delete(next);
      next.resolve(this.#all.has(process) ? process : this.#start());
    } else if (this.#all.has(process)) this.#idle.push(process);
    this.#shrinkLater();
  }

  #shrinkLater(): void {
    clearTimeout(this.#shrink);
    const { idleMs = IDLE_MS } = this.#options;
    this.#shrink = setTimeout(() => {
      for (const process of this.#idle.splice(0)) this.#retire(process);
    }, idleMs).unref();
  }

  #start(): ParserProcess {
    const { limits, entry } = this.#options;
    const process = new ParserProcess(limits, this.#options, entry);
    this.#all.add(process);
    return process;
  }

  #retire(process: ParserProcess): void {
    this.#all.delete(process);
    process.close();
  }

  #tell({ code, message }: LocalLiteError, bytes: number): void {
    if (LOGGED.has(code)) this.#options.log?.('a document was stopped', { code, message, bytes });
  }
}

function stopping(): LocalLiteError {
  return new LocalLiteError('shutting_down', 'the gateway is stopping');
}
