import { readFileSync } from 'node:fs';
import { deflateRawSync } from 'node:zlib';
import { TextReader, Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalLite, LocalLiteError } from '../../src/sdk/index.ts';
import { makePdf, say } from '../support/make-pdf.ts';
import { startTestServer, type TestServer } from './test-server.ts';

/* Documents that mean harm, through the API: as one of a batch, and to be read alone. */

let server: TestServer;
let client: LocalLite;
beforeAll(async () => {
  const documents = { workers: 2, timeout: 4, memory: 300 * 2 ** 20, max_inflated_bytes: 16 * 2 ** 20, max_nesting: 3 };
  server = await startTestServer({ settings: { documents } });
  client = new LocalLite({ baseUrl: server.url, retries: 0 });
});
afterAll(() => server[Symbol.asyncDispose]());

async function zip(files: Readonly<Record<string, string | Uint8Array>>, password?: string): Promise<Uint8Array> {
  const writer = new ZipWriter(new Uint8ArrayWriter(), password === undefined ? {} : { password });
  for (const [name, content] of Object.entries(files)) {
    await writer.add(name, typeof content === 'string' ? new TextReader(content) : new Uint8ArrayReader(content));
  }
  return await writer.close();
}

async function nested(depth: number): Promise<Uint8Array> {
  let inner = await zip({ 'a.txt': 'w1 w2' });
  for (let level = 0; level < depth; level++) inner = await zip({ 'inner.zip': inner });
  return inner;
}

/** A PDF whose tree of pages leads back to itself, and whose table of places names itself as the one before. */
function loopingPdf(): Uint8Array {
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R /Outlines 4 0 R >>',
    '<< /Type /Pages /Kids [3 0 R 2 0 R] /Count 1000000 >>',
    '<< /Type /Pages /Parent 2 0 R /Kids [2 0 R 3 0 R] /Count 1000000 >>',
    '<< /Type /Outlines /First 5 0 R /Last 5 0 R /Count 1 >>',
    '<< /Title (a) /Parent 4 0 R /Next 5 0 R /Prev 5 0 R /First 5 0 R >>',
  ];
  let file = '%PDF-1.7\n';
  const places = objects.map((object, at) => {
    const place = file.length;
    file += `${at + 1} 0 obj\n${object}\nendobj\n`;
    return place;
  });
  const table = places.map((place) => `${String(place).padStart(10, '0')} 00000 n \n`).join('');
  const start = file.length;
  return Buffer.from(
    `${file}xref\n0 6\n0000000000 65535 f \n${table}trailer\n<< /Size 6 /Root 1 0 R /Prev ${start} >>\nstartxref\n${start}\n%%EOF\n`,
    'latin1',
  );
}

/** A gzip-like bomb in a PDF: a stream of a page that inflates to half a gigabyte of operators. */
function inflatingPdf(): Uint8Array {
  const data = deflateRawSync(Buffer.alloc(256 * 2 ** 20, 'q Q '), { level: 9 });
  const zlib = Buffer.concat([Buffer.from([0x78, 0xda]), data]).toString('latin1');
  const plain = Buffer.from(makePdf({ pages: [{ content: say(10, 10, 'w1') }] })).toString('latin1');
  const stream = /<< \/Length \d+ >>\nstream\n[\s\S]*?endstream/;
  return Buffer.from(
    plain.replace(stream, () => `<< /Length ${zlib.length} /Filter /FlateDecode >>\nstream\n${zlib}\nendstream`),
    'latin1',
  );
}

const pdf = makePdf({ pages: [{ content: say(72, 700, 'w1 w2 w3') }] });
const encrypted = readFileSync(new URL('../fixtures/documents/encrypted.pdf', import.meta.url));

/** Name, bytes, and how it may end: codes of its error, or `read` where there is something to be read in it. */
const DOCUMENTS: readonly (readonly [string, () => Promise<Uint8Array> | Uint8Array, RegExp])[] = [
  ['bomb.zip', () => zip({ 'a.txt': 'a'.repeat(64 * 2 ** 20) }), /^document_too_large$/],
  [
    'bombs.zip',
    async () =>
      zip({ 'a.zip': await zip({ 'a.txt': 'a'.repeat(12 * 2 ** 20) }), 'b.zip': await zip({ 'b.txt': 'b'.repeat(12 * 2 ** 20) }) }),
    /^document_too_large$/,
  ],
  ['nested.zip', () => nested(30), /^read limit_reached$/],
  ['locked.zip', () => zip({ 'a.txt': 'w1 w2' }, 'right'), /^document_encrypted$/],
  ['torn.zip', async () => (await zip({ 'a.txt': 'w1 '.repeat(5000) })).subarray(0, 60), /^document_unreadable$/],
  ['loop.pdf', loopingPdf, /^(?:document_unreadable|document_too_large|timed_out|read.*)$/],
  ['inflating.pdf', inflatingPdf, /^(?:document_too_large|document_unreadable|timed_out|read.*)$/],
  ['torn.pdf', () => pdf.subarray(0, 200), /^document_unreadable$/],
  ['locked.pdf', () => encrypted, /^document_encrypted$/],
  ['deep.json', () => Buffer.from(`${'['.repeat(10_000)}1${']'.repeat(10_000)}`), /^(?:read.*|document_\w+)$/],
  [
    'deep.html',
    () => Buffer.from(`<!doctype html><body>${'<div>'.repeat(10_000)}w1 w2${'</div>'.repeat(10_000)}`),
    /^(?:read.*|document_\w+)$/,
  ],
  ['wide.json', () => Buffer.from(`[${'{},'.repeat(4_000_000)}1]`), /^(?:read.*|document_too_large)$/],
  ['brackets.md', () => Buffer.from('['.repeat(100_000)), /^(?:read.*|document_\w+|timed_out)$/],
  ['links.md', () => Buffer.from('[a](<b '.repeat(30_000)), /^(?:read.*|document_\w+|timed_out)$/],
  ['stars.md', () => Buffer.from(`${'*a **b _c __d '.repeat(20_000)}`), /^(?:read.*|document_\w+|timed_out)$/],
  [
    'ticks.md',
    () => Buffer.from(Array.from({ length: 600 }, (_, at) => '`'.repeat(at + 1)).join(' ')),
    /^(?:read.*|document_\w+|timed_out)$/,
  ],
  ['quotes.md', () => Buffer.from(`${'> '.repeat(10_000)}w1`), /^(?:read.*|document_\w+|timed_out)$/],
  [
    'table.md',
    () => Buffer.from(`${'|a'.repeat(5000)}|\n${'|-'.repeat(5000)}|\n${'|\n'.repeat(5000)}`),
    /^(?:read.*|document_\w+|timed_out)$/,
  ],
  [
    'mails.eml',
    () => Buffer.from(`From: a@b.c\nTo: a@b.c\nSubject: x\n${'Content-Type: message/rfc822\n\n'.repeat(3000)}`),
    /^(?:read.*|document_\w+)$/,
  ],
  ['program', () => readFileSync(process.execPath).subarray(0, 20_000), /^document_unsupported$/],
];

/** OpenAI's three codes. */
const wireCode = (code: string): string => {
  if (code === 'document_unsupported') return 'unsupported_file';
  return code.startsWith('document_') ? 'invalid_file' : 'server_error';
};

async function outcome(name: string, bytes: Uint8Array, password?: string): Promise<string> {
  const options = { name, ...(password !== undefined && { password }) };
  return await client.documents.parse(new Blob([Uint8Array.from(bytes)]), options).then(
    ({ warnings }) => `read ${[...new Set(warnings.map(({ code }) => code))].join(' ')}`.trim(),
    (error: unknown) => {
      const { code, status = 0, message } = LocalLiteError.from(error);
      // What is wrong with a document is said of the document, never as a failure of the gateway's.
      expect([status < 500 || code === 'timed_out', message.length > 10], `${name}: ${status} ${code} ${message}`).toEqual([true, true]);
      return code;
    },
  );
}

describe('a document that means harm', () => {
  it.each(DOCUMENTS)('to be read alone: %s', async (name, make, expected) => {
    expect(await outcome(name, await make())).toMatch(expected);
    expect(await outcome('fine.txt', Buffer.from('w1'))).toBe('read');
  });

  it('opens with its password, and with no other', async () => {
    const locked = await zip({ 'a.txt': 'w1 w2' }, 'right');
    expect([await outcome('a.zip', locked, 'wrong'), await outcome('a.zip', locked, 'right')]).toEqual(['document_encrypted', 'read']);
    expect([await outcome('a.pdf', encrypted, 'wrong'), await outcome('a.pdf', encrypted, 'open sesame')]).toEqual([
      'document_encrypted',
      'read',
    ]);
  });
});

describe('a batch with all of them', () => {
  it('goes on: each fails alone, by name, and the good ones are found', async () => {
    const { id } = await client.collections.create({ name: 'hostile' });
    const names = new Map<string, string>();
    const upload = async (name: string, bytes: Uint8Array) => {
      names.set((await client.files.create(new Blob([Uint8Array.from(bytes)]), { name })).id, name);
    };
    await upload('first.txt', Buffer.from('w100 w101'));
    for (const [name, make] of DOCUMENTS) await upload(name, await make());
    await upload('last.txt', Buffer.from('w200 w201'));
    const batch = await client.collections.addFiles(
      id,
      [...names.keys()].map((file) => ({ file_id: file })),
    );
    for await (const job of client.jobs.watch(batch.id))
      if (job.state === 'succeeded') expect(job.result).toMatchObject({ failed: expect.any(Number) });
    const ends = new Map<string, string>();
    for await (const file of client.collections.files(id)) {
      const code = file.locallite.error_code ?? 'read';
      ends.set(
        names.get(file.id) ?? '',
        file.status === 'completed' ? `read ${file.locallite.warnings.map((one) => one.code).join(' ')}`.trim() : code,
      );
      expect(['completed', 'failed']).toContain(file.status);
      if (file.status === 'failed') expect(file.last_error).toEqual({ code: wireCode(code), message: expect.stringMatching(/.{10}/) });
      else expect(file.last_error).toBeNull();
    }
    expect(ends.size).toBe(DOCUMENTS.length + 2);
    expect([ends.get('first.txt'), ends.get('last.txt')]).toEqual(['read', 'read']);
    for (const [name, , expected] of DOCUMENTS) expect(ends.get(name), name).toMatch(expected);
    const { data } = await client.collections.search(id, { query: 'w200 w201', max_num_results: 1 });
    expect(data[0]?.filename).toBe('last.txt');
    expect(await client.collections.verify(id)).toMatchObject({ sound: true });
  }, 120_000);
});
