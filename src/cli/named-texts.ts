import { LocalLiteError } from '../errors.ts';

/** The gateway counts the texts of one request; the user counts all of them. */
export interface TextNames {
  /** The field that held the texts: `input[3]`. */
  readonly field: 'input' | 'documents';
  /** What one is called here. */
  readonly noun: string;
  /** Place of the request's first text among all of them. */
  readonly start: number;
  /** Options that help where a text is too long. */
  readonly hint: string;
}

/** An error about one text of a request, as one about that text of the user's. */
export function named(error: unknown, { field, noun, start, hint }: TextNames): unknown {
  const place = LocalLiteError.is(error) ? new RegExp(`^${field}\\[(\\d+)\\]`).exec(error.param ?? '') : null;
  if (!LocalLiteError.is(error) || place === null) return error;
  const advice = error.code === 'input_too_long' ? ` (here: ${hint})` : '';
  const message = error.message.replaceAll(place[0], `${noun} ${start + Number(place[1])}`) + advice;
  return new LocalLiteError(error.code, message, { param: 'text', cause: error });
}
