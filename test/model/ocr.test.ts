import { fileURLToPath } from 'node:url';
import { encode as encodePng } from 'fast-png';
import jpegJs from 'jpeg-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PageImage, ParsedDocument } from '../../src/documents/document-types.ts';
import type { Quarters } from '../../src/engines/ocr/ocr-types.ts';
import { turned } from '../../src/engines/ocr/raster.ts';
import { createGateway } from '../../src/gateway/create.ts';
import type { Gateway } from '../../src/gateway/gateway-types.ts';
import { makePdf, sayLines } from '../support/make-pdf.ts';
import { parseFile } from '../support/parse-file.ts';

/** Kept between runs, as the default model's home is. The first image of the first run fetches the model. */
const HOME = fileURLToPath(new URL('../../.setup/ocr-home', import.meta.url));
const LINES = [
  'The quick brown fox jumps over the lazy dog.',
  'Invoice 4711 of 24 November 2026: EUR 1,234.56',
  'Write to someone@example.org, or ask at the desk.',
];
const TEXT_PDF = makePdf({ pages: [{ content: sayLines(72, 700, LINES, 14) }] });
let gateway: Gateway;
let page: PageImage;

/** A page as pixels: as the parser draws it, so no font of the machine is needed. */
async function drawn(pdf: Uint8Array): Promise<PageImage> {
  const seen: PageImage[] = [];
  const ocr = async (image: PageImage) => {
    seen.push(image);
    return { lines: [], rotation: 0, engine: 'none' };
  };
  await parseFile(pdf, { ocr: 'always', dpi: 150 }, { ocr });
  if (seen[0] === undefined) throw new TypeError('no page was drawn');
  return seen[0];
}

const png = ({ width, height, data }: Pick<PageImage, 'width' | 'height' | 'data'>): Uint8Array =>
  encodePng({ width, height, data, channels: 3, depth: 8 });
const wordsOf = (document: ParsedDocument): string => document.text.replace(/\s+/g, ' ');

beforeAll(async () => {
  gateway = await createGateway({ settings: { home: HOME, threads: 2, log: { level: 'silent' }, ocr: { engine: 'ppocr' } } });
  page = await drawn(TEXT_PDF);
}, 120_000);
afterAll(async () => {
  await gateway.close();
});

describe('an image', () => {
  it('is read word for word, with boxes and confidences', { timeout: 180_000 }, async () => {
    const document = await gateway.documents.parse(png(page), { name: 'page.png' });
    expect(document).toMatchObject({ parser: 'image', metadata: { mediaType: 'image/png', pages: 1 } });
    expect(wordsOf(document)).toBe(LINES.join(' '));
    for (const { confidence, box, page: number } of document.blocks) {
      expect(confidence).toBeGreaterThan(0.9);
      expect(number).toBe(1);
      // 72 points from the left of a page drawn at 150 dots an inch; a PNG without resolution is taken in pixels.
      expect(Math.abs((box?.x ?? 0) - 150)).toBeLessThan(12);
    }
  });

  it.each([1, 2, 3] as const)('that is turned by %s quarters is read all the same', async (quarters) => {
    const document = await gateway.documents.parse(png(turned(page, quarters as Quarters)), { name: 'turned.png' });
    // Whether a mark like @ has air around it is a matter of a pixel.
    expect(document.text.replaceAll(/\s/g, '')).toBe(LINES.join('').replaceAll(' ', ''));
  });

  it('in JPEG is read, too', async () => {
    const data = Buffer.alloc(page.width * page.height * 4, 255);
    for (let at = 0; at < page.width * page.height; at++) data.set(page.data.subarray(3 * at, 3 * at + 3), 4 * at);
    const bytes = jpegJs.encode({ width: page.width, height: page.height, data }, 80).data;
    expect(wordsOf(await gateway.documents.parse(bytes, { name: 'page.jpg' }))).toBe(LINES.join(' '));
  });

  it('without text has a warning and nothing else', async () => {
    const blank = { width: 600, height: 400, data: new Uint8Array(3 * 600 * 400).fill(255) };
    const document = await gateway.documents.parse(png(blank), { name: 'blank.png' });
    expect([document.text, document.warnings.map(({ code }) => code)]).toEqual(['', ['page_without_text']]);
  });

  it('is refused by name where OCR is not wanted', async () => {
    await expect(gateway.documents.parse(png(page), { ocr: 'never' })).rejects.toMatchObject({ code: 'document_unsupported' });
  });
});

it('pages without a text layer are read, those with one are not', async () => {
  const scan = await drawn(TEXT_PDF);
  const pdf = makePdf({ pages: [{ content: sayLines(72, 700, ['This page has its own text layer, and it says so at length.']) }] });
  const layered = await gateway.documents.parse(pdf, { name: 'layer.pdf' });
  expect(layered.blocks.every(({ confidence }) => confidence === undefined)).toBe(true);
  const forced = await gateway.documents.parse(TEXT_PDF, { name: 'forced.pdf', ocr: 'always', dpi: 150 });
  expect(wordsOf(forced)).toBe(LINES.join(' '));
  expect(forced.blocks.every(({ confidence }) => (confidence ?? 0) > 0.9)).toBe(true);
  expect(scan.width).toBe(page.width);
});

it('several pages at once are all read, and a caller may leave', async () => {
  const leaving = new AbortController();
  const left = gateway.documents.parse(png(page), { name: 'left.png', signal: leaving.signal });
  leaving.abort();
  await expect(left).rejects.toMatchObject({ code: 'cancelled' });
  const documents = await Promise.all([0, 1, 2].map(() => gateway.documents.parse(png(page), { name: 'page.png' })));
  expect(documents.map(wordsOf)).toEqual([0, 1, 2].map(() => LINES.join(' ')));
});
