/** Every way in which LocalLite refuses or fails. Nobody but {@link ERROR_TABLE} picks a status code. */
export type ErrorCode =
  | 'invalid_request'
  | 'invalid_config'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'request_timeout'
  | 'payload_too_large'
  | 'unsupported_media_type'
  | 'rate_limited'
  | 'model_not_found'
  | 'model_wrong_task'
  | 'model_unsupported'
  | 'model_load_failed'
  | 'model_fetch_failed'
  | 'model_in_use'
  | 'insufficient_memory'
  | 'store_corrupt'
  | 'disk_full'
  | 'offline'
  | 'job_not_found'
  | 'conflict'
  | 'input_too_long'
  | 'index_mismatch'
  | 'document_unreadable'
  | 'document_encrypted'
  | 'document_too_large'
  | 'document_unsupported'
  | 'overloaded'
  | 'cancelled'
  | 'timed_out'
  | 'provider_unavailable'
  | 'inference_failed'
  | 'worker_crashed'
  | 'shutting_down'
  | 'unreachable'
  | 'internal';

/** What a code means to a client: HTTP status, OpenAI's `error.type`, and whether the same call may succeed later. */
export interface ErrorKind {
  readonly status: number;
  readonly wireType: string;
  readonly retryable: boolean;
}

const kind = (status: number, wireType: string, retryable = false): ErrorKind => ({ status, wireType, retryable });

/** Default status, wire type and retryability of each code; a wire format may map a code to its own manners. */
export const ERROR_TABLE: Readonly<Record<ErrorCode, ErrorKind>> = {
  invalid_request: kind(400, 'invalid_request_error'),
  invalid_config: kind(500, 'server_error'),
  unauthorized: kind(401, 'authentication_error'),
  forbidden: kind(403, 'permission_error'),
  not_found: kind(404, 'invalid_request_error'),
  method_not_allowed: kind(405, 'invalid_request_error'),
  request_timeout: kind(408, 'invalid_request_error', true),
  payload_too_large: kind(413, 'invalid_request_error'),
  unsupported_media_type: kind(415, 'invalid_request_error'),
  rate_limited: kind(429, 'rate_limit_error', true),
  model_not_found: kind(404, 'invalid_request_error'),
  model_wrong_task: kind(400, 'invalid_request_error'),
  model_unsupported: kind(400, 'invalid_request_error'),
  model_load_failed: kind(503, 'server_error'),
  model_fetch_failed: kind(502, 'server_error', true),
  model_in_use: kind(409, 'invalid_request_error', true),
  insufficient_memory: kind(507, 'server_error'),
  store_corrupt: kind(500, 'server_error'),
  disk_full: kind(507, 'server_error'),
  offline: kind(403, 'permission_error'),
  job_not_found: kind(404, 'invalid_request_error'),
  conflict: kind(409, 'invalid_request_error'),
  input_too_long: kind(400, 'invalid_request_error'),
  index_mismatch: kind(409, 'invalid_request_error'),
  document_unreadable: kind(422, 'invalid_request_error'),
  document_encrypted: kind(422, 'invalid_request_error'),
  document_too_large: kind(413, 'invalid_request_error'),
  document_unsupported: kind(415, 'invalid_request_error'),
  overloaded: kind(429, 'rate_limit_error', true),
  cancelled: kind(499, 'invalid_request_error'),
  timed_out: kind(504, 'server_error', true),
  provider_unavailable: kind(503, 'server_error'),
  inference_failed: kind(500, 'server_error'),
  worker_crashed: kind(503, 'server_error', true),
  shutting_down: kind(503, 'server_error', true),
  unreachable: kind(502, 'server_error', true),
  internal: kind(500, 'server_error'),
};

/**
 * Optional facts about an error: the request field at fault, seconds after which a retry makes sense, the cause;
 * for an error that a client read from an answer also its HTTP status and request id.
 */
export interface ErrorDetails {
  readonly param?: string;
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
  readonly status?: number;
  readonly requestId?: string;
}

const BRAND = Symbol.for('locallite.error');

/** The one error class of LocalLite. Recognise it with {@link LocalLiteError.is}, which survives two copies of the package. */
export class LocalLiteError extends Error {
  override readonly name = 'LocalLiteError';
  readonly code: ErrorCode;
  readonly param: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  /** HTTP status of the answer it was read from; undefined where nothing was answered. */
  readonly status: number | undefined;
  /** `X-Request-Id` of that answer, to find the request in the server's log. */
  readonly requestId: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.param = details.param;
    this.retryAfterSeconds = details.retryAfterSeconds;
    this.status = details.status;
    this.requestId = details.requestId;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** True for an error of any copy of this class. */
  static is(value: unknown): value is LocalLiteError {
    return typeof value === 'object' && value !== null && BRAND in value;
  }

  /** Returns `value` if it already is ours, otherwise wraps it under `code` and keeps it as the cause. */
  static from(value: unknown, code: ErrorCode = 'internal'): LocalLiteError {
    if (LocalLiteError.is(value)) return value;
    if (value instanceof Error && value.name === 'AbortError') {
      return new LocalLiteError('cancelled', 'the caller gave up before the answer was ready', { cause: value });
    }
    return new LocalLiteError(code, value instanceof Error ? value.message : String(value), { cause: value });
  }
}
