import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LocalLiteError } from '../../src/errors.ts';
import { mayRetry, parseRetryAfter, retryDelayMs, wait } from '../../src/sdk/retry.ts';

describe('parseRetryAfter', () => {
  const now = Date.parse('2030-01-01T00:00:00Z');

  it('reads seconds', () => {
    expect(parseRetryAfter('0')).toBe(0);
    expect(parseRetryAfter(' 17 ')).toBe(17);
  });

  it('reads an HTTP date as the seconds until then', () => {
    expect(parseRetryAfter('Tue, 01 Jan 2030 00:00:30 GMT', now)).toBe(30);
  });

  it('takes a date in the past as now', () => {
    expect(parseRetryAfter('Mon, 31 Dec 2029 23:59:00 GMT', now)).toBe(0);
  });

  it('leaves alone what it cannot read', () => {
    for (const header of [null, '', 'soon', '-5', '12:30']) expect(parseRetryAfter(header, now)).toBeUndefined();
  });
});

describe('retryDelayMs', () => {
  it('waits a uniformly random part of a doubling, capped span', () => {
    expect([0, 1, 2, 3].map((attempt) => retryDelayMs(attempt, undefined, () => 1))).toEqual([250, 500, 1000, 2000]);
    expect(retryDelayMs(30, undefined, () => 1)).toBe(8000);
    expect(retryDelayMs(30, undefined, () => 0)).toBe(0);
  });

  it('never waits less than Retry-After asks for', () => {
    fc.assert(
      fc.property(fc.nat(20), fc.nat(60), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, seconds, random) => {
        const delay = retryDelayMs(attempt, seconds, () => random);
        expect(delay).toBeGreaterThanOrEqual(seconds * 1000);
        expect(delay).toBeLessThan(seconds * 1000 + 200.001);
      }),
    );
  });
});

describe('mayRetry', () => {
  const answer = (
    code: 'overloaded' | 'invalid_request' | 'provider_unavailable' | 'internal',
    status: number,
    retryAfterSeconds?: number,
  ) => ({
    error: new LocalLiteError(code, 'no', { status, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) }),
    neverSent: false,
  });
  const broken = (neverSent: boolean) => ({ error: new LocalLiteError('unreachable', 'no'), neverSent });

  it('tries again when the server says "not now"', () => {
    for (const status of [429, 502, 503, 504]) expect(mayRetry(answer('overloaded', status), false)).toBe(true);
  });

  it('does not try again what would fail again', () => {
    expect(mayRetry(answer('invalid_request', 400), true)).toBe(false);
    expect(mayRetry(answer('internal', 500), true)).toBe(false);
    expect(mayRetry(answer('provider_unavailable', 503), true)).toBe(false);
  });

  it('hands the error over rather than sleep for minutes', () => {
    expect(mayRetry(answer('overloaded', 503, 60), true)).toBe(true);
    expect(mayRetry(answer('overloaded', 503, 61), true)).toBe(false);
  });

  it('repeats a request that may have been carried out only when that is harmless', () => {
    expect(mayRetry(broken(true), false)).toBe(true);
    expect(mayRetry(broken(false), false)).toBe(false);
    expect(mayRetry(broken(false), true)).toBe(true);
    const late = { error: new LocalLiteError('timed_out', 'late'), neverSent: false };
    expect([mayRetry(late, false), mayRetry(late, true)]).toEqual([false, true]);
  });
});

describe('wait', () => {
  it('ends at once when the signal aborts, before or during', async () => {
    await wait(1e9, AbortSignal.abort());
    const abort = new AbortController();
    const waiting = wait(1e9, abort.signal);
    abort.abort();
    await waiting;
  });
});
