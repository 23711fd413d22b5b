import { encode as encodePng } from 'fast-png';
import jpegJs from 'jpeg-js';
import { describe, expect, it } from 'vitest';
import { decodeImages, MOST_PIXELS } from '../../src/documents/parse/image-decode.ts';
import { alphabetOf, decodeCtc } from '../../src/engines/ocr/ctc.ts';
import { boxAround, convexHull, smallestRect, turnedRect, weightedMedian } from '../../src/engines/ocr/geometry.ts';
import type { Quarters, ReadLine } from '../../src/engines/ocr/ocr-types.ts';
import { cropRect, turned } from '../../src/engines/ocr/raster.ts';
import { readingOrder, skewOf } from '../../src/engines/ocr/reading-order.ts';
import { textRegions } from '../../src/engines/ocr/text-regions.ts';
import { readTable } from '../../src/gateway/tesseract.ts';

/** Probabilities of a line whose steps are surely these classes. */
function stepsOf(classes: readonly number[], most: number, sure = 0.9): Float32Array {
  const values = new Float32Array(classes.length * most).fill((1 - sure) / (most - 1));
  for (const [step, one] of classes.entries()) values[step * most + one] = sure;
  return values;
}

describe('characters of a line', () => {
  const alphabet = alphabetOf(['a', 'b'], 4) ?? [];

  it('join repetitions, drop blanks, and tell how sure they are', () => {
    expect(alphabet).toEqual(['', 'a', 'b', ' ']);
    const line = decodeCtc(stepsOf([1, 1, 0, 1, 3, 3, 2, 0], 4), { offset: 0, steps: 8, alphabet });
    expect(line.text).toBe('aa b');
    expect(line.confidence).toBeCloseTo(0.9, 5);
  });

  it('of nothing are none, and start where they are told to', () => {
    expect(decodeCtc(stepsOf([0, 0], 4), { offset: 0, steps: 2, alphabet })).toEqual({ text: '', confidence: 0 });
    expect(decodeCtc(stepsOf([1, 2], 4), { offset: 4, steps: 1, alphabet }).text).toBe('b');
  });

  it('need a dictionary of the network’s own size', () => {
    expect(alphabetOf(['a', 'b'], 3)).toEqual(['', 'a', 'b']);
    expect(alphabetOf(['a', 'b'], 5)).toBeUndefined();
    expect(alphabetOf(['a', 'b'], 2)).toBeUndefined();
  });
});

describe('regions of text', () => {
  const width = 200;
  const height = 120;
  /** A map with a bar of text around (100, 60), turned by `angle`. */
  const barAt = (angle: number): Float32Array =>
    Float32Array.from({ length: width * height }, (_, at) => {
      const dx = (at % width) + 0.5 - 100;
      const dy = Math.floor(at / width) + 0.5 - 60;
      const along = Math.abs(dx * Math.cos(angle) + dy * Math.sin(angle));
      const across = Math.abs(dy * Math.cos(angle) - dx * Math.sin(angle));
      return along <= 60 && across <= 6 ? 0.9 : 0.01;
    });

  it.each([0, 0.05, -0.3])('are found at an angle of %s and grown', (angle) => {
    const [region, ...others] = textRegions(barAt(angle), width, height);
    expect(others).toEqual([]);
    expect(region?.angle).toBeCloseTo(angle, 1);
    expect(Math.abs((region?.x ?? 0) - 100)).toBeLessThan(1.5);
    expect(Math.abs((region?.y ?? 0) - 60)).toBeLessThan(1.5);
    // 120 x 12 grown by its area x 1.6 / perimeter on each side.
    const by = (120 * 12 * 1.6) / 264;
    expect(Math.abs((region?.width ?? 0) - (120 + 2 * by))).toBeLessThan(4);
    expect(Math.abs((region?.height ?? 0) - (12 + 2 * by))).toBeLessThan(4);
  });

  it('that are faint or tiny are dirt', () => {
    expect(
      textRegions(
        barAt(0).map((value) => value * 0.45),
        width,
        height,
      ),
    ).toEqual([]);
    const dot = new Float32Array(width * height);
    dot[500] = 1;
    expect(textRegions(dot, width, height)).toEqual([]);
  });
});

describe('rectangles', () => {
  it('come back after four quarter turns, and turn with their image', () => {
    const rect = { x: 30, y: 20, width: 40, height: 10, angle: 0.1 };
    let [now, width, height] = [rect, 200, 100];
    for (let turns = 0; turns < 4; turns++) {
      now = turnedRect(now, 1, width, height);
      [width, height] = [height, width];
    }
    expect(now.x).toBeCloseTo(rect.x);
    expect(now.y).toBeCloseTo(rect.y);
    expect([now.width, now.height]).toEqual([40, 10]);
    expect(turnedRect(rect, 2, 200, 100)).toMatchObject({ x: 170, y: 80 });
  });

  it('stand around hulls and are stood around', () => {
    const points = [0, 1, 2, 3, 4].flatMap((x) => [0, 1, 2].map((y) => ({ x, y })));
    expect(convexHull(points)).toHaveLength(4);
    expect(smallestRect(convexHull(points))).toMatchObject({ x: 2, y: 1, width: 4, height: 2 });
    expect(boxAround({ x: 10, y: 10, width: 8, height: 2, angle: Math.PI / 2 }).height).toBeCloseTo(8);
    expect(weightedMedian([])).toBe(0);
  });

  it('are cut out of pixels that turn', () => {
    // A red pixel at the left end of a black row.
    const image = { width: 3, height: 1, data: Uint8Array.from([255, 0, 0, 0, 0, 0, 0, 0, 0]) };
    const redAt = (quarters: Quarters): number => turned(image, quarters).data.indexOf(255) / 3;
    expect([0, 1, 2, 3].map((quarters) => redAt(quarters as Quarters))).toEqual([0, 0, 2, 2]);
    expect(turned(image, 1)).toMatchObject({ width: 1, height: 3 });
    const picture = cropRect(image, { x: 1.5, y: 0.5, width: 3, height: 1, angle: 0 }, 2, 100);
    expect([picture.width, picture.height]).toEqual([6, 2]);
    expect(picture.data[0]).toBeGreaterThan(200);
    expect(picture.data.at(-1)).toBe(0);
  });
});

describe('reading order', () => {
  const line = (text: string, left: number, top: number, width = 300): ReadLine => ({
    text,
    confidence: 1,
    rect: { x: left + width / 2, y: top + 10, width, height: 20, angle: 0 },
  });

  it('goes down one column before the next, with a heading across them first', () => {
    const columns = [0, 1, 2, 3].flatMap((row) => [line(`r${row}`, 400, 100 + 30 * row), line(`l${row}`, 0, 100 + 30 * row)]);
    const texts = readingOrder([...columns, line('head', 0, 20, 700)]).map(({ text }) => text);
    expect(texts).toEqual(['head', 'l0', 'l1', 'l2', 'l3', 'r0', 'r1', 'r2', 'r3']);
  });

  it('reads a table by its rows', () => {
    const cells = [0, 1, 2].flatMap((row) => [line(`b${row}`, 300, 30 * row, 40), line(`a${row}`, 0, 30 * row, 40)]);
    expect(readingOrder(cells).map(({ text }) => text)).toEqual(['a0', 'b0', 'a1', 'b1', 'a2', 'b2']);
  });

  it('knows by how much a page leans', () => {
    expect(skewOf([0.03, 0.03, 0.5].map((angle, index) => ({ x: 0, y: 0, width: index === 2 ? 10 : 200, height: 10, angle })))).toBe(0.03);
  });
});

it('words of tesseract’s table become lines with their boxes', () => {
  const table = [
    'level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext',
    '4\t1\t1\t1\t1\t0\t10\t20\t90\t12\t-1\t',
    '5\t1\t1\t1\t1\t1\t10\t20\t40\t12\t90\tHello',
    '5\t1\t1\t1\t1\t2\t60\t21\t40\t12\t80\tworld',
    '5\t1\t1\t1\t2\t1\t10\t40\t40\t12\t70.5\tagain',
  ].join('\r\n');
  expect(readTable(table)).toEqual([
    { text: 'Hello world', confidence: expect.closeTo(0.85, 5), box: { x: 10, y: 20, width: 90, height: 13 } },
    { text: 'again', confidence: expect.closeTo(0.705, 5), box: { x: 10, y: 40, width: 40, height: 12 } },
  ]);
});

describe('image files', () => {
  const all = async (bytes: Uint8Array, mediaType: string, spend: (bytes: number) => void = () => undefined) => {
    const pages = [];
    for await (const page of decodeImages(bytes, mediaType, spend)) pages.push(page);
    return pages;
  };

  it('in PNG are pixels on white, of any depth', async () => {
    const clear = encodePng({ width: 1, height: 2, channels: 4, data: Uint8Array.from([1, 2, 3, 255, 9, 9, 9, 0]) });
    expect((await all(clear, 'image/png'))[0]).toMatchObject({ width: 1, height: 2, data: Uint8Array.from([1, 2, 3, 255, 255, 255]) });
    const grey = encodePng({ width: 2, height: 1, channels: 1, depth: 16, data: Uint16Array.from([0, 65_535]) });
    expect((await all(grey, 'image/png'))[0]?.data).toEqual(Uint8Array.from([0, 0, 0, 255, 255, 255]));
  });

  it('in JPEG are about the pixels that went in', async () => {
    const data = Buffer.alloc(16 * 8 * 4, 200);
    const [page] = await all(jpegJs.encode({ width: 16, height: 8, data }, 95).data, 'image/jpeg');
    expect(page).toMatchObject({ width: 16, height: 8 });
    expect(Math.max(...(page?.data ?? []).map((value) => Math.abs(value - 200)))).toBeLessThan(4);
  });

  it('that are too large are refused before a pixel is decoded; damaged ones by name', async () => {
    const bomb = Buffer.from(encodePng({ width: 1, height: 1, channels: 3, data: new Uint8Array(3) }));
    bomb.writeUInt32BE(60_000, 16);
    bomb.writeUInt32BE(60_000, 20);
    expect(60_000 * 60_000).toBeGreaterThan(MOST_PIXELS);
    const spent: number[] = [];
    await expect(all(bomb, 'image/png', (bytes) => spent.push(bytes))).rejects.toMatchObject({ code: 'document_too_large' });
    expect(spent).toEqual([]);
    for (const type of ['png', 'jpeg', 'tiff', 'webp']) {
      await expect(all(Buffer.from('no image at all'), `image/${type}`)).rejects.toMatchObject({ code: 'document_unreadable' });
    }
    const cut = encodePng({ width: 50, height: 50, channels: 3, data: new Uint8Array(7500) }).subarray(0, 60);
    await expect(all(cut, 'image/png')).rejects.toMatchObject({ code: 'document_unreadable' });
  });
});
