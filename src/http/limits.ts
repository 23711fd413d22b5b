/** Where a caller stands with its limit after a request. */
export interface RateState {
  readonly allowed: boolean;
  /** Requests a minute. */
  readonly limit: number;
  /** Whole requests that may follow at once. */
  readonly remaining: number;
  /** Seconds until the whole limit is there again, rounded up. */
  readonly resetSeconds: number;
  /** Seconds until one more request is allowed; 0 when it is now. */
  readonly retryAfterSeconds: number;
}

/** Counts requests by caller. */
export interface RateLimiter {
  /** Takes one request from the caller's bucket, if there is one. */
  take(caller: string, requestsPerMinute: number): RateState;
  /** Callers that are remembered now. */
  readonly size: number;
}

interface Bucket {
  tokens: number;
  updatedMs: number;
}

/**
 * Token buckets: a caller may spend a minute's worth at once and then gets it back evenly.
 * At most `maxCallers` are remembered; the one that was seen longest ago is forgotten first, which gives it a full bucket.
 * `now` is a monotonic clock in milliseconds.
 */
export function createRateLimiter(options: { readonly maxCallers?: number; readonly now?: () => number } = {}): RateLimiter {
  const { maxCallers = 10_000, now = () => performance.now() } = options;
  const buckets = new Map<string, Bucket>();

  function take(caller: string, requestsPerMinute: number): RateState {
    const bucket = refill(buckets.get(caller), requestsPerMinute, now());
    // What was earned in several parts may lack the last bit of a whole token.
    const allowed = bucket.tokens > 1 - 1e-9;
    if (allowed) bucket.tokens = Math.max(0, bucket.tokens - 1);
    // A Map keeps the order of insertion: putting the caller back makes it the youngest.
    buckets.delete(caller);
    buckets.set(caller, bucket);
    if (buckets.size > maxCallers) forgetOldest(buckets);
    return describe(bucket, requestsPerMinute, allowed);
  }

  return {
    take,
    get size() {
      return buckets.size;
    },
  };
}

function refill(bucket: Bucket | undefined, limit: number, nowMs: number): Bucket {
  if (bucket === undefined) return { tokens: limit, updatedMs: nowMs };
  const earned = ((nowMs - bucket.updatedMs) / 60_000) * limit;
  return { tokens: Math.min(limit, bucket.tokens + earned), updatedMs: nowMs };
}

function describe(bucket: Bucket, limit: number, allowed: boolean): RateState {
  const secondsFor = (tokens: number) => Math.max(0, Math.ceil((tokens * 60) / limit));
  return {
    allowed,
    limit,
    remaining: Math.floor(bucket.tokens),
    resetSeconds: secondsFor(limit - bucket.tokens),
    retryAfterSeconds: allowed ? 0 : Math.max(1, secondsFor(1 - bucket.tokens)),
  };
}

function forgetOldest(buckets: Map<string, Bucket>): void {
  const oldest = buckets.keys().next();
  if (!oldest.done) buckets.delete(oldest.value);
}

/** The headers that tell a caller its limit: `RateLimit-Limit`, `-Remaining`, `-Reset` (seconds). */
export function rateLimitHeaders(state: RateState): Readonly<Record<string, string>> {
  return {
    'ratelimit-limit': String(state.limit),
    'ratelimit-remaining': String(state.remaining),
    'ratelimit-reset': String(state.resetSeconds),
  };
}
