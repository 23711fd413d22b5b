import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { ERROR_TABLE, type ErrorCode, LocalLiteError } from '../errors.ts';
import { FRAME, type Frame, FrameReader, readMessage, writeFrame, writeMessage } from './frames.ts';

/** JavaScript heap of a worker; weights and tensors live outside it. */
const WORKER_HEAP_MB = 256;
/** A sample of a process's memory is good for so long. */
const MEMORY_SAMPLE_MS = 1_000;
/** How much of a dying worker's last words is kept for the error message. */
const LAST_WORDS = 16_000;

interface Pending {
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: LocalLiteError) => void;
  readonly timer: NodeJS.Timeout;
}

/** Where a worker's program lies: beside this file in the built package, in `dist/` when run from the sources. */
export function workerEntry(program: 'worker' | 'ocr' = 'worker'): string {
  const built = fileURLToPath(new URL(`./${program}.js`, import.meta.url));
  return existsSync(built) ? built : fileURLToPath(new URL(`../../dist/${program}.js`, import.meta.url));
}

/**
 * One child process and the frames to and from it. It knows no job: payloads are opaque. Requests are answered in order.
 * Whatever ends the process rejects everything inside with `worker_crashed`; a request over its time kills the process.
 */
export class WorkerProcess {
  readonly #child: ChildProcess;
  /** Undefined when the process could not be started for want of descriptors; then 'error' has ended this worker or is about to. */
  readonly #channel: Duplex | undefined;
  readonly #pending = new Map<number, Pending>();
  readonly #onExit: (error: LocalLiteError) => void;
  #nextId = 1;
  #lastWords = '';
  #residentBytes = 0;
  #sampledAt = Number.NEGATIVE_INFINITY;
  #ended: LocalLiteError | undefined;
  #reason: LocalLiteError | undefined;

  constructor(options: { readonly entry: string; readonly onExit: (error: LocalLiteError) => void }) {
    this.#onExit = options.onExit;
    this.#child = spawn(process.execPath, [`--max-old-space-size=${WORKER_HEAP_MB}`, options.entry], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      windowsHide: true,
    });
    this.#child.once('error', (cause) =>
      this.#end(new LocalLiteError('worker_crashed', `the worker could not be started: ${cause.message}`, { cause })),
    );
    this.#channel = channelOf(this.#child);
    const reader = new FrameReader((frame) => this.#settle(frame));
    this.#channel?.on('data', (chunk: Uint8Array) => this.#read(reader, chunk));
    this.#channel?.on('error', () => {}); // 'close' says what happened
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#lastWords = (this.#lastWords + chunk.toString('utf8')).slice(-LAST_WORDS);
    });
    // 'close' comes after 'exit', when the last words have been read.
    this.#child.once('close', (code, signal) => this.#end(this.#describeExit(code, signal)));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get alive(): boolean {
    return this.#ended === undefined;
  }

  /** Sends a JSON message and waits for the JSON answer. */
  async message(message: unknown, timeoutMs: number): Promise<unknown> {
    return readMessage(await this.#request(timeoutMs, (channel, id) => writeMessage(channel, id, FRAME.control, message)));
  }

  /** Sends a job and waits for its result payload. */
  async job(parts: readonly Uint8Array[], timeoutMs: number): Promise<Uint8Array<ArrayBuffer>> {
    const frame = await this.#request(timeoutMs, (channel, id) => writeFrame(channel, { id, kind: FRAME.job, parts }));
    return frame.payload;
  }

  /** Ends the process; what is inside is rejected with `reason`. */
  kill(reason = new LocalLiteError('shutting_down', 'the worker was stopped')): void {
    this.#reason ??= reason;
    this.#child.kill('SIGKILL');
  }

  /** Ends the process after what runs has finished, and waits for its exit. */
  async close(): Promise<void> {
    if (!this.alive) return;
    this.#reason ??= new LocalLiteError('shutting_down', 'the worker was stopped');
    const exited = new Promise<void>((resolve) => this.#child.once('close', () => resolve()));
    if (this.#pending.size === 0) this.#child.kill('SIGKILL');
    else this.#channel?.end();
    await exited;
  }

  /** Proportional set size in bytes where the system tells it (Linux); elsewhere the resident bytes it last reported. */
  memoryBytes(): number {
    if (process.platform !== 'linux' || this.pid === undefined || !this.alive) return this.#residentBytes;
    // The kernel walks every page for it, some milliseconds a process.
    if (performance.now() - this.#sampledAt < MEMORY_SAMPLE_MS) return this.#residentBytes;
    this.#sampledAt = performance.now();
    try {
      const kilobytes = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.pid}/smaps_rollup`, 'utf8'))?.[1];
      if (kilobytes !== undefined) this.#residentBytes = Number(kilobytes) * 1024;
    } catch {
      // it has just ended, or /proc is restricted
    }
    return this.#residentBytes;
  }

  /** Keeps what a job's answer said of the process's memory. */
  noteResidentBytes(bytes: number): void {
    if (bytes > 0) this.#residentBytes = bytes;
  }

  /** A worker that sends nonsense is beyond repair. */
  #read(reader: FrameReader, chunk: Uint8Array): void {
    try {
      reader.push(chunk);
    } catch (cause) {
      this.kill(new LocalLiteError('worker_crashed', 'the inference process sent what is no frame', { cause }));
    }
  }

  #request(timeoutMs: number, send: (channel: Duplex, id: number) => void): Promise<Frame> {
    const channel = this.#channel;
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    if (channel === undefined) return Promise.reject(new LocalLiteError('worker_crashed', 'the worker could not be started'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#expire(timeoutMs), timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
      send(channel, id);
    });
  }

  #expire(timeoutMs: number): void {
    this.kill(new LocalLiteError('timed_out', `the model did not answer within ${timeoutMs / 1000} s; its worker was replaced`));
  }

  #settle(frame: Frame): void {
    const pending = this.#pending.get(frame.id);
    if (pending === undefined) return;
    this.#pending.delete(frame.id);
    clearTimeout(pending.timer);
    if (frame.kind === FRAME.failure) pending.reject(failureOf(readMessage(frame)));
    else pending.resolve(frame);
  }

  #end(error: LocalLiteError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(error);
    }
    this.#pending.clear();
    this.#channel?.destroy();
    this.#onExit(error);
  }

  #describeExit(code: number | null, signal: NodeJS.Signals | null): LocalLiteError {
    if (this.#reason !== undefined) return this.#reason;
    const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
    const memory = /heap out of memory|bad_alloc|Failed to allocate/i.test(this.#lastWords) ? ' (out of memory)' : '';
    const lastLine = this.#lastWords.trim().split('\n').at(-1) ?? '';
    return new LocalLiteError(
      'worker_crashed',
      `the inference process ended ${how}${memory}${lastLine === '' ? '' : `: ${lastLine.slice(0, 200)}`}`,
    );
  }
}

/** Node's types promise pipes that are not there when no descriptor was left for them. */
function channelOf(child: ChildProcess): Duplex | undefined {
  const stdio: ChildProcess['stdio'] | undefined = child.stdio;
  return stdio?.[3] as Duplex | undefined;
}

function failureOf(message: unknown): LocalLiteError {
  const { code, message: text } = message as { code: string; message: string };
  return new LocalLiteError(code in ERROR_TABLE ? (code as ErrorCode) : 'inference_failed', text);
}
