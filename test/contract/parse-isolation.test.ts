import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { TextReader, Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DocumentParsers, ParseLimits, ParseOptions } from '../../src/documents/document-types.ts';
import { createDocumentParsers, type DocumentParsersOptions } from '../../src/documents/parser-pool.ts';
import { LocalLiteError } from '../../src/errors.ts';

const ROOT = join(import.meta.dirname, '../..');
const BUILT = join(ROOT, 'dist/parser.js');
const HOSTILE = join(ROOT, 'test/servers/hostile-parser.mjs');
const LIMITS: ParseLimits = {
  timeoutMs: 20_000,
  memoryBytes: 512 * 2 ** 20,
  maxPages: 100,
  maxInflatedBytes: 16 * 2 ** 20,
  maxNesting: 5,
  maxParts: 50,
};

const open = new Set<DocumentParsers>();
function parsers(options: Partial<DocumentParsersOptions> = {}): DocumentParsers {
  const made = createDocumentParsers({ workers: 1, limits: LIMITS, entry: HOSTILE, ...options });
  open.add(made);
  return made;
}
afterEach(async () => {
  for (const one of open) await one.close();
  open.clear();
});

const parse = (made: DocumentParsers, content: string | Uint8Array, options: ParseOptions = {}) =>
  made.parse(typeof content === 'string' ? new TextEncoder().encode(content) : content, options);
const processOf = async (made: DocumentParsers, content = 'hello') => Number((await parse(made, content)).metadata.sha256);
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('a parser process that misbehaves costs one document', () => {
  it.each([
    ['loop', 'timed_out', { timeoutMs: 500 }],
    ['sleep', 'timed_out', { timeoutMs: 500 }],
    ['heap', 'document_too_large', { memoryBytes: 128 * 2 ** 20 }],
    ['exit', 'document_unreadable', {}],
    ['abort', 'document_unreadable', {}],
    ['babble', 'document_unreadable', {}],
    ...(process.platform === 'linux' ? ([['hog', 'document_too_large', { memoryBytes: 256 * 2 ** 20 }]] as const) : []),
  ] as const)('%s: %s, and the next document is read', async (deed, code, limits) => {
    const told: unknown[] = [];
    const made = parsers({ limits: { ...LIMITS, ...limits }, log: (_message, fields) => told.push(fields['code']) });
    await expect(parse(made, deed)).rejects.toMatchObject({ code });
    expect((await parse(made, 'next')).text).toBe('next');
    expect(told).toEqual(code === 'document_unreadable' ? [] : [code]);
  });

  it('a caller who leaves ends the reading, and gives his place to the next', async () => {
    const made = parsers();
    const leaving = new AbortController();
    const first = parse(made, 'loop', { signal: leaving.signal });
    const waiting = new AbortController();
    const second = parse(made, 'never', { signal: waiting.signal });
    const third = parse(made, 'third');
    waiting.abort();
    await expect(second).rejects.toMatchObject({ code: 'cancelled' });
    leaving.abort();
    await expect(first).rejects.toMatchObject({ code: 'cancelled' });
    expect((await third).text).toBe('third');
    await expect(parse(made, 'late', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('a warm process is used again, and replaced when it keeps much memory', async () => {
    const made = parsers();
    const pid = await processOf(made);
    expect(await processOf(made)).toBe(pid);
    expect(await processOf(made, 'keep')).toBe(pid);
    expect(await processOf(made)).not.toBe(pid);
  });

  it('it is replaced after two hundred documents', async () => {
    const made = parsers();
    const pids: number[] = [];
    for (let count = 0; count < 201; count++) pids.push(await processOf(made));
    expect(new Set(pids.slice(0, 200)).size).toBe(1);
    expect(pids[200]).not.toBe(pids[0]);
  });

  it('as many processes as are allowed, and no more', async () => {
    const made = parsers({ workers: 2 });
    const pids = await Promise.all(Array.from({ length: 12 }, () => processOf(made)));
    expect(new Set(pids).size).toBe(2);
  });

  it('idle processes end, and so do all of them on closing', async () => {
    const made = parsers({ idleMs: 50 });
    const pid = await processOf(made);
    await until(() => !isAlive(pid));
    const again = await processOf(made);
    const unfinished = expect(parse(made, 'sleep')).rejects.toMatchObject({ code: 'shutting_down' });
    const waiting = expect(parse(made, 'x')).rejects.toMatchObject({ code: 'shutting_down' });
    await new Promise((resolve) => setImmediate(resolve));
    await made.close();
    await Promise.all([unfinished, waiting]);
    await until(() => !isAlive(again));
    await expect(parse(made, 'x')).rejects.toMatchObject({ code: 'shutting_down' });
  });

  it('a program that does not start is named as that, not as the document’s fault', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'locallite-parser-'));
    try {
      const entry = join(folder, 'broken.mjs');
      writeFileSync(entry, "throw new TypeError('broken on purpose');\n");
      await expect(parse(parsers({ entry }), 'x')).rejects.toMatchObject({ code: 'worker_crashed' });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('images go out to be read and lines come back; a fault comes back as one', async () => {
    const lines = [{ text: 'read', confidence: 1, box: { x: 0, y: 0, width: 1, height: 1 } }];
    const reading = parsers({ ocr: async ({ width }) => ({ lines, rotation: width, engine: 'test' }) });
    expect(JSON.parse((await parse(reading, 'ask')).text)).toEqual({ lines, rotation: 1, engine: 'test' });
    const failing = parsers({
      ocr: async () => {
        throw new LocalLiteError('inference_failed', 'no model');
      },
    });
    expect(JSON.parse((await parse(failing, 'ask')).text)).toEqual({ code: 'inference_failed', message: 'no model' });
  });
});

const text = (content: string): TextReader => new TextReader(content);
async function zip(files: Readonly<Record<string, string | Uint8Array>>, password?: string): Promise<Uint8Array> {
  const writer = new ZipWriter(new Uint8ArrayWriter(), password === undefined ? {} : { password });
  for (const [name, content] of Object.entries(files)) {
    await writer.add(name, typeof content === 'string' ? text(content) : new Uint8ArrayReader(content));
  }
  return await writer.close();
}

/** An archive whose directory names the same data over and over. */
async function overlapping(copies: number): Promise<Uint8Array> {
  const data = deflateRawSync(Buffer.alloc(2 ** 20, 97));
  const crc = crc32(Buffer.alloc(2 ** 20, 97));
  const name = (index: number): Buffer => Buffer.from(`f${String(index).padStart(4, '0')}.txt`);
  const record = (signature: number, index: number, extra: number): Buffer => {
    const isCentral = signature === 0x02014b50;
    const buffer = Buffer.alloc(isCentral ? 46 : 30);
    const at = isCentral ? 2 : 0;
    buffer.writeUInt32LE(signature, 0);
    buffer.writeUInt16LE(20, 4 + at);
    buffer.writeUInt16LE(8, 8 + at);
    buffer.writeUInt32LE(crc, 14 + at);
    buffer.writeUInt32LE(data.length, 18 + at);
    buffer.writeUInt32LE(2 ** 20, 22 + at);
    buffer.writeUInt16LE(9, 26 + at);
    if (isCentral) buffer.writeUInt32LE(extra, 42);
    return Buffer.concat([buffer, name(index)]);
  };
  const local = record(0x04034b50, 0, 0);
  const central = Buffer.concat(Array.from({ length: copies }, (_, index) => record(0x02014b50, index, 0)));
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(copies, 8);
  end.writeUInt16LE(copies, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length + data.length, 16);
  return new Uint8Array(Buffer.concat([local, data, central, end]));
}

describe('hostile documents in the real parser process', () => {
  let made: DocumentParsers;
  beforeAll(() => {
    if (!existsSync(BUILT)) throw new RangeError('dist/parser.js is missing: npm run build');
    made = createDocumentParsers({ workers: 1, limits: LIMITS, entry: BUILT });
  });
  afterAll(() => made.close());
  const codes = async (content: string | Uint8Array, options: ParseOptions = {}): Promise<string> =>
    await parse(made, content, options).then(
      ({ warnings }) => `read ${[...new Set(warnings.map(({ code }) => code))].join(' ')}`.trim(),
      (error: unknown) => LocalLiteError.from(error).code,
    );

  it('a zip bomb is stopped while it inflates', async () => {
    expect(await codes(await zip({ 'a.txt': 'a'.repeat(64 * 2 ** 20) }))).toBe('document_too_large');
  });

  it('a bomb of bombs counts as one', async () => {
    const inner = await zip({ 'a.txt': 'a'.repeat(6 * 2 ** 20) });
    expect(await codes(await zip({ 'a.zip': inner, 'b.zip': inner, 'c.zip': inner }))).toBe('document_too_large');
  });

  it('archives in archives end at the limit, with a warning', async () => {
    let nested = await zip({ 'a.txt': 'found' });
    for (let depth = 0; depth < 40; depth++) nested = await zip({ 'inner.zip': nested });
    expect(await codes(nested)).toBe('read limit_reached');
  });

  it('members over each other are left out, each with a warning', async () => {
    const { warnings, text: found } = await parse(made, await overlapping(40));
    expect(warnings.map(({ code }) => code)).toEqual(Array.from({ length: 39 }, () => 'document_unreadable'));
    expect(found.length).toBeLessThan(2 * 2 ** 20);
  });

  it('more parts than are allowed', async () => {
    const files = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`${index}.txt`, `text ${index}`]));
    const { warnings, text: found } = await parse(made, await zip(files));
    expect(warnings.map(({ code }) => code)).toEqual(['limit_reached']);
    expect(found).toContain('text 49');
    expect(found).not.toContain('text 50');
  });

  it('names of members are names only', async () => {
    const { blocks } = await parse(made, await zip({ '../../../etc/cron.d/x': 'words', '/absolute.txt': 'more' }));
    expect(blocks.map((block) => block.text)).toEqual(['../../../etc/cron.d/x', 'words', '/absolute.txt', 'more']);
    expect(existsSync('/absolute.txt')).toBe(false);
  });

  it('an encrypted archive wants its own password', async () => {
    const locked = await zip({ 'a.txt': 'secret words' }, 'right');
    expect(await codes(locked)).toBe('document_encrypted');
    expect(await codes(locked, { password: 'wrong' })).toBe('document_encrypted');
    expect((await parse(made, locked, { password: 'right' })).text).toBe('a.txt\n\nsecret words');
  });

  it.each([
    ['JSON', 'a.json', '['.repeat(200_000)],
    ['HTML', 'a.html', `<!doctype html><html><body>${'<div>'.repeat(200_000)}words`],
    ['XML', 'a.xml', `<?xml version="1.0"?>${'<a>'.repeat(200_000)}words${'</a>'.repeat(200_000)}`],
    ['Markdown', 'a.md', `${'> '.repeat(20_000)}words`],
    ['lists in Markdown', 'a.md', Array.from({ length: 2000 }, (_, depth) => `${'  '.repeat(depth)}- x`).join('\n')],
    ['a mail of mails', 'a.eml', `From: a@b.c\nTo: a@b.c\nSubject: x\n${'Content-Type: message/rfc822\n\n'.repeat(5000)}`],
  ])('%s nested without end is read in part or refused', async (_what, name, content) => {
    expect(await codes(content, { name })).toMatch(/^(?:read|document_unreadable|document_too_large)/);
    expect(await codes('fine', { name: 'a.txt' })).toBe('read');
  });

  it('entities that blow up are not expanded, and none reads a file', async () => {
    const laughs = Array.from({ length: 12 }, (_, index) => `<!ENTITY l${index + 1} "${`&l${index};`.repeat(10)}">`).join('');
    const xml = `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">${laughs}<!ENTITY f SYSTEM "file:///etc/passwd">]><x><y>&l12; &f;</y></x>`;
    const { text: found } = await parse(made, xml);
    expect(found.length).toBeLessThan(1000);
    expect(found).not.toContain('root:');
  });

  it('nothing that a page names is fetched', async () => {
    let asked = 0;
    const server = createServer((_request, response) => {
      asked++;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const page = `<!doctype html><html><head><link rel=stylesheet href="${url}/a.css"><script src="${url}/a.js"></script></head><body><script>fetch('${url}')</script><img src="${url}/a.png" alt="picture"><iframe src="${url}"></iframe><p>words</p></body></html>`;
    expect((await parse(made, page)).text).toContain('words');
    await new Promise<void>((resolve) => server.close(() => resolve()));
    expect(asked).toBe(0);
  });

  it.each([
    ['a zip', async () => (await zip({ 'a.txt': 'words'.repeat(500), 'b.txt': 'more' })).subarray(0, 80), /unreadable/],
    ['a PDF', async () => new TextEncoder().encode('%PDF-1.7\n1 0 obj\n<< /Type'), /unreadable/],
    ['a compound file', async () => new Uint8Array(Buffer.from(`d0cf11e0a1b11ae1${'00'.repeat(600)}`, 'hex')), /unreadable|unsupported/],
    ['JSON', async () => new TextEncoder().encode('{"a": [1, 2'), /^read/],
  ])('%s that is cut off is refused by name or read as what is there', async (_what, make, expected) => {
    expect(await codes(await make())).toMatch(expected);
  });

  it('a wrong ending does not mislead', async () => {
    expect((await parse(made, await zip({ 'a.txt': 'words' }), { name: 'a.pdf' })).metadata.mediaType).toBe('application/zip');
    expect((await parse(made, '<!doctype html><p>words</p>', { name: 'a.docx' })).metadata.mediaType).toBe('text/html');
    expect(await codes(new Uint8Array(readFileSync(process.execPath).subarray(0, 5000)), { name: 'a.txt' })).toBe('document_unsupported');
  });

  it('random bytes behind any beginning end in a document or a named error', async () => {
    const heads = [
      '',
      'PK\x03\x04',
      '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1',
      '<html>',
      '%PDF-1.4',
      '{\\rtf1',
      'WEBVTT\n',
      'From: a\nTo: b\nDate: c\n',
    ];
    const named = new Set(['document_unsupported', 'document_unreadable', 'document_encrypted', 'document_too_large']);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...heads), fc.uint8Array({ maxLength: 1500 }), async (head, rest) => {
        const code = await codes(new Uint8Array(Buffer.concat([Buffer.from(head, 'latin1'), rest])));
        expect(code.startsWith('read') || named.has(code)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});
