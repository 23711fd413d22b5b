import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ParsedDocument } from '../../src/documents/document-types.ts';
import { LocalLiteError } from '../../src/errors.ts';
import { parseFile } from '../support/parse-file.ts';

const HEAD =
  '\\rtf1\\ansi\\ansicpg1252\\deff0{\\fonttbl{\\f0\\froman Times;}{\\f1\\fcharset204 Arial;}{\\f2\\fcharset128 MS Mincho;}}{\\colortbl;\\red0\\green0\\blue0;}{\\stylesheet{\\s0 Normal;}{\\s1\\outlinelevel0 heading 1;}{\\s2 heading 2;}{\\s3 Title;}{\\*\\cs4 Char;}}';
const rtf = (body: string): Uint8Array => new Uint8Array(Buffer.from(`{${HEAD}${body}}`, 'latin1'));
const read = (body: string): Promise<ParsedDocument> => parseFile(rtf(body));
const outline = ({ blocks }: Pick<ParsedDocument, 'blocks'>): unknown[] => blocks.map(({ kind, text }) => [kind, text]);

describe('Rich Text Format', () => {
  it('headings by style and outline level, paragraphs and lines', async () => {
    const body =
      '\\pard\\s3 The title\\par\\pard\\s1 One\\par\\pard plain {\\b bold} text\\line next\\par\\pard\\s2 Two\\par\\pard\\outlinelevel2 Three\\par\\pard end';
    const { blocks, metadata } = await read(body);
    expect(blocks.map(({ kind, level, text }) => [kind, level, text])).toEqual([
      ['heading', 1, 'The title'],
      ['heading', 1, 'One'],
      ['text', undefined, 'plain bold text\nnext'],
      ['heading', 2, 'Two'],
      ['heading', 3, 'Three'],
      ['text', undefined, 'end'],
    ]);
    expect(metadata.title).toBe('The title');
  });

  it('characters: code pages of fonts, Unicode with and without what stands for it, signs', async () => {
    const body =
      "caf\\'e9 \\'80 {\\f1 \\'cf\\'f0\\'e8} {\\f2 \\'93\\'fa\\'96\\'7b} \\u8364? \\uc2\\u26085\\'93\\'fa.\\uc0\\u-10179\\u-8704 \\ldblquote q\\rdblquote\\~\\emdash\\{\\}\\\\ x\\-y\\par";
    expect((await read(body)).text).toBe('café € При 日本 € 日.😀“q”\u00a0—{}\\ xy');
  });

  it('lists by the marks that stand before their items', async () => {
    const item = (mark: string, level: number, text: string): string =>
      `\\pard{\\listtext\\f0 ${mark}\\tab}\\ls1\\ilvl${level} ${text}\\par`;
    const items = [item("\\'b7", 0, 'a'), item("\\'b7", 1, 'b'), item('1.', 0, 'one'), item('2.', 0, 'two')];
    const body = `${items.join('')}\\pard after\\par`;
    expect(outline(await read(body))).toEqual([
      ['list', '- a\n  - b'],
      ['list', '1. one\n2. two'],
      ['text', 'after'],
    ]);
  });

  it('tables with cells merged across and down', async () => {
    const row = (forms: string, ...cells: readonly string[]): string =>
      `\\trowd${forms}\\pard\\intbl ${cells.map((cell) => `${cell}\\cell `).join('')}\\row`;
    const body = `before\\par${row('\\trhdr\\cellx1000\\cellx2000\\cellx3000', 'A', 'B', 'C')}${row('\\cellx2000\\clvmgf\\cellx3000', 'wide', 'down')}${row('\\cellx1000\\cellx2000\\clvmrg\\cellx3000', '1\\par more', '2', '')}\\pard after\\par`;
    const { blocks } = await read(body);
    expect(outline({ blocks })).toEqual([
      ['text', 'before'],
      ['table', 'A | B | C\nwide | wide | down\n1 more | 2 | down'],
      ['text', 'after'],
    ]);
    expect(blocks[1]?.headerRows).toBe(1);
  });

  it('links, notes and comments; headers, pictures, hidden and unknown parts are left out', async () => {
    const body =
      '{\\header page head}{\\pict\\pngblip 89504e47}{\\*\\unknown lost}{\\v hidden}see {\\field{\\*\\fldinst HYPERLINK "https://x.org/a"}{\\fldrslt the page}}{\\footnote\\pard below} now{\\*\\atnauthor Ann}{\\*\\annotation why?}\\par {\\field{\\*\\fldinst HYPERLINK "javascript:x"}{\\fldrslt no link}}\\par{\\shp{\\*\\shpinst{\\sp{\\sn a}{\\sv b}}{\\shptxt boxed\\par}}}';
    const { blocks } = await read(body);
    expect(outline({ blocks })).toEqual([
      ['text', 'see the page[1] now'],
      ['footnote', '[1] below'],
      ['footnote', 'Comment by Ann: why?'],
      ['text', 'no link'],
      ['text', 'boxed'],
    ]);
    expect(blocks.map(({ links }) => links)).toEqual([
      [{ text: 'the page', url: 'https://x.org/a' }],
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('properties', async () => {
    const body =
      "{\\info{\\title Caf\\'e9 \\u8211 -}{\\author Ann}{\\creatim\\yr2026\\mo1\\dy2\\hr3\\min4}{\\keywords a, b}{\\doccomm said}}x";
    expect((await read(body)).metadata).toMatchObject({
      title: 'Café –',
      author: 'Ann',
      createdAt: '2026-01-02T03:04:00.000Z',
      properties: { keywords: 'a, b', description: 'said' },
    });
  });
});

describe('hostile Rich Text Format', () => {
  it('groups without end', async () => {
    await expect(read('{'.repeat(2_000_000))).rejects.toMatchObject({
      code: 'document_unreadable',
      message: expect.stringContaining('nested'),
    });
    expect((await read(`${'}'.repeat(1_000_000)} still here`)).text).toContain('still here');
  });

  it('a length of binary data beyond the end, and one that is right', async () => {
    expect((await read('a{\\pict\\bin2147483647 xxxx')).text).toBe('a');
    expect((await read('a{\\pict\\bin4 }}}}}b')).text).toBe('ab');
    expect((await read('a{\\*\\objdata \\bin-5 }b')).text).toBe('ab');
  });

  it('a file that is cut off is read as far as it goes, and that is told', async () => {
    const { text, warnings } = await parseFile('{\\rtf1\\ansi some words\\par and {\\b mo');
    expect(text).toBe('some words\n\nand mo');
    expect(warnings.map(({ code }) => code)).toEqual(['document_cut']);
  });

  it('notes in notes and tables of very many cells end', async () => {
    expect((await read(`x${'{\\footnote n'.repeat(3000)}`)).text).toContain('[1]');
    const { blocks } = await read(`\\trowd\\intbl ${'c\\cell '.repeat(20_000)}\\row`);
    expect(blocks[0]?.rows?.[0]?.length).toBeLessThanOrEqual(1000);
  });

  it('whatever is mixed up: a document or a named error', async () => {
    const piece = fc.constantFrom(
      ...['{', '}', '\\par', '\\cell ', '\\row', '\\trowd', '\\intbl ', '\\cellx99 ', "\\'e9", '\\u-99999?', '\\uc9 ', '\\pard'],
    );
    const group = fc.constantFrom(
      ...[
        '{\\footnote ',
        '{\\field{\\*\\fldinst HYPERLINK "x"}{\\fldrslt ',
        '{\\*\\annotation ',
        '{\\listtext 1.}',
        '{\\info{\\title ',
        '{\\stylesheet{\\s1 ',
        'words ',
        '\\ilvl99 ',
        '\\bin3 ',
      ],
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(piece, group), { maxLength: 60 }), async (pieces) => {
        const result = await read(pieces.join('')).catch((error: unknown) => error);
        if (result instanceof Error) expect(LocalLiteError.is(result) && result.code).toMatch(/^document_/);
      }),
      { numRuns: 300 },
    );
  });
});
