import { ERROR_TABLE, type LocalLiteError } from '../errors.ts';

/** Longest wait, in milliseconds, that a `Retry-After` may ask for; beyond it the error is handed to the caller at once. */
const LONGEST_WAIT_MS = 60_000;

const FIRST_WAIT_MS = 250;
const WAIT_CAP_MS = 8_000;
/** Spread over callers that were all told the same second. */
const SPREAD_MS = 200;

const RETRIED_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/**
 * Seconds that a `Retry-After` header asks for (RFC 9110, section 10.2.3): a number of seconds or an HTTP date.
 * A date in the past means 0; anything else that cannot be read means undefined.
 */
export function parseRetryAfter(header: string | null, nowMs: number = Date.now()): number | undefined {
  const value = header?.trim();
  if (!value) return undefined;
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value);
  const date = /[a-z]/i.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, (date - nowMs) / 1000);
}

/**
 * Milliseconds to wait before the next try; `attempt` counts from 0.
 * With `retryAfterSeconds` at least that long, otherwise full jitter: uniform in [0, min(cap, first * 2^attempt)).
 * `random` returns a number in [0, 1).
 */
export function retryDelayMs(attempt: number, retryAfterSeconds: number | undefined, random: () => number = Math.random): number {
  if (retryAfterSeconds !== undefined) return retryAfterSeconds * 1000 + (retryAfterSeconds > 0 ? random() * SPREAD_MS : 0);
  return random() * Math.min(WAIT_CAP_MS, FIRST_WAIT_MS * 2 ** attempt);
}

/** How a try failed, as far as a decision about the next one needs it. */
export interface Failure {
  readonly error: LocalLiteError;
  /** True when the request certainly never reached a server (connection refused, name not resolved for now). */
  readonly neverSent: boolean;
}

/**
 * Whether the same call may be tried again. Answers that say "not now" are (429, 502, 503, 504, unless the error's code says that
 * trying again cannot help), and so is a request that never reached the server; one that broke off on its way or timed out only when
 * it is `repeatable`, that is when doing it twice is the same as doing it once.
 */
export function mayRetry(failure: Failure, repeatable: boolean): boolean {
  const { error, neverSent } = failure;
  if ((error.retryAfterSeconds ?? 0) * 1000 > LONGEST_WAIT_MS) return false;
  if (error.status !== undefined) return RETRIED_STATUSES.has(error.status) && ERROR_TABLE[error.code].retryable;
  if (error.code === 'unreachable') return neverSent || repeatable;
  return error.code === 'timed_out' && repeatable;
}

/** Waits `ms` milliseconds; returns early, without an error, when `signal` aborts. Leaves no timer and no listener behind. */
export function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}
