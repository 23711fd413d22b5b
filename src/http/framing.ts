import type { LocalLiteError } from '../errors.ts';
import { publicMessage } from '../wire/error-shape.ts';
import { openAiError } from '../wire/openai-error.ts';
import { formatComment, formatEvent, type ServerSentEvent } from '../wire/sse.ts';

/** How a stream of values is written, its errors and its pauses included. */
export interface Framing<T> {
  value(value: T): string;
  /** What is sent when nothing has happened for a while, so that nobody on the way takes the connection for dead. */
  quiet(): string;
  error(error: LocalLiteError): string;
}

/** Errors in the middle of a stream have no request id to be found by; the answer's headers have it. */
const REQUEST_ID = 'of this answer';

/** Server-sent events: an error is an event of that name, a pause a comment. */
export function frameEvents(): Framing<ServerSentEvent> {
  return {
    value: formatEvent,
    quiet: () => formatComment('waiting'),
    error: (error) => formatEvent({ event: 'error', data: JSON.stringify(openAiError(error, REQUEST_ID).body) }),
  };
}

/**
 * One JSON object a line (NDJSON): an error is an object with `error`. There are no comments, and clients stumble over empty lines, so
 * a pause repeats the last line, or is a blank before the first.
 */
export function frameLines(): Framing<object> {
  let last = ' ';
  return {
    value: (value) => {
      last = `${JSON.stringify(value)}\n`;
      return last;
    },
    quiet: () => last,
    error: (error) => `${JSON.stringify({ error: publicMessage(error, REQUEST_ID) })}\n`,
  };
}
