import { setTimeout as sleep } from 'node:timers/promises';
import { LocalLiteError } from '../../errors.ts';
import { SourceFailure } from './failure.ts';

/** How often and how patiently a transfer is tried again. */
export interface RetryPolicy {
  /** Further tries after the first. */
  readonly retries: number;
  /** First pause in milliseconds; doubles each time up to 20 s, with jitter. */
  readonly firstPauseMs?: number;
  /** Also try again where no connection was had at all. Off for the first word with a host, so that the next source is reached soon. */
  readonly retryUnreachable?: boolean;
}

const LONGEST_PAUSE_MS = 20_000;
/** Longest Retry-After that is waited for; a host that asks for more is left for the next source. */
const LONGEST_RETRY_AFTER_SECONDS = 60;

function mayRetry(error: unknown, policy: RetryPolicy): error is SourceFailure {
  if (!SourceFailure.isFailure(error) || !error.transient) return false;
  if ((error.retryAfterSeconds ?? 0) > LONGEST_RETRY_AFTER_SECONDS) return false;
  return error.kind !== 'unreachable' || policy.retryUnreachable === true;
}

function pauseOf(error: SourceFailure, attempt: number, policy: RetryPolicy): number {
  const backOff = Math.min(LONGEST_PAUSE_MS, (policy.firstPauseMs ?? 250) * 2 ** attempt);
  const jittered = backOff * (0.5 + Math.random() / 2);
  return Math.max(jittered, (error.retryAfterSeconds ?? 0) * 1000);
}

/** Waits, unless the signal is or becomes aborted: then throws `cancelled`. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch (error) {
    throw new LocalLiteError('cancelled', 'the pull was cancelled', { cause: error });
  }
}

/**
 * Runs `work` until it succeeds, fails for good, or has failed `retries` times in a row without progress.
 * `progressed` tells whether the last try moved anything; a transfer that crawls forward is not given up.
 */
export async function withRetries<T>(
  work: () => Promise<T>,
  policy: RetryPolicy,
  signal: AbortSignal,
  progressed: () => boolean = () => false,
): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const again = progressed() ? 0 : attempt;
      if (!mayRetry(error, policy) || again >= policy.retries) throw error;
      await pause(pauseOf(error, again, policy), signal);
      attempt = again;
    }
  }
}
