import { z } from 'zod';
import { ERROR_TABLE, type LocalLiteError } from '../errors.ts';
import { type ErrorAnswer, type ErrorShape, publicMessage, retryHeaders } from './error-shape.ts';

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
export interface OpenAiErrorAnswer extends ErrorAnswer {
  readonly body: OpenAiErrorBody;
}

/** How an error looks on OpenAI's wire; its message is {@link publicMessage}. */
export function openAiError(error: LocalLiteError, requestId: string): OpenAiErrorAnswer {
  const { status, wireType } = ERROR_TABLE[error.code];
  const body = { error: { message: publicMessage(error, requestId), type: wireType, param: error.param ?? null, code: error.code } };
  return { status, headers: retryHeaders(error, status), body };
}

/** The errors of every route that does not speak another wire. */
export const openAiErrors: ErrorShape = { name: 'OpenAiError', schema: openAiErrorSchema, answer: openAiError };
