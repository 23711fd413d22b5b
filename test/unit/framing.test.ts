import { expect, test } from 'vitest';
import { LocalLiteError } from '../../src/errors.ts';
import { frameEvents, frameLines } from '../../src/http/framing.ts';

const problem = new LocalLiteError('disk_full', 'no space');

test('lines of JSON: a pause repeats the last one, and is a blank before the first', () => {
  const framing = frameLines();
  const before = framing.quiet();
  const first = framing.value({ status: 'one\ntwo' });
  expect(first).toBe('{"status":"one\\ntwo"}\n');
  expect(JSON.parse(before + first)).toEqual({ status: 'one\ntwo' });
  expect(framing.quiet()).toBe(first);
  expect(framing.error(problem)).toBe('{"error":"no space"}\n');
  expect(framing.error(new LocalLiteError('internal', 'a secret'))).not.toContain('secret');
});

test('events: a pause is a comment, an error an event', () => {
  const framing = frameEvents();
  expect(framing.value({ event: 'job', data: '{}' })).toBe('event: job\ndata: {}\n\n');
  expect(framing.quiet()).toBe(': waiting\n\n');
  expect(framing.error(problem)).toMatch(/^event: error\ndata: \{"error":\{"message":"no space",.*"code":"disk_full"\}\}\n\n$/);
});
