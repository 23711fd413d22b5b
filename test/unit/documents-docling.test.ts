import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createDoclingParser } from '../../src/documents/docling.ts';
import type { DocumentParsers } from '../../src/documents/document-types.ts';
import { LIMITS } from '../support/parse-file.ts';

type Answer = (request: IncomingMessage, body: string, response: ServerResponse) => void;
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A server that answers as docling-serve does, or as `answer` says. */
async function docling(answer: Answer, more: { readonly timeoutMs?: number; readonly apiKey?: string } = {}): Promise<DocumentParsers> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => answer(request, Buffer.concat(parts).toString('latin1'), response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { apiKey, timeoutMs = LIMITS.timeoutMs } = more;
  const limits = { ...LIMITS, timeoutMs, maxInflatedBytes: 2 ** 20 };
  return createDoclingParser({ url: `http://127.0.0.1:${port}`, limits, ...(apiKey !== undefined && { apiKey }) });
}

const json = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
};
const ref = (path: string): { readonly $ref: string } => ({ $ref: `#/${path}` });
const at = (page: number, coordinates: readonly [number, number, number, number], origin = 'BOTTOMLEFT') => {
  const [l, t, r, b] = coordinates;
  return [{ page_no: page, bbox: { l, t, r, b, coord_origin: origin }, charspan: [0, 1] }];
};

const DOCUMENT = {
  schema_name: 'DoclingDocument',
  version: '1.10.0',
  name: 'a',
  origin: { mimetype: 'application/pdf', binary_hash: 1, filename: 'a.pdf' },
  furniture: { self_ref: '#/furniture', children: [], content_layer: 'furniture', label: 'unspecified' },
  body: {
    self_ref: '#/body',
    label: 'unspecified',
    children: [
      ref('texts/0'),
      ref('texts/1'),
      ref('groups/0'),
      ref('tables/0'),
      ref('pictures/0'),
      ref('texts/7'),
      ref('texts/8'),
      ref('body'),
    ],
  },
  groups: [{ self_ref: '#/groups/0', label: 'list', children: [ref('texts/3'), ref('texts/4')] }],
  texts: [
    { label: 'title', text: 'Title', orig: 'Title', children: [], prov: at(1, [10, 790, 110, 770]) },
    { label: 'section_header', level: 1, text: 'Section', children: [ref('texts/2'), ref('texts/0')], prov: [] },
    { label: 'text', text: 'A paragraph', children: [], hyperlink: 'https://x.org/', prov: at(2, [10, 20, 110, 40], 'TOPLEFT') },
    { label: 'list_item', text: 'first', enumerated: true, marker: '1.', children: [ref('groups/0')], prov: [] },
    { label: 'list_item', text: 'second', enumerated: true, marker: '2.', children: [], prov: [] },
    { label: 'caption', text: 'Table 1', children: [], prov: [] },
    { label: 'caption', text: 'Figure 1', children: [], prov: [] },
    { label: 'page_footer', content_layer: 'furniture', text: 'page 1 of 2', children: [], prov: [] },
    { label: 'code', text: 'let a;', code_language: 'JavaScript', children: [], prov: [] },
  ],
  tables: [
    {
      label: 'table',
      children: [],
      captions: [ref('texts/5')],
      prov: [],
      data: {
        grid: [
          [
            { text: 'h', column_header: true },
            { text: 'i', column_header: true },
          ],
          [{ text: '1' }, { text: '2' }],
        ],
      },
    },
  ],
  pictures: [{ label: 'picture', children: [], captions: [ref('texts/6')], prov: [] }],
  pages: { '1': { size: { width: 600, height: 800 }, page_no: 1 }, '2': { size: { width: 600, height: 800 }, page_no: 2 } },
};
const success = {
  document: { filename: 'a.pdf', json_content: DOCUMENT },
  status: 'success',
  errors: [],
  processing_time: 0.1,
  timings: {},
};
const BYTES = new TextEncoder().encode('%PDF-1.7');

describe('documents read by a Docling server', () => {
  it('sends the file with its options and makes blocks with pages and boxes of the answer', async () => {
    let asked: { readonly url: string | undefined; readonly key: unknown; readonly body: string } | undefined;
    const parser = await docling(
      (request, body, response) => {
        asked = { url: request.url, key: request.headers['x-api-key'], body };
        json(response, 200, success);
      },
      { apiKey: 'secret' },
    );
    const { blocks, metadata, text, parser: name } = await parser.parse(BYTES, { name: 'a.pdf', ocr: 'never' });
    expect(asked).toMatchObject({ url: '/v1/convert/file', key: 'secret' });
    for (const [field, value] of [
      ['to_formats', 'json'],
      ['do_ocr', 'false'],
      ['image_export_mode', 'placeholder'],
    ]) {
      expect(asked?.body).toContain(`name="${field}"\r\n\r\n${value}\r\n`);
    }
    expect(asked?.body).toContain('name="files"; filename="a.pdf"');
    expect({ name, ...metadata }).toMatchObject({ name: 'docling', title: 'Title', pages: 2, mediaType: 'application/pdf', bytes: 8 });
    expect(blocks.map(({ kind, text: one }) => [kind, one])).toEqual([
      ['heading', 'Title'],
      ['heading', 'Section'],
      ['text', 'A paragraph'],
      ['list', '1. first\n2. second'],
      ['text', 'Table 1'],
      ['table', 'h | i\n1 | 2'],
      ['image', 'Figure 1'],
      ['code', 'let a;'],
    ]);
    expect(blocks[0]).toMatchObject({ level: 1, page: 1, box: { x: 10, y: 10, width: 100, height: 20 } });
    expect(blocks[2]).toMatchObject({ page: 2, box: { x: 10, y: 20, width: 100, height: 20 }, path: ['Title', 'Section'] });
    expect(blocks[5]).toMatchObject({ headerRows: 1 });
    for (const block of blocks) expect(text.slice(block.start, block.end)).toBe(block.text);
  });

  it('a part that it could not read is a warning', async () => {
    const errors = [{ component_type: 'model', module_name: 'x', error_message: 'page 2 failed' }];
    const parser = await docling((_request, _body, response) => json(response, 200, { ...success, status: 'partial_success', errors }));
    expect((await parser.parse(BYTES, {})).warnings).toEqual([{ code: 'page_unreadable', message: 'page 2 failed' }]);
  });

  it.each([
    ['a failure', 200, { status: 'failure', errors: [{ error_message: 'no' }], document: null }, 'document_unreadable'],
    ['a kind it skips', 200, { status: 'skipped', errors: [] }, 'document_unsupported'],
    ['another API', 200, { hello: 1 }, 'provider_unavailable'],
    ['another document', 200, { ...success, document: { json_content: { schema_name: 'Other' } } }, 'provider_unavailable'],
    ['a wrong form', 422, { detail: 'x' }, 'document_unreadable'],
    ['a key it wants', 401, { detail: 'x' }, 'provider_unavailable'],
    ['too large', 413, {}, 'document_too_large'],
    ['too slow', 504, { detail: 'Conversion is taking too long' }, 'timed_out'],
    ['a fault', 500, {}, 'provider_unavailable'],
    ['an endless answer', 200, { ...success, errors: [{ error_message: 'x'.repeat(2 ** 21) }] }, 'document_too_large'],
  ])('%s', async (_what, status, body, code) => {
    const parser = await docling((_request, _body, response) => json(response, status, body));
    await expect(parser.parse(BYTES, {})).rejects.toMatchObject({ code });
  });

  it('silence, a caller who leaves, an end, an absent server and a redirect have their names', async () => {
    const silent: Answer = () => undefined;
    await expect((await docling(silent, { timeoutMs: 100 })).parse(BYTES, {})).rejects.toMatchObject({ code: 'timed_out' });
    await expect((await docling(silent)).parse(BYTES, { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ code: 'cancelled' });
    const closed = await docling(silent);
    const unfinished = expect(closed.parse(BYTES, {})).rejects.toMatchObject({ code: 'shutting_down' });
    await closed.close();
    await unfinished;
    const absent = createDoclingParser({ url: 'http://127.0.0.1:1/', limits: LIMITS });
    await expect(absent.parse(BYTES, {})).rejects.toMatchObject({ code: 'provider_unavailable' });
    const moved = await docling((_request, _body, response) => response.writeHead(307, { Location: 'http://127.0.0.1:1/' }).end());
    await expect(moved.parse(BYTES, {})).rejects.toMatchObject({ code: 'provider_unavailable' });
  });
});
