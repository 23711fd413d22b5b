import { LocalLiteError } from '../errors.ts';
import { openAiError } from '../wire/openai-error.ts';
import { formatComment, formatEvent, type ServerSentEvent } from '../wire/sse.ts';
import type { Reply } from './route.ts';

// Shorter than the idle limit of the proxies that people put in front.
const KEEP_ALIVE_MS = 15_000;

/** An answer before it becomes a Response: headers are still a plain record, which the server writes fastest. */
export interface Draft {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null;
}

/** Turns a route's reply into an answer. `head`: only the headers are wanted, so no stream is started. */
export function draftReply(reply: Reply, signal: AbortSignal, head: boolean): Draft {
  const status = reply.status ?? 200;
  const { body } = reply;
  switch (body.kind) {
    case 'json':
      return { status, headers: { 'content-type': 'application/json', ...reply.headers }, body: JSON.stringify(body.value) };
    case 'text':
      return { status, headers: { 'content-type': body.contentType, ...reply.headers }, body: body.text };
    case 'bytes':
      return { status, headers: { 'content-type': body.contentType, ...reply.headers }, body: body.bytes };
    case 'events':
      return {
        status,
        headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache', 'x-accel-buffering': 'no', ...reply.headers },
        body: head ? null : eventStream(body.events, signal),
      };
    default:
      return body satisfies never;
  }
}

/** Turns whatever was thrown into an answer in OpenAI's shape; the one place where that happens. */
export function draftError(error: LocalLiteError, requestId: string): Draft {
  const { status, headers, body } = openAiError(error, requestId);
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

/**
 * Events as bytes, with a comment whenever nothing happened for a while. An error in the middle, when the status is long sent, becomes
 * an `error` event. The source is told to stop when the client goes away.
 */
function eventStream(source: (signal: AbortSignal) => AsyncIterable<ServerSentEvent>, signal: AbortSignal): ReadableStream<Uint8Array> {
  const stop = new AbortController();
  const encoder = new TextEncoder();
  const events = source(AbortSignal.any([signal, stop.signal]))[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<ServerSentEvent>> | undefined;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        pending ??= events.next();
        const next = await orQuiet(pending);
        if (next === 'quiet') return controller.enqueue(encoder.encode(formatComment('waiting')));
        pending = undefined;
        if (next.done === true) return controller.close();
        controller.enqueue(encoder.encode(formatEvent(next.value)));
      } catch (error) {
        if (!signal.aborted && !stop.signal.aborted) controller.enqueue(encoder.encode(errorEvent(error)));
        controller.close();
      }
    },
    cancel() {
      stop.abort();
      // A source that is waiting ends by itself on the signal; its end interests nobody any more.
      pending?.catch(() => undefined);
    },
  });
}

async function orQuiet<T>(next: Promise<T>): Promise<T | 'quiet'> {
  let timer: NodeJS.Timeout | undefined;
  const quiet = new Promise<'quiet'>((resolve) => {
    timer = setTimeout(() => resolve('quiet'), KEEP_ALIVE_MS);
  });
  try {
    return await Promise.race([next, quiet]);
  } finally {
    clearTimeout(timer);
  }
}

function errorEvent(error: unknown): string {
  const known = LocalLiteError.from(error);
  return formatEvent({ event: 'error', data: JSON.stringify(openAiError(known, 'of this answer').body) });
}
