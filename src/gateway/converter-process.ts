import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { ConvertProgress, ConvertRequest } from '../convert/convert-types.ts';
import type { ConverterMessage } from '../convert/converter-messages.ts';
import { ERROR_TABLE, type ErrorCode, LocalLiteError } from '../errors.ts';
import { type ConversionReport, conversionReportSchema } from '../models/made.ts';

/** How a conversion in a process of its own is watched and stopped. */
export interface ConverterOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ConvertProgress) => void;
  /** Milliseconds without a sign of progress after which the process counts as hung. */
  readonly silenceMs: number;
  /** Program to run, for tests; absent: LocalLite's converter. */
  readonly entry?: string;
}

/** How much of a dying process's last words is kept for the error message. */
const LAST_WORDS = 16_000;

/** Where the converter's program lies: beside this file in the built package, in `dist/` when run from the sources. */
function converterEntry(): string {
  const built = fileURLToPath(new URL('./converter.js', import.meta.url));
  return existsSync(built) ? built : fileURLToPath(new URL('../../dist/converter.js', import.meta.url));
}

/**
 * Converts a model in a child process, so that its memory and its faults stay out of this one. Aborting kills it.
 * @throws LocalLiteError what the converter refuses; insufficient_memory, worker_crashed, timed_out, cancelled
 */
export async function runConverter(request: ConvertRequest, options: ConverterOptions): Promise<ConversionReport> {
  if (options.signal.aborted) throw cancelled(request.id, options.signal);
  const child = start(options.entry ?? converterEntry());
  const watch = new Watch(request.id, child, options);
  try {
    child.stdin?.on('error', () => undefined); // its end says what happened
    child.stdin?.write(`${JSON.stringify(request)}\n`);
    return await watch.outcome();
  } finally {
    watch.stop();
  }
}

function start(entry: string): ChildProcess {
  return spawn(process.execPath, [entry], { stdio: ['pipe', 'ignore', 'pipe', 'pipe'], windowsHide: true });
}

/** One child process, from its first line to its end. */
class Watch {
  readonly #id: string;
  readonly #child: ChildProcess;
  readonly #options: ConverterOptions;
  readonly #ended: Promise<LocalLiteError>;
  #silence: NodeJS.Timeout | undefined;
  #killedFor: LocalLiteError | undefined;
  #report: unknown;
  #failure: LocalLiteError | undefined;
  #lastWords = '';

  constructor(id: string, child: ChildProcess, options: ConverterOptions) {
    this.#id = id;
    this.#child = child;
    this.#options = options;
    this.#ended = new Promise((resolve) => {
      child.once('error', (cause) =>
        resolve(new LocalLiteError('worker_crashed', `the converter could not be started: ${cause.message}`, { cause })),
      );
      // 'close' comes after 'exit', when everything has been read.
      child.once('close', (code, signal) => resolve(this.#describeExit(code, signal)));
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#lastWords = (this.#lastWords + chunk.toString('utf8')).slice(-LAST_WORDS);
    });
    const channel = child.stdio[3] as Readable | null | undefined;
    channel?.on('error', () => undefined);
    if (channel) createInterface({ input: channel }).on('line', (line) => this.#hear(line));
    options.signal.addEventListener('abort', this.#abort, { once: true });
    this.#expectSign();
  }

  /** Resolves when the process has gone, so that nobody writes any more. */
  async outcome(): Promise<ConversionReport> {
    const end = await this.#ended;
    if (this.#killedFor !== undefined) throw this.#killedFor;
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#report === undefined) throw end;
    const report = conversionReportSchema.safeParse(this.#report);
    if (report.success) return report.data;
    const problems = report.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
    throw new LocalLiteError('internal', `the conversion of ${this.#id} gave a report that is not of the known form (${problems})`);
  }

  /** Lets go of timers and of the process, whatever state it is in. */
  stop(): void {
    clearTimeout(this.#silence);
    this.#options.signal.removeEventListener('abort', this.#abort);
    this.#child.kill('SIGKILL');
  }

  readonly #abort = (): void => this.#kill(cancelled(this.#id, this.#options.signal));

  #hear(line: string): void {
    this.#expectSign();
    const message = parse(line);
    if (message === undefined) return;
    if ('progress' in message) this.#options.onProgress(message.progress);
    else if ('report' in message) this.#report = message.report;
    else this.#failure = failureOf(message.failure);
  }

  #expectSign(): void {
    clearTimeout(this.#silence);
    const { silenceMs } = this.#options;
    this.#silence = setTimeout(() => {
      this.#kill(
        new LocalLiteError('timed_out', `the conversion of ${this.#id} made no progress for ${silenceMs / 1000} s and was stopped`),
      );
    }, silenceMs);
  }

  #kill(reason: LocalLiteError): void {
    this.#killedFor ??= reason;
    this.#child.kill('SIGKILL');
  }

  #describeExit(code: number | null, signal: NodeJS.Signals | null): LocalLiteError {
    const starved = /heap out of memory|bad_alloc|Failed to allocate|Array buffer allocation failed|Cannot allocate memory/i.test(
      this.#lastWords,
    );
    // The system ends what takes too much memory in just this way.
    if (starved || signal === 'SIGKILL') {
      return new LocalLiteError(
        'insufficient_memory',
        `the conversion of ${this.#id} was killed, most likely for want of memory. Close other programs, or take a published graph: locallite pull ${this.#id}#fp32`,
      );
    }
    const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
    const lastLine = this.#lastWords.trim().split('\n').at(-1) ?? '';
    return new LocalLiteError(
      'worker_crashed',
      `the conversion of ${this.#id} ended ${how}${lastLine === '' ? '' : `: ${lastLine.slice(0, 200)}`}`,
    );
  }
}

function cancelled(id: string, signal: AbortSignal): LocalLiteError {
  return new LocalLiteError('cancelled', `the conversion of ${id} was cancelled`, { cause: signal.reason });
}

/** A line that is none of ours is passed over: a native library may have written it. */
function parse(line: string): ConverterMessage | undefined {
  try {
    return JSON.parse(line) as ConverterMessage;
  } catch {
    return undefined;
  }
}

function failureOf({ code, message }: { readonly code: string; readonly message: string }): LocalLiteError {
  return new LocalLiteError(code in ERROR_TABLE ? (code as ErrorCode) : 'internal', message);
}
