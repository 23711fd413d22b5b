import { z } from 'zod';
import { type ErrorCode, LocalLiteError } from '../errors.ts';
import { type ErrorShape, publicMessage, retryHeaders } from './error-shape.ts';

/** Kinds of errors that TEI (Text Embeddings Inference) has. */
const TEI_ERROR_TYPES = ['Unhealthy', 'Backend', 'Overloaded', 'Validation', 'Tokenizer', 'Empty'] as const;
type TeiErrorType = (typeof TEI_ERROR_TYPES)[number];

/** TEI's error body. */
export const teiErrorSchema = z
  .strictObject({ error: z.string(), error_type: z.enum(TEI_ERROR_TYPES) })
  .meta({ description: "An error in TEI's shape." });

interface TeiKind {
  readonly status: number;
  readonly type: TeiErrorType;
}

const kind = (status: number, type: TeiErrorType): TeiKind => ({ status, type });
const invalid = kind(422, 'Validation');
const failed = kind(424, 'Backend');

/**
 * What TEI answers to each kind of failure (its OpenAPI document): 422 for what is wrong with a request, 424 for a model that cannot.
 * 503 is left to a gateway that is going away: Hugging Face's JavaScript client repeats a request that met it at once and for ever.
 */
const KINDS: Readonly<Record<ErrorCode, TeiKind>> = {
  invalid_request: invalid,
  invalid_config: kind(500, 'Backend'),
  unauthorized: kind(401, 'Validation'),
  forbidden: kind(403, 'Validation'),
  not_found: kind(404, 'Validation'),
  method_not_allowed: kind(405, 'Validation'),
  request_timeout: kind(408, 'Validation'),
  payload_too_large: kind(413, 'Validation'),
  unsupported_media_type: kind(415, 'Validation'),
  rate_limited: kind(429, 'Overloaded'),
  model_not_found: failed,
  model_wrong_task: failed,
  model_unsupported: failed,
  model_load_failed: failed,
  model_fetch_failed: failed,
  model_in_use: failed,
  insufficient_memory: failed,
  store_corrupt: failed,
  disk_full: failed,
  offline: failed,
  job_not_found: kind(404, 'Validation'),
  conflict: kind(409, 'Validation'),
  input_too_long: invalid,
  index_mismatch: kind(409, 'Validation'),
  document_unreadable: invalid,
  document_encrypted: invalid,
  document_too_large: kind(413, 'Validation'),
  document_unsupported: kind(415, 'Validation'),
  overloaded: kind(429, 'Overloaded'),
  cancelled: kind(499, 'Backend'),
  timed_out: failed,
  provider_unavailable: failed,
  inference_failed: failed,
  worker_crashed: failed,
  shutting_down: kind(503, 'Unhealthy'),
  unreachable: failed,
  internal: kind(500, 'Backend'),
};

/** Errors that TEI tells apart from other invalid requests. */
const SPECIAL = {
  empty: kind(400, 'Empty'),
  too_many: kind(413, 'Validation'),
  tokenizer: kind(422, 'Tokenizer'),
  unhealthy: kind(503, 'Unhealthy'),
} as const;

/** An invalid request as TEI names it: no input at all, too many inputs, ids that no tokenizer knows, or a gateway that is not ready. */
export function teiError(special: keyof typeof SPECIAL, message: string): LocalLiteError {
  return new LocalLiteError('invalid_request', message, { cause: SPECIAL[special] });
}

/** Errors of the routes that speak TEI's wire. */
export const teiErrors: ErrorShape = {
  name: 'TeiError',
  schema: teiErrorSchema,
  answer(error, requestId) {
    const { status, type } = Object.values(SPECIAL).find((special) => special === error.cause) ?? KINDS[error.code];
    return { status, headers: retryHeaders(error, status), body: { error: publicMessage(error, requestId), error_type: type } };
  },
};
