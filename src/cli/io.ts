import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { styleText } from 'node:util';
import type { Environment } from '../config/environment.ts';

/** Where a command reads and writes, and what it may assume of the other side. Handed down, so that tests can stand in for a terminal. */
export interface Io {
  readonly input: Readable;
  readonly out: Writable;
  readonly err: Writable;
  /** True where a person sits on the other side. */
  readonly terminal: { readonly input: boolean; readonly out: boolean; readonly err: boolean };
  /** Columns of the terminal. */
  readonly width: number;
  readonly env: Environment;
  /** Working folder. */
  readonly folder: string;
  /** Aborts on Ctrl-C, on a signal to stop, and when nobody reads the output any more. */
  readonly signal: AbortSignal;
}

/** Styles of text; plain ones where the output is no terminal or `NO_COLOR` is set (https://no-color.org). */
export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan';

/** Whether text on that side may carry colour. */
export function hasColor(io: Io, side: 'out' | 'err'): boolean {
  return io.terminal[side] && !io.env['NO_COLOR'] && io.env['TERM'] !== 'dumb';
}

/** `text` in a style, where the output shows it. */
export function styled(io: Io, style: Style, text: string, side: 'out' | 'err' = 'out'): string {
  // Whether the output shows colour is known here, and Node would ask the standard output instead of the side that is meant.
  return hasColor(io, side) ? styleText(style, text, { validateStream: false }) : text;
}

/** Writes a result. Waits while the reader is slower, so that output never piles up in memory. */
export function print(io: Io, text: string): Promise<void> {
  return write(io.out, `${text}\n`, io.signal);
}

/** Writes a value as JSON on one line. */
export function printJson(io: Io, value: unknown): Promise<void> {
  return print(io, JSON.stringify(value));
}

/** Says something about the work that is not its result: on the error output, so that results can be piped on. */
export function note(io: Io, text: string): Promise<void> {
  return write(io.err, `${text}\n`, io.signal);
}

async function write(stream: Writable, text: string, signal: AbortSignal): Promise<void> {
  if (stream.destroyed || stream.write(text)) return;
  // Nobody drains a pipe that was closed; the signal ends the waiting then.
  await once(stream, 'drain', { signal });
}
