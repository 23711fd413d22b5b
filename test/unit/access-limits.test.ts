import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findJsonFault } from '../../src/http/json-position.ts';
import { createRateLimiter, rateLimitHeaders } from '../../src/http/limits.ts';

describe('the rate limiter', () => {
  it('lets a minute’s worth through at once, then one whenever its share of a minute is over', () => {
    let now = 0;
    const limiter = createRateLimiter({ now: () => now });
    expect(Array.from({ length: 4 }, () => limiter.take('a', 3).allowed)).toEqual([true, true, true, false]);
    now = 19_999;
    expect(limiter.take('a', 3)).toMatchObject({ allowed: false, retryAfterSeconds: 1 });
    now = 20_000;
    expect(limiter.take('a', 3)).toMatchObject({ allowed: true, remaining: 0, resetSeconds: 60 });
  });

  it('says when to come back, and that is enough', () => {
    let now = 0;
    const limiter = createRateLimiter({ now: () => now });
    for (const perMinute of [1, 7, 60, 1000]) {
      const caller = `caller ${perMinute}`;
      let state = limiter.take(caller, perMinute);
      while (state.allowed) state = limiter.take(caller, perMinute);
      now += state.retryAfterSeconds * 1000;
      expect(limiter.take(caller, perMinute).allowed).toBe(true);
    }
  });

  it('counts each caller by itself and never exceeds the limit after a pause', () => {
    let now = 0;
    const limiter = createRateLimiter({ now: () => now });
    limiter.take('a', 2);
    expect(limiter.take('b', 2).remaining).toBe(1);
    now = 3_600_000;
    expect(limiter.take('a', 2).remaining).toBe(1);
  });

  it('remembers a bounded number of callers, and forgets the one seen longest ago', () => {
    const limiter = createRateLimiter({ maxCallers: 3, now: () => 0 });
    for (const caller of ['a', 'b', 'c']) limiter.take(caller, 1);
    limiter.take('a', 1);
    limiter.take('d', 1);
    expect(limiter.size).toBe(3);
    expect(limiter.take('a', 1).allowed).toBe(false);
    expect(limiter.take('b', 1).allowed).toBe(true);
    for (let index = 0; index < 1000; index += 1) limiter.take(`flood ${index}`, 1);
    expect(limiter.size).toBe(3);
  });

  it('writes the headers', () => {
    expect(rateLimitHeaders(createRateLimiter({ now: () => 0 }).take('a', 60))).toEqual({
      'ratelimit-limit': '60',
      'ratelimit-remaining': '59',
      'ratelimit-reset': '1',
    });
  });
});

describe('the place of a JSON fault', () => {
  it.each([
    ['{"a": x}', 1, 7, 'expected a JSON value'],
    ['{\n  "a": 1,\n}', 3, 1, 'expected a property name'],
    ['[1, 2', 1, 6, 'ends before'],
    ['[1 2]', 1, 4, "expected ',' or ']'"],
    ['{"a" 1}', 1, 6, "expected ':'"],
    ['{} {}', 1, 4, 'after the end'],
    ['"abc', 1, 5, 'inside a string'],
    ['"a\nb"', 1, 3, 'control character'],
    ['"\\x"', 1, 2, 'escape'],
    ['', 1, 1, 'ends before'],
    ['{a: 1}', 1, 2, 'double quotes'],
    ["['a']", 1, 2, 'expected a JSON value'],
  ])('%j', (text, line, column, problem) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(findJsonFault(text)).toMatchObject({ line, column, problem: expect.stringContaining(problem) });
  });

  it('finds a fault exactly where JSON.parse refuses', () => {
    const damaged = fc
      .tuple(
        fc.json({ maxDepth: 3 }),
        fc.nat(),
        fc.constantFrom('', '"', ',', ':', '}', ']', '\\', '\u0001', '\u0085', '0', '-', '.', 'e', 't'),
      )
      .map(([text, at, piece]) => text.slice(0, at % (text.length + 1)) + piece + text.slice((at % (text.length + 1)) + 1));
    fc.assert(
      fc.property(fc.oneof(damaged, fc.json(), fc.string()), (text) => {
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        expect(findJsonFault(text) === undefined).toBe(valid);
      }),
      { numRuns: 3000 },
    );
  });

  it('stands a million open brackets and a long string', () => {
    expect(findJsonFault('['.repeat(1_000_000))).toMatchObject({ column: 1_000_001 });
    expect(findJsonFault(`"${'\\n\u0085a'.repeat(500_000)}`)?.problem).toContain('inside a string');
  });
});
