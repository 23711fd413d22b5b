import type { ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { ERROR_TABLE, type ErrorCode, LocalLiteError } from '../errors.ts';
import type { Ocr, OfficeConverter, ParsedDocument, ParseLimits, ParseOptions } from './document-types.ts';
import { readFramed, writeFramed } from './framed.ts';
import type { Fault, ParserQuestion, ParserReply, ParserRequest } from './parser-messages.ts';
import { spawnParser } from './parser-spawn.ts';

/** How often the memory of a process is looked at while it reads. */
const LOOK_MS = 200;
/** Documents after which a process is replaced: what a parser leaks goes with it. */
const MOST_DOCUMENTS = 200;
/** A process that keeps more than this share of its limit after a document is replaced. */
const MOST_KEPT = 0.5;
/** How much of a dying process's last words is kept. */
const LAST_WORDS = 4000;

/** What a parser process may ask of this one. */
export interface ParserServices {
  readonly ocr?: Ocr;
  readonly convert?: OfficeConverter;
}

interface Job {
  readonly resolve: (document: ParsedDocument) => void;
  readonly reject: (error: LocalLiteError) => void;
  readonly signal: AbortSignal | undefined;
}

/** One warm process that reads documents, one at a time; see `parser-main.ts`. */
export class ParserProcess {
  readonly #child: ChildProcess;
  readonly #limits: ParseLimits;
  readonly #services: ParserServices;
  #job: Job | undefined;
  #read = 0;
  #kept = 0;
  #isReady = false;
  #isEnded = false;
  #lastWords = '';

  /** `entry`: another program than LocalLite's own, for tests. */
  constructor(limits: ParseLimits, services: ParserServices, entry?: string) {
    this.#limits = limits;
    this.#services = services;
    this.#child = spawnParser(limits.memoryBytes, entry);
    this.#child.once('error', (cause) => this.#end(new LocalLiteError('worker_crashed', `no parser could be started: ${cause.message}`)));
    // 'close' comes after 'exit', when everything has been read.
    this.#child.once('close', (code, signal) => this.#end(this.#exitError(code, signal)));
    this.#child.stdin?.on('error', () => undefined);
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#lastWords = (this.#lastWords + chunk.toString('utf8')).slice(-LAST_WORDS);
    });
    this.#listen(this.#child.stdio[3] as Readable | undefined);
    this.#leaveBehind();
  }

  #listen(channel: Readable | undefined): void {
    if (channel === undefined) return;
    channel.on('error', () => undefined);
    readFramed<ParserReply>(
      channel,
      (reply) => ('ask' in reply ? reply.bytes : 0),
      (reply, bytes) => this.#take(reply, bytes),
      (error) => this.#kill(LocalLiteError.from(error, 'document_unreadable')),
    );
  }

  /** An idle process does not keep the gateway alive. */
  #leaveBehind(): void {
    this.#child.unref();
    for (const stream of this.#child.stdio) (stream as { unref?: () => void } | null)?.unref?.();
  }

  /** False when it has ended, or should not be used any more. */
  get usable(): boolean {
    return !this.#isEnded && this.#read < MOST_DOCUMENTS && this.#kept <= this.#limits.memoryBytes * MOST_KEPT;
  }

  /** @throws LocalLiteError timed_out, document_too_large (memory), document_unreadable (crash), cancelled, and what the parser throws */
  async parse(bytes: Uint8Array, options: ParseOptions): Promise<ParsedDocument> {
    const { signal, ...parse } = options;
    if (signal?.aborted === true) throw callerLeft();
    this.#read++;
    const watch = this.#watch(signal);
    try {
      return await new Promise<ParsedDocument>((resolve, reject) => {
        if (this.#isEnded) reject(this.#exitError(null, null));
        this.#job = { resolve, reject, signal };
        const { ocr, convert } = this.#services;
        const offers = { ocr: ocr !== undefined, convert: convert !== undefined };
        this.#send({ parse, limits: this.#limits, offers, bytes: bytes.length }, bytes);
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
    const { timeoutMs } = this.#limits;
    const leave = (): void => this.#kill(callerLeft());
    signal?.addEventListener('abort', leave, { once: true });
    const deadline = setTimeout(
      () => this.#kill(new LocalLiteError('timed_out', `the document was not read within ${timeoutMs / 1000} s (documents.timeout)`)),
      timeoutMs,
    );
    const look = setInterval(() => void this.#lookAtMemory(), LOOK_MS);
    return () => {
      signal?.removeEventListener('abort', leave);
      clearTimeout(deadline);
      clearInterval(look);
    };
  }

  async #lookAtMemory(): Promise<void> {
    const job = this.#job;
    const bytes = await residentBytes(this.#child.pid);
    if (this.#job === job) this.#weigh(bytes);
  }

  #weigh(bytes: number): void {
    if (bytes > this.#limits.memoryBytes) this.#kill(tooMuchMemory(this.#limits.memoryBytes));
  }

  #send(request: ParserRequest, bytes?: Uint8Array): void {
    const { stdin } = this.#child;
    if (stdin !== null) writeFramed(stdin, request, bytes);
  }

  #take(reply: ParserReply, bytes: Buffer): void {
    if ('ready' in reply) this.#isReady = true;
    else if ('ask' in reply) void this.#answer(reply, bytes);
    else if ('document' in reply) this.#done(reply.rss, (job) => job.resolve(reply.document));
    else if ('failure' in reply) this.#done(reply.rss, (job) => job.reject(toError(reply.failure)));
    else if (this.#job !== undefined) this.#weigh(reply.rss);
  }

  #done(rss: number, settle: (job: Job) => void): void {
    this.#kept = rss;
    if (this.#job !== undefined) settle(this.#job);
  }

  async #answer(question: ParserQuestion, data: Buffer): Promise<void> {
    const answer = question.ask;
    try {
      if (question.image !== undefined) this.#send({ answer, ocr: await this.#ocr(question.image, data) });
      else {
        const converted = await this.#convert(question.convert ?? '', data);
        this.#send({ answer, bytes: converted.length }, converted);
      }
    } catch (error) {
      const { code, message } = LocalLiteError.from(error);
      this.#send({ answer, fault: { code, message } });
    }
  }

  async #ocr({ width, height, dpi }: NonNullable<ParserQuestion['image']>, data: Buffer): ReturnType<Ocr> {
    const { ocr } = this.#services;
    if (ocr === undefined || this.#job === undefined) throw new LocalLiteError('internal', 'nobody is there to read the image');
    const image = { width, height, data: new Uint8Array(data), ...(dpi !== undefined && { dpi }) };
    return await ocr(image, withSignal(this.#job));
  }

  async #convert(mediaType: string, data: Buffer): Promise<Uint8Array> {
    const { convert } = this.#services;
    if (convert === undefined || this.#job === undefined) throw new LocalLiteError('internal', 'nobody is there to convert the file');
    return await convert(new Uint8Array(data), { mediaType, ...withSignal(this.#job) });
  }

  #exitError(code: number | null, signal: NodeJS.Signals | null): LocalLiteError {
    const lastLine = this.#lastWords.trim().split('\n').at(-1)?.slice(0, 300) ?? '';
    if (!this.#isReady) return new LocalLiteError('worker_crashed', `the parser process did not start (${lastLine})`);
    // V8 aborts when its heap is full, and the system ends what takes too much with SIGKILL.
    const isStarved = /heap out of memory|bad_alloc|allocation failed|Cannot allocate memory/i.test(this.#lastWords);
    if (isStarved || signal === 'SIGKILL') return tooMuchMemory(this.#limits.memoryBytes);
    return new LocalLiteError('document_unreadable', `the document made its parser end (${signal ?? `exit code ${code}`})`);
  }

  #kill(error: LocalLiteError): void {
    this.#end(error);
    this.#child.kill('SIGKILL');
  }

  #end(error: LocalLiteError): void {
    this.#isEnded = true;
    this.#job?.reject(error);
  }
}

function withSignal({ signal }: Job): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

/** The error of a caller that has gone. */
export function callerLeft(): LocalLiteError {
  return new LocalLiteError('cancelled', 'the caller left before the document was read');
}

function tooMuchMemory(most: number): LocalLiteError {
  return new LocalLiteError('document_too_large', `reading the document takes more than ${most} bytes of memory (documents.memory)`);
}

function toError({ code, message }: Fault): LocalLiteError {
  return new LocalLiteError(isCode(code) ? code : 'document_unreadable', message);
}

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_TABLE, code);
}

/** Resident memory of a process; 0 where the system does not tell: there the process tells it, when its document lets it, and its heap is bounded. */
async function residentBytes(pid: number | undefined): Promise<number> {
  if (process.platform !== 'linux' || pid === undefined) return 0;
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s*(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}
