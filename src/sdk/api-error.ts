import { ERROR_TABLE, type ErrorCode, LocalLiteError } from '../errors.ts';
import { parseRetryAfter } from './retry.ts';

const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  409: 'conflict',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
  422: 'invalid_request',
  429: 'rate_limited',
  499: 'cancelled',
  502: 'unreachable',
  503: 'overloaded',
  504: 'timed_out',
  507: 'disk_full',
};

/** True for a code of {@link ERROR_TABLE}. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERROR_TABLE, code);
}

/** The error that an answer of status 400 and above stands for; `body` is its text, ideally `{"error": {"message", "code", "param"}}`. */
export function errorFromAnswer(response: Response, body: string): LocalLiteError {
  const told = readError(body);
  const requestId = response.headers.get('x-request-id');
  const retryAfterSeconds = parseRetryAfter(response.headers.get('retry-after'));
  const code = isErrorCode(told.code)
    ? told.code
    : (CODE_OF_STATUS[response.status] ?? (response.status < 500 ? 'invalid_request' : 'internal'));
  return new LocalLiteError(code, told.message ?? `the server answered ${response.status} without an explanation`, {
    status: response.status,
    ...(typeof told.param === 'string' && { param: told.param }),
    ...(requestId !== null && { requestId }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
}

function readError(body: string): { message?: string; code?: unknown; param?: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return shortText(body);
  }
  const error = isObject(value) ? value['error'] : undefined;
  if (typeof error === 'string') return { message: error };
  if (!isObject(error)) return shortText(body);
  return { ...(typeof error['message'] === 'string' && { message: error['message'] }), code: error['code'], param: error['param'] };
}

/** A proxy's plain-text answer is worth showing, its HTML page is not. */
function shortText(body: string): { message?: string } {
  const text = body.trim();
  return text !== '' && text.length <= 300 && !text.startsWith('<') ? { message: text } : {};
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

const NEVER_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'ConnectionRefused',
]);

/** The error that a rejected `fetch` stands for, and whether the request certainly never left. Browsers do not tell, so there it is false. */
export function errorFromFetch(cause: unknown, url: string): { error: LocalLiteError; neverSent: boolean } {
  const code = codeOf(cause);
  const reason = code ?? (cause instanceof Error ? cause.message : String(cause));
  const message = `no answer from ${new URL(url).origin} (${reason}); is the gateway running there? Start it with: locallite serve, or give its address as baseUrl`;
  return { error: new LocalLiteError('unreachable', message, { cause }), neverSent: code !== undefined && NEVER_SENT.has(code) };
}

/** The system's code of a failed connection, which Node keeps on the cause of a `TypeError`. */
function codeOf(error: unknown): string | undefined {
  for (let at: unknown = error, depth = 0; isObject(at) && depth < 4; at = at['cause'], depth++) {
    if (typeof at['code'] === 'string') return at['code'];
  }
  return undefined;
}
