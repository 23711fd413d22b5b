import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { ERROR_TABLE, type ErrorCode, LocalLiteError } from '../errors.ts';
import type { Ocr, ParsedDocument, ParseLimits, ParseOptions } from './document-types.ts';
import { readFramed, writeFramed } from './framed.ts';
import type { ParserReply, ParserRequest } from './parser-messages.ts';

/** How often the memory of a process is looked at while it reads. */
const LOOK_MS = 200;
/** Documents after which a process is replaced: what a parser leaks goes with it. */
const MOST_DOCUMENTS = 200;

interface Job {
  readonly resolve: (document: ParsedDocument) => void;
  readonly reject: (error: LocalLiteError) => void;
  readonly ocr: Ocr | undefined;
  readonly signal: AbortSignal | undefined;
}

/** One warm process that reads documents, one at a time; see `parser-main.ts`. */
export class ParserProcess {
  readonly #child: ChildProcess;
  readonly #limits: ParseLimits;
  #job: Job | undefined;
  #read = 0;
  #ended = false;

  constructor(limits: ParseLimits) {
    this.#limits = limits;
    // WebAssembly's memory stands beside the heap; the whole is looked at from outside.
    const heap = Math.max(64, Math.floor(limits.memoryBytes / 2 ** 20));
    this.#child = spawn(process.execPath, [`--max-old-space-size=${heap}`, '--disable-proto=throw', '--no-warnings', parserEntry()], {
      stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
      env: {},
      windowsHide: true,
    });
    this.#child.once('error', (error) => this.#end(LocalLiteError.from(error, 'document_unreadable')));
    this.#child.once('exit', (code, signal) => this.#end(this.#exitError(code, signal)));
    this.#child.stdin?.on('error', () => undefined);
    readFramed<ParserReply>(
      this.#child.stdio[3] as Readable,
      (reply) => ('image' in reply ? reply.image.bytes : 0),
      (reply, bytes) => this.#take(reply, bytes),
      (error) => this.#kill(LocalLiteError.from(error, 'document_unreadable')),
    );
    // An idle process does not keep the gateway alive.
    this.#child.unref();
    for (const stream of [this.#child.stdin, this.#child.stdio[3]]) (stream as { unref?: () => void } | null)?.unref?.();
  }

  /** False when it has ended, or should not be used any more. */
  get usable(): boolean {
    return !this.#ended && this.#read < MOST_DOCUMENTS;
  }

  /** @throws LocalLiteError timed_out, document_too_large (memory), document_unreadable (crash), cancelled, and what the parser throws */
  async parse(bytes: Uint8Array, options: ParseOptions, ocr: Ocr | undefined): Promise<ParsedDocument> {
    const { signal, ...parse } = options;
    if (signal?.aborted === true) throw left();
    this.#read++;
    const watch = this.#watch(signal);
    try {
      return await new Promise<ParsedDocument>((resolve, reject) => {
        this.#job = { resolve, reject, ocr, signal };
        this.#send({ parse, limits: this.#limits, hasOcr: ocr !== undefined, bytes: bytes.length }, bytes);
        if (this.#ended) reject(new LocalLiteError('document_unreadable', 'the parser ended before it was asked'));
      });
    } finally {
      this.#job = undefined;
      watch();
    }
  }

  close(): void {
    this.#kill(new LocalLiteError('shutting_down', 'the gateway is stopping'));
  }

  /** Ends the process when the document costs too much; the returned function stops watching. */
  #watch(signal: AbortSignal | undefined): () => void {
    const { timeoutMs, memoryBytes } = this.#limits;
    const leave = (): void => this.#kill(left());
    signal?.addEventListener('abort', leave, { once: true });
    const deadline = setTimeout(
      () => this.#kill(new LocalLiteError('timed_out', `the document was not read within ${timeoutMs / 1000} s (documents.timeout)`)),
      timeoutMs,
    );
    const look = setInterval(() => void this.#lookAtMemory(memoryBytes), LOOK_MS);
    return () => {
      signal?.removeEventListener('abort', leave);
      clearTimeout(deadline);
      clearInterval(look);
    };
  }

  async #lookAtMemory(most: number): Promise<void> {
    const bytes = await residentBytes(this.#child.pid);
    if (bytes > most) this.#kill(tooMuchMemory(most));
  }

  #send(request: ParserRequest, bytes?: Uint8Array): void {
    const { stdin } = this.#child;
    if (stdin !== null) writeFramed(stdin, request, bytes);
  }

  #take(reply: ParserReply, bytes: Buffer): void {
    const job = this.#job;
    if (job === undefined) return;
    if ('document' in reply) job.resolve(reply.document);
    else if ('failure' in reply) job.reject(toError(reply.failure));
    else void this.#readImage(reply.image, bytes, job);
  }

  async #readImage(image: Extract<ParserReply, { image: unknown }>['image'], data: Buffer, { ocr, signal }: Job): Promise<void> {
    const { width, height, dpi } = image;
    try {
      if (ocr === undefined) throw new LocalLiteError('internal', 'no OCR engine was offered');
      const page = { width, height, data: new Uint8Array(data), ...(dpi !== undefined && { dpi }) };
      this.#send({ ocr: await ocr(page, signal === undefined ? {} : { signal }) });
    } catch (error) {
      const { code, message } = LocalLiteError.from(error);
      this.#send({ ocr: { fault: { code, message } } });
    }
  }

  #exitError(code: number | null, signal: NodeJS.Signals | null): LocalLiteError {
    // V8 aborts when its heap is full.
    if (signal === 'SIGABRT' || code === 134) return tooMuchMemory(this.#limits.memoryBytes);
    return new LocalLiteError('document_unreadable', `the document made its parser end (${signal ?? `exit code ${code}`})`);
  }

  #kill(error: LocalLiteError): void {
    this.#end(error);
    this.#child.kill('SIGKILL');
  }

  #end(error: LocalLiteError): void {
    this.#ended = true;
    this.#job?.reject(error);
  }
}

function left(): LocalLiteError {
  return new LocalLiteError('cancelled', 'the caller left before the document was read');
}

function tooMuchMemory(most: number): LocalLiteError {
  return new LocalLiteError('document_too_large', `reading the document takes more than ${most} bytes of memory (documents.memory)`);
}

function toError({ code, message }: { readonly code: string; readonly message: string }): LocalLiteError {
  return new LocalLiteError(isCode(code) ? code : 'document_unreadable', message);
}

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_TABLE, code);
}

/** Resident memory of a process; 0 where the system does not tell, and there the limit of the heap alone holds. */
async function residentBytes(pid: number | undefined): Promise<number> {
  if (process.platform !== 'linux' || pid === undefined) return 0;
  const pages = (await readFile(`/proc/${pid}/statm`, 'utf8').catch(() => '')).split(' ')[1];
  return Number(pages ?? 0) * 4096;
}

/** The process's file: beside this one in the package, in `dist/` while working on the sources. */
function parserEntry(): string {
  const built = fileURLToPath(new URL('./parser.js', import.meta.url));
  return existsSync(built) ? built : fileURLToPath(new URL('../../dist/parser.js', import.meta.url));
}
