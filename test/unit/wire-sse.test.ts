import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LocalLiteError } from '../../src/errors.ts';
import { formatComment, formatEvent, parseEvents, type ServerSentEvent } from '../../src/wire/sse.ts';

async function parse(...chunks: readonly (string | Uint8Array)[]): Promise<ServerSentEvent[]> {
  async function* bytes() {
    for (const chunk of chunks) yield typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk;
  }
  const events: ServerSentEvent[] = [];
  for await (const event of parseEvents(bytes())) events.push(event);
  return events;
}

test('one event as it is written', () => {
  expect(formatEvent({ event: 'job', id: '7', data: 'a\nb' })).toBe('event: job\nid: 7\ndata: a\ndata: b\n\n');
  expect(formatEvent({ data: '' })).toBe('data: \n\n');
  expect(formatEvent({ event: 'a\nb\r', data: '' })).toBe('event: a b \ndata: \n\n');
  expect(formatComment('still\nhere')).toBe(': still here\n\n');
});

test.each([
  ['line feeds', 'data: a\n\ndata: b\n\n'],
  ['carriage returns', 'data: a\r\rdata: b\r\r'],
  ['both', 'data: a\r\n\r\ndata: b\r\n\r\n'],
  ['a byte order mark', '\uFEFFdata: a\n\ndata: b\n\n'],
  ['no space after the colon', 'data:a\n\ndata:b\n\n'],
  ['comments and unknown fields', ': hi\nretry: 5\ndata: a\n\n:\n\nfoo\ndata: b\n\n'],
  ['an event that is cut off', 'data: a\n\ndata: b\n\ndata: c\n'],
])('%s', async (_name, text) => {
  expect(await parse(text)).toEqual([{ data: 'a' }, { data: 'b' }]);
});

test('type and id: the type is for one event, the id stays', async () => {
  expect(await parse('event: x\nid: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n')).toEqual([
    { event: 'x', id: '1', data: 'a' },
    { id: '1', data: 'b' },
    { id: '', data: 'c' },
  ]);
  expect(await parse('id: a\0b\ndata\n\n')).toEqual([{ data: '' }]);
  expect(await parse('event: x\n\ndata: a\n\n')).toEqual([{ data: 'a' }]);
});

test('chunks may be cut anywhere, also inside a character or a CRLF', async () => {
  const anyEvent = fc.record({
    event: fc.constantFrom('job', 'é'),
    data: fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\r')),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(anyEvent), fc.boolean(), fc.integer({ min: 1, max: 7 }), async (events, crlf, size) => {
      const text = events.map(formatEvent).join('');
      const bytes = new TextEncoder().encode(crlf ? text.replaceAll('\n', '\r\n') : text);
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_unused, index) =>
        bytes.subarray(index * size, (index + 1) * size),
      );
      expect(await parse(...chunks)).toEqual(events);
    }),
  );
});

test('an event without end does not fill the memory', async () => {
  const chunk = new Uint8Array(6 * 1024 * 1024).fill(97);
  await expect(parse(chunk, chunk, chunk)).rejects.toThrow(LocalLiteError);
  const line = new TextEncoder().encode(`data: ${'a'.repeat(6 * 1024 * 1024)}\n`);
  await expect(parse(line, line, line)).rejects.toThrow(LocalLiteError);
});
