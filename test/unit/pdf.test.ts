import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type {
  DocumentWarning,
  DraftBlock,
  OcrResult,
  PageImage,
  ParseContext,
  ParsedContent,
  ParseOptions,
} from '../../src/documents/document-types.ts';
import { pdfParser } from '../../src/documents/parse/pdf.ts';
import { isoDate } from '../../src/documents/parse/pdf-document.ts';
import { makePdf, say, sayLines } from '../support/make-pdf.ts';
import { markitdownFile, markitdownVectors } from '../support/markitdown-vectors.ts';

const DOCLING = new URL('../../../shared/data/documents/docling/', import.meta.url);
const docling = (path: string) => readFileSync(new URL(path, DOCLING));
const hasDocuments = existsSync(DOCLING);

interface Help {
  readonly options?: Omit<ParseOptions, 'signal'>;
  readonly maxPages?: number;
  readonly ocr?: (image: PageImage) => Promise<OcrResult>;
  readonly parsePart?: ParseContext['parsePart'];
}

async function read(bytes: Uint8Array, { options = {}, maxPages = 1000, ocr, parsePart = async () => undefined }: Help = {}) {
  const warnings: DocumentWarning[] = [];
  const limits = { timeoutMs: 60_000, memoryBytes: 2 ** 30, maxPages, maxInflatedBytes: 2 ** 28, maxNesting: 3, maxParts: 20 };
  const context: ParseContext = {
    options,
    limits,
    mediaType: 'application/pdf',
    depth: 0,
    warn: (warning) => warnings.push(warning),
    ocr,
    spend: () => {},
    parsePart,
  };
  const content: ParsedContent = await pdfParser.parse(bytes, context);
  const text = content.blocks.map((block) => block.text).join('\n\n');
  const kinds = (kind: DraftBlock['kind']) => content.blocks.filter((block) => block.kind === kind);
  return { ...content, text, warnings, kinds };
}

const PROSE = [
  'The river rises in the hills and runs through three',
  'counties before it reaches the sea at the old harbour,',
  'where fishing boats have been built for centuries and',
  'where the market is held on every second Saturday of',
  'the month. Visitors come from far away to see it and',
  'to taste the smoked herring that the town is known for.',
];

describe('layout', () => {
  test('lines become paragraphs, and words divided at the end of a line are whole', async () => {
    const lines = ['The commission published its informa-', 'tion in a well-', 'known report. It has well-known authors and', 'no ﬁgures.'];
    const { blocks } = await read(
      makePdf({
        pages: [
          {
            content: sayLines(
              72,
              700,
              lines.map((line) => line.replace('ﬁ', 'fi')),
            ),
          },
        ],
      }),
    );
    expect(blocks.map(({ text }) => text)).toEqual([
      'The commission published its information in a well-known report. It has well-known authors and no figures.',
    ]);
  });

  test('columns are read one after the other, a title over both first', async () => {
    const left = PROSE.map((line) => `left ${line}`);
    const right = PROSE.map((line) => `right ${line}`);
    // Line by line across the page, as some programs write.
    const rows = PROSE.map(
      (_, index) => say(50, 650 - 12 * index, left[index] ?? '', 9) + say(320, 650 - 12 * index, right[index] ?? '', 9),
    );
    const { blocks } = await read(
      makePdf({
        pages: [{ content: say(50, 700, 'Rivers and harbours of the whole northern coast in the last century', 16) + rows.join('') }],
      }),
    );
    expect(blocks.map(({ kind }) => kind)).toEqual(['heading', 'text', 'text']);
    expect(blocks[1]?.text).toMatch(/^left The river.*known for\.$/);
    expect(blocks[1]?.text).not.toContain('right');
    expect(blocks[2]?.text).toMatch(/^right The river.*known for\.$/);
  });

  test('headings by size and weight, with levels', async () => {
    const content =
      say(72, 720, 'A History of Rivers', 20, 'F2') +
      say(72, 680, 'Early days', 14, 'F2') +
      sayLines(72, 660, PROSE) +
      say(72, 560, 'A note in bold', 10, 'F2') +
      sayLines(72, 540, PROSE);
    const { blocks } = await read(makePdf({ pages: [{ content }] }));
    expect(blocks.map(({ kind, level }) => (level === undefined ? kind : `${kind} ${level}`))).toEqual([
      'heading 1',
      'heading 2',
      'text',
      'heading 3',
      'text',
    ]);
  });

  test('lists by bullets and numbers, with nesting', async () => {
    const bullets =
      say(72, 700, '\x95 first thing') +
      say(72, 686, '\x95 second thing that goes on') +
      say(80, 674, 'in a further line') +
      say(92, 660, '\x95 nested');
    const numbers = say(72, 600, '1. one') + say(72, 586, '2. two');
    const lists = (await read(makePdf({ pages: [{ content: sayLines(72, 780, PROSE.slice(0, 3)) + bullets + numbers }] }))).kinds('list');
    expect(lists.map(({ text, ordered }) => ({ text, ordered }))).toEqual([
      { text: '- first thing\n- second thing that goes on in a further line\n  - nested\n1. one\n2. two', ordered: false },
    ]);
  });

  test('a table without lines and one with lines', async () => {
    const data = [
      ['Item', 'Count', 'Price'],
      ['Apples', '12', '3.40'],
      ['Pears', '7', '11.00'],
    ];
    const at = (top: number) =>
      data.map((row, index) => row.map((cell, place) => say(80 + 150 * place, top - 20 * index, cell)).join('')).join('');
    const grid = (top: number) =>
      [0, 1, 2, 3].map((row) => `70 ${top - 20 * row} m 520 ${top - 20 * row} l S\n`).join('') +
      [0, 1, 2, 3].map((column) => `${70 + 150 * column} ${top} m ${70 + 150 * column} ${top - 60} l S\n`).join('');
    const { blocks } = await read(makePdf({ pages: [{ content: at(700) + sayLines(72, 600, PROSE) + at(486) + grid(500) }] }));
    expect(blocks.map(({ kind }) => kind)).toEqual(['table', 'text', 'table']);
    for (const table of [blocks[0], blocks[2]])
      expect(table).toMatchObject({ rows: data, headerRows: 1, text: 'Item | Count | Price\nApples | 12 | 3.40\nPears | 7 | 11.00' });
  });

  test('code keeps its lines and indents', async () => {
    const code = ['function add(a, b) {', '  return a + b;', '}'];
    // PDF places the indent; the letters of the line start after it.
    const content =
      sayLines(72, 720, PROSE) +
      say(72, 620, code[0] ?? '', 10, 'F3') +
      say(84, 608, 'return a + b;', 10, 'F3') +
      say(72, 596, '}', 10, 'F3');
    const { kinds } = await read(makePdf({ pages: [{ content }] }));
    expect(kinds('code').map(({ text }) => text)).toEqual([code.join('\n')]);
  });

  test('running heads stay once, page numbers not at all', async () => {
    const pages = [1, 2, 3].map((page) => ({
      content:
        say(72, 760, 'Annual report of the harbour', 9) +
        sayLines(
          72,
          700,
          PROSE.map((line) => `${line} ${page}`),
        ) +
        say(300, 30, `Page ${page} of 3`, 9),
    }));
    const { text, warnings } = await read(makePdf({ pages }));
    expect(text.match(/Annual report/g)).toHaveLength(1);
    expect(text).not.toMatch(/Page \d of/);
    expect(text.match(/The river rises/g)).toHaveLength(3);
    expect(warnings).toEqual([]);
  });

  test('numbers that do not count pages are no running head, and a page is never left without text', async () => {
    const numbers = [1007, 1031, 1008];
    const invoices = numbers.map((number) => ({ content: say(72, 760, `Invoice ${number}`, 9) + sayLines(72, 700, PROSE) }));
    expect((await read(makePdf({ pages: invoices }))).text.match(/Invoice \d+/g)).toEqual(numbers.map((number) => `Invoice ${number}`));
    const slides = [1, 2].map(() => ({ content: say(72, 760, 'Thank you') }));
    expect((await read(makePdf({ pages: slides }))).blocks).toHaveLength(2);
  });

  test('boxes are in points from the top left, also on a turned page and of turned text', async () => {
    const upright = await read(makePdf({ pages: [{ content: say(100, 692, 'Upright text') }] }));
    expect(upright.blocks[0]).toMatchObject({ page: 1, text: 'Upright text' });
    const box = upright.blocks[0]?.box;
    expect(box?.x).toBeCloseTo(100, 0);
    expect(box !== undefined && box.y < 100 && box.y + box.height > 100 && box.height < 20).toBe(true);
    const content = `BT /F1 10 Tf 0 1 -1 0 100 200 Tm (Turned by a quarter) Tj ET`;
    const turned = (await read(makePdf({ pages: [{ content, rotate: 90 }] }))).blocks[0];
    expect(turned?.text).toBe('Turned by a quarter');
    // The page is shown turned clockwise: what stood 100 points from its left edge stands so far from the top.
    expect(turned?.box?.x).toBeCloseTo(200, 0);
    expect(turned?.box !== undefined && turned.box.y < 100 && turned.box.y > 80).toBe(true);
    const aside = (await read(makePdf({ pages: [{ content: sayLines(150, 700, PROSE) + content }] }))).blocks.at(-1);
    expect(aside).toMatchObject({ text: 'Turned by a quarter' });
    expect(aside?.box !== undefined && aside.box.height > aside.box.width && aside.box.x < 100).toBe(true);
  });
});

describe('what a document carries', () => {
  test('metadata, language, outline and links', async () => {
    const link = '<< /Type /Annot /Subtype /Link /Rect [70 690 200 712] /A << /S /URI /URI (https://example.org/a) >> >>';
    const { metadata, outline, blocks } = await read(
      makePdf({
        pages: [{ content: say(72, 700, 'Read this page'), annotations: [link] }, { content: say(72, 700, 'See https://example.org/b.') }],
        info: { Title: 'On harbours', Author: 'A. Fisher', CreationDate: "D:20240229120000+02'00'" },
        language: 'en-GB',
        outline: [
          { title: 'First', page: 0 },
          { title: 'Second', page: 1 },
        ],
      }),
    );
    expect(metadata).toMatchObject({
      title: 'On harbours',
      author: 'A. Fisher',
      createdAt: '2024-02-29T10:00:00.000Z',
      language: 'en-GB',
      pages: 2,
    });
    expect(outline).toEqual([
      { title: 'First', level: 1, page: 1 },
      { title: 'Second', level: 1, page: 2 },
    ]);
    expect(blocks.map(({ page, links }) => ({ page, links }))).toEqual([
      { page: 1, links: [{ text: 'Read this page', url: 'https://example.org/a' }] },
      { page: 2, links: [{ text: 'https://example.org/b', url: 'https://example.org/b' }] },
    ]);
  });

  test('dates as PDF writes them', () => {
    expect(isoDate('D:2024')).toBe('2024-01-01');
    expect(isoDate('D:20240317')).toBe('2024-03-17');
    expect(isoDate('D:20240317101112Z')).toBe('2024-03-17T10:11:12.000Z');
    expect(isoDate('yesterday')).toBeUndefined();
    expect(isoDate('D:20249999')).toBeUndefined();
  });

  test('what was written into a form stands beside its label', async () => {
    const field = '<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (Ada Lovelace) /Rect [130 696 300 712] >>';
    const { text } = await read(makePdf({ pages: [{ content: say(72, 700, 'Full name:'), annotations: [field] }] }));
    expect(text).toMatch(/Full name: Ada Lovelace/);
  });

  test('attachments go to the other parsers', async () => {
    const asked: [string, string][] = [];
    const parsePart: ParseContext['parsePart'] = async (bytes, name) => {
      asked.push([name, Buffer.from(bytes).toString()]);
      return { metadata: {}, blocks: [{ kind: 'text', text: 'from the attachment', page: 7 }] };
    };
    const bytes = makePdf({
      pages: [{ content: say(72, 700, 'Body') }],
      attachments: [{ name: 'notes.txt', bytes: Buffer.from('hello') }],
    });
    const { blocks } = await read(bytes, { parsePart });
    expect(asked).toEqual([['notes.txt', 'hello']]);
    expect(blocks.slice(1)).toEqual([
      { kind: 'heading', level: 1, text: 'notes.txt' },
      { kind: 'text', text: 'from the attachment' },
    ]);
  });
});

describe('pages without text', () => {
  const scan = makePdf({ pages: [{ content: sayLines(72, 700, PROSE) }, { content: '', scanned: true }, { content: '' }] });
  const ocrOf = (seen: PageImage[]) => async (image: PageImage) => {
    seen.push(image);
    const box = { x: 100, y: 200, width: 1000, height: 50 };
    const lines = [
      { text: 'Recognised first line', confidence: 0.9, box },
      { text: 'and the second.', confidence: 0.7, box: { ...box, y: 260 } },
    ];
    return { lines, rotation: 0, engine: 'test' };
  };

  test('go to OCR as an image of the page, and come back with boxes in points', async () => {
    const seen: PageImage[] = [];
    const { blocks, warnings } = await read(scan, { ocr: ocrOf(seen), options: { dpi: 144 } });
    expect(seen.map(({ width, height, data }) => [width, height, data.length])).toEqual([[1224, 1584, 1224 * 1584 * 3]]);
    // The grey that the page is filled with: RGB without padding.
    expect([...(seen[0]?.data.subarray(3 * 1224 * 800, 3 * 1224 * 800 + 3) ?? [])]).toEqual([0xaa, 0xaa, 0xaa]);
    const block = blocks.find(({ page }) => page === 2);
    expect(block).toMatchObject({
      kind: 'text',
      text: 'Recognised first line and the second.',
      box: { x: 50, y: 100, width: 500, height: 55 },
    });
    expect(block?.confidence).toBeCloseTo(0.816, 2);
    expect(warnings).toEqual([]);
  });

  test('are named in a warning where there is no OCR; an empty page is not', async () => {
    const { warnings } = await read(scan);
    expect(warnings.map(({ code, page }) => [code, page])).toEqual([['page_without_text', 2]]);
    const off = await read(scan, { ocr: ocrOf([]), options: { ocr: 'never' } });
    expect(off.warnings.map(({ code, page }) => [code, page])).toEqual([['page_without_text', 2]]);
  });

  test('OCR of every page where that is asked for', async () => {
    const seen: PageImage[] = [];
    const { text } = await read(scan, { ocr: ocrOf(seen), options: { ocr: 'always', dpi: 72 } });
    expect(seen).toHaveLength(3);
    expect(text).not.toContain('The river rises');
  });

  test('a page that OCR fails on is a warning, not the end of the document', async () => {
    const { text, warnings } = await read(scan, { ocr: () => Promise.reject(new Error('no model')) });
    expect(text).toContain('The river rises');
    expect(warnings).toMatchObject([{ code: 'page_without_text', page: 2 }]);
  });

  test('letters without meaning are no text layer', async () => {
    const seen: PageImage[] = [];
    const noise = PROSE.map((line) => line.replaceAll(/[aeiouy]/g, 'x'));
    await read(makePdf({ pages: [{ content: sayLines(72, 700, noise) }] }), { ocr: ocrOf(seen), options: { dpi: 72 } });
    expect(seen).toHaveLength(1);
  });
});

describe('limits and broken files', () => {
  const three = makePdf({ pages: [1, 2, 3].map((page) => ({ content: say(72, 700, `This is page ${page} of the text`) })) });

  test('pages beyond the limit are counted in a warning', async () => {
    const { blocks, warnings, metadata } = await read(three, { maxPages: 2 });
    expect(blocks.map(({ page }) => page)).toEqual([1, 2]);
    expect(metadata.pages).toBe(3);
    expect(warnings).toEqual([{ code: 'limit_reached', message: expect.stringContaining('1 of 3 pages') }]);
  });

  test('an encrypted file needs its password', async () => {
    const bytes = readFileSync(new URL('../fixtures/documents/encrypted.pdf', import.meta.url));
    await expect(read(bytes)).rejects.toMatchObject({ code: 'document_encrypted', message: expect.stringContaining('none was given') });
    const wrong = read(bytes, { options: { password: 'guess' } });
    await expect(wrong).rejects.toMatchObject({ code: 'document_encrypted', message: expect.stringContaining('not the right one') });
    expect((await read(bytes, { options: { password: 'open sesame' } })).text).toBe('The vault holds seven golden keys.');
  });

  test('what is no PDF, or only the start of one, is unreadable', async () => {
    await expect(read(Buffer.from('%PDF-1.7\nnothing more'))).rejects.toMatchObject({ code: 'document_unreadable' });
    await expect(read(Buffer.alloc(0))).rejects.toMatchObject({ code: 'document_unreadable' });
    await expect(read(three.subarray(0, 300))).rejects.toMatchObject({ code: 'document_unreadable' });
  });

  test('a file without its end gives what is whole', async () => {
    const { text } = await read(three.subarray(0, three.length - 20));
    expect(text).toContain('This is page 1 of the text');
  });

  test('mutated files end in a result or in a named error, and the reader goes on', async () => {
    const rich = makePdf({
      pages: [1, 2].map((page) => ({ content: sayLines(72, 700, PROSE) + say(72, 500, `Page ${page}`), scanned: page === 2 })),
      outline: [{ title: 'One', page: 0 }],
      attachments: [{ name: 'a.txt', bytes: Buffer.from('attached') }],
    });
    let state = 12345;
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const codes = new Set<string>();
    for (let round = 0; round < 300; round++) {
      const bytes = Uint8Array.from(rich);
      for (let change = 0; change <= random(20); change++) bytes[random(bytes.length)] = random(256);
      const cut = random(4) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
      const end = await read(cut).then(
        () => 'read',
        (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : `not ours: ${String(error)}`),
      );
      codes.add(end);
    }
    expect(
      [...codes].filter((code) => !['read', 'document_unreadable', 'document_encrypted', 'document_too_large'].includes(code)),
    ).toEqual([]);
    expect((await read(three)).text).toContain('This is page 3 of the text');
  });

  test('documents read one after the other do not add up in memory', async () => {
    const sizes: number[] = [];
    for (let round = 0; round < 60; round++) {
      await read(three);
      if (round % 20 === 19) sizes.push(process.memoryUsage().arrayBuffers + process.memoryUsage().external);
    }
    expect((sizes[2] ?? 0) - (sizes[0] ?? 0)).toBeLessThan(8 * 2 ** 20);
  });
});

describe.skipIf(!hasDocuments)('documents that others test with', () => {
  test('the strings of markitdown', async () => {
    for (const { filename, mustInclude, mustNotInclude } of markitdownVectors('test.pdf')) {
      const { text } = await read(markitdownFile(filename));
      for (const part of mustInclude) expect(text).toContain(part);
      for (const part of mustNotInclude) expect(text).not.toContain(part);
    }
  });

  test('tables of business papers are rows', async () => {
    const rows = async (name: string) => (await read(markitdownFile(name))).kinds('table').flatMap((table) => table.rows ?? []);
    const inventory = await rows('SPARSE-2024-INV-1234_borderless_table.pdf');
    expect(inventory[0]).toEqual(['Product Code', 'Location', 'Expected', 'Actual', 'Variance', 'Status']);
    expect(inventory).toContainEqual(['SKU-9201', '', '780', '778', '', 'OK']);
    expect(inventory).toContainEqual(['SKU-4563', 'D-22', '', '156', '', 'CRITICAL']);
    expect(await rows('REPAIR-2022-INV-001_multipage.pdf')).toContainEqual(['Insured name', 'Gabriel Diaz', 'Year', '2022']);
    expect(await rows('movie-theater-booking-2024.pdf')).toContainEqual([
      'Alt Order #:',
      'SC-WINTER-2024',
      'Primary Contact:',
      'Sarah Johnson',
    ]);
  });

  test('clauses keep their partial numbers', async () => {
    const { text } = await read(markitdownFile('masterformat_partial_numbering.pdf'));
    expect(text).toContain('.1 The intent of this Request for Proposal (RFP) is to solicit submissions');
    expect(text).toContain('.2 Available information relative to the project');
  });

  test('a page in two columns, opened with its password, is read column by column', async () => {
    const { text } = await read(docling('pdf_password/sources/2206.01062_pg3.pdf'), { options: { password: '1234' } });
    const places = [
      'to a minimum, since they introduce',
      'We did not control the document selection with regard to language',
      'To ensure that future benchmarks',
      'In order to accommodate the',
      'ANNOTATION CAMPAIGN',
      'The annotation campaign was carried out in four phases',
    ].map((sentence) => text.indexOf(sentence));
    expect(places.every((place) => place >= 0)).toBe(true);
    expect(places).toEqual([...places].sort((one, other) => one - other));
  });

  test('headings, lists and pages of an article of five pages', async () => {
    const { blocks } = await read(docling('pdf/sources/multi_page.pdf'));
    const headings = blocks.filter(({ kind }) => kind === 'heading').map(({ text, page }) => `${page} ${text}`);
    expect(headings).toContain('1 The Evolution of the Word Processor');
    expect(headings).toContain('2 Future of Word Processing');
    expect(headings).toContain('3 Key Features That Changed Word Processing');
    expect(blocks.find(({ kind, text }) => kind === 'list' && text.includes('WordStar (1978)'))?.text).toMatch(
      /^- WordStar \(1978\): Developed/,
    );
    expect(new Set(blocks.map(({ page }) => page))).toEqual(new Set([1, 2, 3, 4, 5]));
  });

  test('Arabic is in its logical order', async () => {
    const { text } = await read(docling('pdf/sources/right_to_left_01.pdf'));
    expect(text).toContain('تحسين الإنتاجية وحل المشكلات من خلال البرمجة بلغة');
  });

  test('an outline in levels', async () => {
    const { outline, kinds } = await read(docling('pdf/bookmark_sample.pdf'));
    expect(outline).toContainEqual({ title: '3.1 Payment Schedule', level: 3, page: 2 });
    expect(kinds('heading')).toContainEqual(expect.objectContaining({ text: '3.1 Payment Schedule', level: 3 }));
  });

  test('a text layer that cannot be seen is read; a scan is not', async () => {
    expect((await read(docling('pdf/invisible_text_layer.pdf'))).text).toContain('Invisible OCR text layer');
    const scan = await read(markitdownFile('MEDRPT-2024-PAT-3847_medical_report_scan.pdf'));
    expect(scan.warnings.map(({ code, page }) => [code, page])).toEqual([1, 2, 3].map((page) => ['page_without_text', page]));
  });

  test('nearly all words of docling’s own output', async () => {
    for (const name of ['code_and_formula', 'picture_classification', 'multi_page', 'normal_4pages', 'amt_handbook_sample']) {
      const { text } = await read(docling(`pdf/sources/${name}.pdf`));
      const words = new Set(text.match(/[\p{L}\p{N}]+/gu));
      const expected =
        docling(`pdf/groundtruth/${name}.md`)
          .toString()
          .replaceAll(/<!--.*?-->/g, '')
          .match(/[\p{L}\p{N}]+/gu) ?? [];
      const found = expected.filter((word) => words.has(word)).length;
      expect(found / expected.length, name).toBeGreaterThan(0.95);
    }
  });
});
