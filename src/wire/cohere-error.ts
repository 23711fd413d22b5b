import { z } from 'zod';
import { ERROR_TABLE } from '../errors.ts';
import { type ErrorShape, publicMessage, retryHeaders } from './error-shape.ts';

/** Cohere's error body. */
export const cohereErrorSchema = z.strictObject({ message: z.string() }).meta({ description: "An error in Cohere's shape." });

/** Errors of the routes that speak Cohere's wire: a message beside the same statuses as elsewhere, which are those that Cohere has. */
export const cohereErrors: ErrorShape = {
  name: 'CohereError',
  schema: cohereErrorSchema,
  answer(error, requestId) {
    const { status } = ERROR_TABLE[error.code];
    return { status, headers: retryHeaders(error, status), body: { message: publicMessage(error, requestId) } };
  },
};
