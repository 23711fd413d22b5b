import { z } from 'zod';
import { ERROR_TABLE, type LocalLiteError } from '../errors.ts';

/** OpenAI's error body. `code` is a {@link ErrorCode}; `param` names the field at fault, e.g. `input[3]`. */
export const openAiErrorSchema = z
  .strictObject({
    error: z.strictObject({
      message: z.string(),
      type: z.string().meta({ description: 'Kind of error, e.g. invalid_request_error.' }),
      param: z.string().nullable().meta({ description: 'The field at fault, where there is one.' }),
      code: z.enum(Object.keys(ERROR_TABLE)).meta({ description: 'What went wrong, for programs.' }),
    }),
  })
  .meta({ description: "An error in OpenAI's shape." });
export type OpenAiErrorBody = z.infer<typeof openAiErrorSchema>;

/** Status, headers and body that OpenAI's wire has for an error. */
export interface OpenAiErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: OpenAiErrorBody;
}

/**
 * How an error looks on OpenAI's wire. What went wrong inside us is not told beyond the request id: its message may hold paths or texts.
 * Retry-After is whole seconds, at least 1, on every 429 and 503.
 */
export function openAiError(error: LocalLiteError, requestId: string): OpenAiErrorAnswer {
  const { status, wireType } = ERROR_TABLE[error.code];
  const message = error.code === 'internal' ? `LocalLite made a mistake; the log tells more under request id ${requestId}` : error.message;
  const body = { error: { message, type: wireType, param: error.param ?? null, code: error.code } };
  return { status, headers: retryHeaders(error, status), body };
}

function retryHeaders(error: LocalLiteError, status: number): Readonly<Record<string, string>> {
  if (error.retryAfterSeconds === undefined && status !== 429 && status !== 503) return {};
  return { 'retry-after': String(Math.max(1, Math.ceil(error.retryAfterSeconds ?? 1))) };
}
