import type { z } from 'zod';
import type { LocalLiteError } from '../errors.ts';

/** Status, headers and JSON body that a wire has for an error. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}

/** How errors look on one wire: each keeps its own manners, so that its clients understand what went wrong. */
export interface ErrorShape {
  /** Name of the body's schema in the OpenAPI document. */
  readonly name: string;
  readonly schema: z.ZodType;
  answer(error: LocalLiteError, requestId: string): ErrorAnswer;
}

/** What a client may read of an error. What went wrong inside us is not told beyond the request id: its message may hold paths or texts. */
export function publicMessage(error: LocalLiteError, requestId: string): string {
  return error.code === 'internal' ? `LocalLite made a mistake; the log tells more under request id ${requestId}` : error.message;
}

/** Retry-After in whole seconds, at least 1: on every 429 and 503, and wherever the error says when. */
export function retryHeaders(error: LocalLiteError, status: number): Readonly<Record<string, string>> {
  if (error.retryAfterSeconds === undefined && status !== 429 && status !== 503) return {};
  return { 'retry-after': String(Math.max(1, Math.ceil(error.retryAfterSeconds ?? 1))) };
}
