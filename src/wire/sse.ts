/*
 * Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html
 * Runs in Node and in browsers and imports no schema, so that the SDK stays small.
 */

import { LocalLiteError } from '../errors.ts';

/** One event: `data` may have several lines; `event` is absent for the default type. */
export interface ServerSentEvent {
  readonly event?: string;
  readonly data: string;
  readonly id?: string;
}

// No event of ours comes near; a server that never ends a line must not fill the memory.
const MAX_EVENT_CHARACTERS = 16 * 1024 * 1024;
const LINE_END = /\r\n|\r|\n/;

/** Text of one event, ready to be written. */
export function formatEvent(event: ServerSentEvent): string {
  let text = '';
  if (event.event !== undefined) text += `event: ${oneLine(event.event)}\n`;
  if (event.id !== undefined) text += `id: ${oneLine(event.id)}\n`;
  for (const line of event.data.split(LINE_END)) text += `data: ${line}\n`;
  return `${text}\n`;
}

/** A line that clients skip; keeps proxies from closing a quiet stream. */
export function formatComment(comment: string): string {
  return `: ${oneLine(comment)}\n\n`;
}

/**
 * Events of a byte stream, e.g. of a `fetch` answer's body. Lines may end in LF, CR or CRLF and chunks may be cut anywhere, also
 * inside a character. An event that the stream ends in the middle of is dropped, as the standard says.
 * @throws LocalLiteError payload_too_large when an event exceeds 16 Mi characters.
 */
export async function* parseEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  const fields = new EventFields();
  let rest = '';
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    // A CR at the end may be the first half of a CRLF.
    const whole = rest.endsWith('\r') ? rest.slice(0, -1) : rest;
    const lines = whole.split(LINE_END);
    rest = (lines.pop() ?? '') + rest.slice(whole.length);
    if (rest.length > MAX_EVENT_CHARACTERS) throw tooLarge();
    for (const line of lines) {
      const event = fields.take(line);
      if (event !== undefined) yield event;
    }
  }
  const last = rest.endsWith('\r') ? fields.take(rest.slice(0, -1)) : undefined;
  if (last !== undefined) yield last;
}

class EventFields {
  #type: string | undefined;
  #id: string | undefined;
  #data: string[] = [];
  #size = 0;

  /** Takes one line in; returns the event that an empty line ends. */
  take(line: string): ServerSentEvent | undefined {
    if (line === '') return this.#finish();
    const colon = line.indexOf(':');
    if (colon === 0) return undefined;
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (name === 'event') this.#type = value;
    if (name === 'id' && !value.includes('\0')) this.#id = value;
    if (name === 'data') this.#add(value);
    return undefined;
  }

  #add(value: string): void {
    this.#size += value.length;
    if (this.#size > MAX_EVENT_CHARACTERS) throw tooLarge();
    this.#data.push(value);
  }

  #finish(): ServerSentEvent | undefined {
    const event =
      this.#data.length === 0
        ? undefined
        : {
            ...(this.#type === undefined || this.#type === '' ? {} : { event: this.#type }),
            ...(this.#id === undefined ? {} : { id: this.#id }),
            data: this.#data.join('\n'),
          };
    this.#type = undefined;
    this.#data = [];
    this.#size = 0;
    return event;
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n\0]/g, ' ');
}

function tooLarge(): LocalLiteError {
  return new LocalLiteError('payload_too_large', 'a server-sent event is larger than 16 Mi characters');
}
