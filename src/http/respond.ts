import { Readable } from 'node:stream';
import { LocalLiteError } from '../errors.ts';
import type { ErrorShape } from '../wire/error-shape.ts';
import { openAiErrors } from '../wire/openai-error.ts';
import { type Framing, frameEvents, frameLines } from './framing.ts';
import type { Reply } from './route.ts';

// Shorter than the idle limit of the proxies that people put in front.
const KEEP_ALIVE_MS = 15_000;
const STREAM_HEADERS = { 'cache-control': 'no-cache', 'x-accel-buffering': 'no' };

/** An answer before it becomes a Response: headers are still a plain record, which the server writes fastest. */
export interface Draft {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null;
}

/** Turns a route's reply into an answer. `signalOf`: what ends a stream of events. `head`: only the headers are wanted, so no stream is started. */
export function draftReply(reply: Reply, signalOf: () => AbortSignal, head: boolean): Draft {
  const status = reply.status ?? 200;
  const { body } = reply;
  switch (body.kind) {
    case 'json':
      return { status, headers: { 'content-type': 'application/json', ...reply.headers }, body: JSON.stringify(body.value) };
    case 'text':
      return { status, headers: { 'content-type': body.contentType, ...reply.headers }, body: body.text };
    case 'bytes':
      return { status, headers: { 'content-type': body.contentType, ...reply.headers }, body: body.bytes };
    case 'stream':
      return {
        status,
        headers: { 'content-type': body.contentType, ...reply.headers },
        body: head ? null : (Readable.toWeb(Readable.from(body.chunks, { objectMode: false })) as ReadableStream<Uint8Array>),
      };
    case 'events':
      return {
        status,
        headers: { 'content-type': 'text/event-stream', ...STREAM_HEADERS, ...reply.headers },
        body: head ? null : byteStream(body.events, frameEvents(), signalOf()),
      };
    case 'lines':
      return {
        status,
        headers: { 'content-type': 'application/x-ndjson', ...STREAM_HEADERS, ...reply.headers },
        body: head ? null : byteStream(body.lines, frameLines(), signalOf()),
      };
    default:
      return body satisfies never;
  }
}

/** Turns whatever was thrown into an answer in the shape of the route's wire (absent: OpenAI's); the one place where that happens. */
export function draftError(error: LocalLiteError, requestId: string, shape: ErrorShape = openAiErrors): Draft {
  const { status, headers, body } = shape.answer(error, requestId);
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

/**
 * Values as bytes, with a sign of life whenever nothing happened for a while. An error in the middle, when the status is long sent,
 * becomes a part of the stream. It ends on `signal`, whether or not the source obeys it; the source is told when the client goes away.
 */
function byteStream<T>(
  source: (signal: AbortSignal) => AsyncIterable<T>,
  framing: Framing<T>,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  const left = new AbortController();
  const stop = AbortSignal.any([signal, left.signal]);
  const encoder = new TextEncoder();
  const values = source(stop)[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<T>> | undefined;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        pending ??= values.next();
        const next = await firstOf(pending, stop);
        if (left.signal.aborted) return;
        if (next === 'quiet') return controller.enqueue(encoder.encode(framing.quiet()));
        if (next === 'stopped') leave(values.return?.());
        if (next === 'stopped' || next.done === true) return controller.close();
        pending = undefined;
        controller.enqueue(encoder.encode(framing.value(next.value)));
      } catch (error) {
        if (left.signal.aborted) return;
        if (!stop.aborted) controller.enqueue(encoder.encode(framing.error(LocalLiteError.from(error))));
        controller.close();
      }
    },
    cancel() {
      left.abort();
      // A source that has given a value and was not asked again hears of no signal.
      leave(values.return?.());
    },
  });
}

/** The next value, or what came before it: a while without one, or the end of the stream. */
async function firstOf<T>(next: Promise<T>, stop: AbortSignal): Promise<T | 'quiet' | 'stopped'> {
  if (stop.aborted) return leave(next);
  let timer: NodeJS.Timeout | undefined;
  let onStop = () => {};
  const other = new Promise<'quiet' | 'stopped'>((resolve) => {
    timer = setTimeout(() => resolve('quiet'), KEEP_ALIVE_MS);
    onStop = () => resolve('stopped');
    stop.addEventListener('abort', onStop, { once: true });
  });
  try {
    const first = await Promise.race([next, other]);
    return first === 'stopped' ? leave(next) : first;
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', onStop);
  }
}

/** How the source takes its end interests nobody any more. */
function leave(next: Promise<unknown> | undefined): 'stopped' {
  next?.catch(() => undefined);
  return 'stopped';
}
