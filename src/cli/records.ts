import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { LocalLiteError } from '../errors.ts';
import type { Io } from './io.ts';
import { readLines } from './lines.ts';

/** A text to work on, and the fields that came with it on its JSON line. */
export interface TextRecord {
  readonly text: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** How lines are read: each a text, each a JSON object with a text in it, or what the first one looks like. */
export type LineFormat = 'auto' | 'text' | 'jsonl';

/** Where texts come from, the first that is given. */
export interface TextSource {
  readonly texts: readonly string[];
  /** Path, or `-` for the standard input. */
  readonly file: string | undefined;
  readonly format: LineFormat;
  /** Field of a JSON line that holds its text; absent: `text`. */
  readonly field?: string | undefined;
}

/**
 * Texts of the arguments, of a file, or of the standard input, one at a time. Blank lines are skipped.
 * @throws LocalLiteError invalid_request naming the line that cannot be read, or when there is nothing to read from
 */
export async function* readRecords(source: TextSource, io: Io): AsyncGenerator<TextRecord> {
  if (source.texts.length > 0) {
    if (source.file !== undefined) throw new LocalLiteError('invalid_request', 'give texts or --file, not both', { param: 'file' });
    for (const text of source.texts) yield { text, fields: {} };
    return;
  }
  let format = source.format;
  for await (const { text, number } of readLines(openInput(source.file, io))) {
    if (text.trim() === '') continue;
    if (format === 'auto') format = text.trimStart().startsWith('{') ? 'jsonl' : 'text';
    yield format === 'jsonl' ? parseRecord(text, number, source.field ?? 'text') : { text, fields: {} };
  }
}

async function* openInput(file: string | undefined, io: Io): AsyncGenerator<Buffer | string> {
  if (file === undefined && io.terminal.input) {
    throw new LocalLiteError('invalid_request', 'no text: give it as an argument, with --file, or on the standard input');
  }
  if (file === undefined || file === '-') yield* io.input.iterator({ destroyOnReturn: false });
  else yield* openFile(resolve(io.folder, file), io.signal);
}

async function* openFile(path: string, signal: AbortSignal): AsyncGenerator<Buffer | string> {
  try {
    yield* createReadStream(path, { signal });
  } catch (cause) {
    if (signal.aborted || LocalLiteError.is(cause)) throw cause;
    throw new LocalLiteError('invalid_request', `${path} cannot be read (${cause instanceof Error ? cause.message : cause})`, {
      param: 'file',
      cause,
    });
  }
}

function parseRecord(line: string, number: number, field: string): TextRecord {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new LocalLiteError('invalid_request', `line ${number} is not JSON; with --format text lines are taken as they are`, { cause });
  }
  const fields = typeof value === 'object' && value !== null ? { ...value } : {};
  const text: unknown = Object.hasOwn(fields, field) ? Reflect.get(fields, field) : undefined;
  if (typeof text === 'string') return { text, fields };
  throw new LocalLiteError(
    'invalid_request',
    `line ${number}: expected an object with a ${JSON.stringify(field)} that is a string, like {${JSON.stringify(field)}: "…"}`,
  );
}
