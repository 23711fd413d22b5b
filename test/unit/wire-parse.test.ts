import { expect, test } from 'vitest';
import { z } from 'zod';
import { LocalLiteError } from '../../src/errors.ts';
import { durationSeconds } from '../../src/wire/duration.ts';
import { embeddingsText } from '../../src/wire/embeddings-text.ts';
import { acceptedWithoutEffect, honoured, refused } from '../../src/wire/fields.ts';
import { formatPath, parseBody, parseQuery } from '../../src/wire/parse.ts';

const schema = z.strictObject({ size: z.int().max(9).optional(), tag: z.string().optional() });
const fields = { size: honoured('locallite', ''), tag: acceptedWithoutEffect('locallite', ''), old: refused('other', 'use "size"') };

function refusalOf(body: unknown): unknown {
  try {
    return parseBody(schema, fields, body, 'refuse');
  } catch (error) {
    return LocalLiteError.is(error) ? [error.param, error.message] : error;
  }
}

test('fields are sorted by their class', () => {
  expect(parseBody(schema, fields, { size: 3, tag: 'x' }, 'refuse')).toEqual({ value: { size: 3, tag: 'x' }, ignored: ['tag'] });
  expect(parseBody(schema, fields, { size: null, tag: null }, 'refuse')).toEqual({ value: {}, ignored: [] });
  expect(parseBody(schema, fields, { other: 1, size: 2 }, 'warn')).toEqual({ value: { size: 2 }, ignored: ['other'] });
});

test.each([
  [{ other: 1 }, ['other', 'unknown field "other"; this route knows size, tag']],
  [{ constructor: 1 }, ['constructor', 'unknown field "constructor"; this route knows size, tag']],
  [{ old: 1 }, ['old', 'the field "old" is not supported: use "size"']],
  [{ size: 10 }, ['size', 'size: must be at most 9']],
  [{ size: [] }, ['size', 'size: must be a number, not an array']],
  [undefined, [undefined, 'the request body must be a JSON object, not null']],
  [true, [undefined, 'the request body must be a JSON object, not a boolean']],
])('%j', (body, expected) => {
  expect(refusalOf(body)).toEqual(expected);
});

test('a long name is shortened in the message, not in param', () => {
  const name = 'x'.repeat(200);
  expect(refusalOf({ [name]: 1 })).toEqual([name, `unknown field "${'x'.repeat(77)}..."; this route knows size, tag`]);
});

test('a route without parameters says so', () => {
  expect(() => parseQuery(z.strictObject({}), {}, new URLSearchParams('a=1'), 'refuse')).toThrow(
    'unknown query parameter "a"; this route takes none',
  );
  expect(parseQuery(z.strictObject({}), {}, new URLSearchParams('a=1'), 'warn')).toEqual({ value: {}, ignored: ['a'] });
});

test('paths', () => {
  expect(formatPath(['input', 3, 'text'])).toBe('input[3].text');
  expect(formatPath([])).toBe('');
});

test.each([
  [30, 30],
  [-1, -1],
  ['30', 30],
  ['-1', -1],
  ['250ms', 0.25],
  ['5 m', 300],
  ['1.5h', 5400],
  ['soon', undefined],
  ['5d', undefined],
  ['', undefined],
])('%j is %s seconds', (duration, seconds) => {
  expect(durationSeconds(duration)).toBe(seconds);
});

test('slices of an embeddings answer: small ones are one, large ones several, and joined they are valid JSON', () => {
  const answer = (count: number, format: 'float' | 'base64') => ({
    model: 'm',
    format,
    vectors: Array.from({ length: count }, (_unused, index) => new Float32Array(384).fill(index / 7)),
    promptTokens: 1,
    extension: {
      model: 'm',
      space: 's',
      variant: 'v',
      provider: 'cpu',
      truncated_tokens: [],
      ignored: [],
      timings: { tokenize_ms: 0, queue_ms: 0, infer_ms: 0, total_ms: 0 },
    },
  });
  expect([...embeddingsText(answer(1, 'float'))]).toHaveLength(1);
  expect([...embeddingsText(answer(2048, 'base64'))].length).toBeLessThan(4);
  for (const format of ['float', 'base64'] as const) {
    const slices = [...embeddingsText(answer(2048, format))];
    expect(JSON.parse(slices.join('')).data).toHaveLength(2048);
  }
  expect([...embeddingsText(answer(2048, 'float'))].length).toBeGreaterThan(50);
  expect(JSON.parse([...embeddingsText(answer(0, 'float'))].join('')).data).toEqual([]);
});
