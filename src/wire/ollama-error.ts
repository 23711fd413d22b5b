import { z } from 'zod';
import { ERROR_TABLE, type ErrorCode, type LocalLiteError } from '../errors.ts';
import { type ErrorShape, publicMessage, retryHeaders } from './error-shape.ts';

/** Ollama's error body. */
export const ollamaErrorSchema = z.strictObject({ error: z.string() }).meta({ description: "An error in Ollama's shape." });

/** Where Ollama's status differs from ours. */
const STATUSES: Partial<Readonly<Record<ErrorCode, number>>> = { overloaded: 503 };

/** What Ollama's wire says of an error. Its clients look for the words "not found" to know that a model must be pulled first. */
export function ollamaMessage(error: LocalLiteError, requestId: string): string {
  const message = publicMessage(error, requestId);
  return error.code === 'model_not_found' && !message.includes('not found') ? `model not found: ${message}` : message;
}

/** Errors of the routes that speak Ollama's wire. */
export const ollamaErrors: ErrorShape = {
  name: 'OllamaError',
  schema: ollamaErrorSchema,
  answer(error, requestId) {
    const status = STATUSES[error.code] ?? ERROR_TABLE[error.code].status;
    return { status, headers: retryHeaders(error, status), body: { error: ollamaMessage(error, requestId) } };
  },
};
