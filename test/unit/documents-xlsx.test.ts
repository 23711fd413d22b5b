import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { utils, type WorkBook, type WorkSheet, write } from '@e965/xlsx';
import { describe, expect, it } from 'vitest';
import type { ParsedDocument, ParseOptions } from '../../src/documents/document-types.ts';
import { sheetBlocks } from '../../src/documents/parse/sheet-tables.ts';
import { makeZip } from '../support/make-zip.ts';
import { LIMITS, parseFile } from '../support/parse-file.ts';

const SHEETS = join(import.meta.dirname, '../../../shared/data/documents/docling/xlsx/sources');
const sheetFile = (name: string): Uint8Array => new Uint8Array(readFileSync(join(SHEETS, name)));

function book(sheets: Readonly<Record<string, WorkSheet>>): WorkBook {
  const made = utils.book_new();
  for (const [name, sheet] of Object.entries(sheets)) utils.book_append_sheet(made, sheet, name);
  return made;
}
const bytesOf = (made: WorkBook, bookType: 'xlsx' | 'xlsb' | 'xlsm' | 'biff8' | 'biff5' = 'xlsx'): Uint8Array =>
  new Uint8Array(write(made, { type: 'buffer', bookType }) as Buffer);
const read = (made: WorkBook, options: Omit<ParseOptions, 'signal'> = {}): Promise<ParsedDocument> => parseFile(bytesOf(made), options);
const outline = ({ blocks }: Pick<ParsedDocument, 'blocks'>): unknown[] => blocks.map(({ kind, text }) => [kind, text]);

/** A workbook of one sheet with this XML for its data. */
async function rawBook(data: string, more: Readonly<Record<string, string>> = {}): Promise<Uint8Array> {
  const main = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
  const relations = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
  const types = 'application/vnd.openxmlformats-officedocument.spreadsheetml';
  const list = (target: string, type: string): string =>
    `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="${relations}/${type}" Target="${target}"/></Relationships>`;
  return await makeZip({
    '[Content_Types].xml': `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/xl/workbook.xml" ContentType="${types}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="${types}.worksheet+xml"/><Override PartName="/xl/sharedStrings.xml" ContentType="${types}.sharedStrings+xml"/></Types>`,
    '_rels/.rels': list('xl/workbook.xml', 'officeDocument'),
    'xl/workbook.xml': `<workbook xmlns="${main}" xmlns:r="${relations}"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': list('worksheets/sheet1.xml', 'worksheet'),
    'xl/worksheets/sheet1.xml': `<worksheet xmlns="${main}"><sheetData>${data}</sheetData></worksheet>`,
    ...more,
  });
}

describe('workbooks', () => {
  const rows = [
    ['Item', 'When', 'Share', 'Price'],
    ['Ångström', 45292, 0.25, 1234.5],
    ['Zwei\nZeilen', 45293.75, 1, 3],
  ];
  function formatted(): WorkSheet {
    const sheet = utils.aoa_to_sheet(rows);
    for (const [cell, z] of Object.entries({ B2: 'm/d/yy', B3: 'm/d/yy h:mm', C2: '0%', C3: '0%', D2: '#,##0.00', D3: '#,##0.00 "EUR"' })) {
      Object.assign(sheet[cell] as object, { z });
    }
    return sheet;
  }

  it.each(['xlsx', 'xlsm', 'xlsb', 'biff8'] as const)('%s: values as shown, dates without a country, a sheet a page', async (type) => {
    const second = utils.aoa_to_sheet([['only this']]);
    const { blocks, metadata } = await parseFile(bytesOf(book({ Stock: formatted(), 'Second one': second }), type));
    expect(metadata.pages).toBe(2);
    expect(blocks.map(({ kind, page, text }) => [kind, page, text])).toEqual([
      ['heading', 1, 'Stock'],
      ['table', 1, 'Item | When | Share | Price\nÅngström | 2024-01-01 | 25% | 1,234.50\nZwei Zeilen | 2024-01-02 18:00 | 100% | 3.00 EUR'],
      ['heading', 2, 'Second one'],
      ['text', 2, 'only this'],
    ]);
    expect(blocks[1]).toMatchObject({ headerRows: 1, path: ['Stock'] });
  });

  it('a workbook of before 1997 by its code page', async () => {
    const bytes = Buffer.from(bytesOf(book({ S: utils.aoa_to_sheet([['Qngstrqm'], ['n']]) }), 'biff5'));
    // The library writes no letters but plain ones.
    const at = bytes.indexOf('Qngstrqm', 0, 'latin1');
    bytes.write('\u00c5ngstr\u00f6m', at, 'latin1');
    expect((await parseFile(new Uint8Array(bytes))).text).toContain('Ångström');
  });

  it('tables apart, beside and below each other, with titles', async () => {
    const sheet = utils.aoa_to_sheet([
      ['Ducks'],
      ['Year', 'Count', null, 'Name', 'Age', 'Town'],
      ['2023', 5, null, 'Ann', 40, 'Ulm'],
      ['2024', 7, null, 'Bob', 41, 'Bonn'],
      [],
      ['First', 'Last'],
      ['a', 'b'],
    ]);
    expect(outline(await read(book({ S: sheet }))).slice(1)).toEqual([
      ['text', 'Ducks'],
      ['table', 'Year | Count\n2023 | 5\n2024 | 7'],
      ['table', 'Name | Age | Town\nAnn | 40 | Ulm\nBob | 41 | Bonn'],
      ['table', 'First | Last\na | b'],
    ]);
  });

  it('an empty row inside a table does not cut it from its header; a form keeps labels by their values', async () => {
    const gap = utils.aoa_to_sheet([['Year', 'Count'], [2023, 5], [], [2024, 7]]);
    const form = utils.aoa_to_sheet([
      ['Name', null, null, 'Ann'],
      ['Town', null, null, 'Ulm'],
    ]);
    expect(outline(await read(book({ gap, form })))).toEqual([
      ['heading', 'gap'],
      ['table', 'Year | Count\n2023 | 5\n2024 | 7'],
      ['heading', 'form'],
      ['table', 'Name | Ann\nTown | Ulm'],
    ]);
  });

  it('merged cells stand in each place, over a whole row once; two rows of headers', async () => {
    const sheet = utils.aoa_to_sheet([
      ['All', null, null],
      ['Who', 'Amount', null],
      [null, 'net', 'gross'],
      ['Ann', 1, 2],
      [null, 3, 4],
    ]);
    sheet['!merges'] = ['A1:C1', 'A2:A3', 'B2:C2', 'A4:A5'].map((range) => utils.decode_range(range));
    const { blocks } = await read(book({ S: sheet }));
    expect(outline({ blocks }).slice(1)).toEqual([
      ['text', 'All'],
      ['table', 'Who | Amount | Amount\nWho | net | gross\nAnn | 1 | 2\nAnn | 3 | 4'],
    ]);
    expect(blocks[2]?.headerRows).toBe(2);
  });

  it('hidden sheets, comments and links are there, and hidden ones are said', async () => {
    const sheet = utils.aoa_to_sheet([
      ['Site', 'n'],
      ['home', 1],
    ]);
    Object.assign(sheet['A2'] as object, { l: { Target: 'https://example.org/' }, c: [{ a: 'Ann', t: 'look here' }] });
    const made = book({ Open: sheet, Secret: utils.aoa_to_sheet([['hush']]) });
    made.Workbook = { Sheets: [{ Hidden: 0 }, { Hidden: 2 }] };
    const { blocks, warnings } = await read(made);
    expect(blocks[1]?.links).toEqual([{ text: 'home', url: 'https://example.org/' }]);
    expect(blocks[2]).toMatchObject({ kind: 'footnote', text: 'Comment by Ann: look here' });
    expect(blocks.at(-1)?.text).toBe('hush');
    expect(warnings).toEqual([{ code: 'hidden_sheet', message: expect.stringContaining('Secret'), part: 'Secret', page: 2 }]);
  });

  it('properties', async () => {
    const made = book({ S: utils.aoa_to_sheet([['x']]) });
    made.Props = { Title: 'Stock', Author: 'Ann', Keywords: 'a b', CreatedDate: new Date('2026-01-02T03:04:05Z') };
    const expected = { title: 'Stock', author: 'Ann', createdAt: '2026-01-02T03:04:05.000Z', properties: { keywords: 'a b' } };
    expect((await read(made)).metadata).toMatchObject(expected);
    expect((await parseFile(bytesOf(made, 'biff8'))).metadata).toMatchObject({ title: 'Stock', author: 'Ann' });
  });

  it('sheets beyond the limit are left out with a warning', async () => {
    const made = book(Object.fromEntries(['a', 'b', 'c'].map((name) => [name, utils.aoa_to_sheet([[`in ${name}`]])])));
    const { text, warnings, metadata } = await parseFile(bytesOf(made), {}, { limits: { ...LIMITS, maxPages: 2 } });
    expect(text).toBe('a\n\nin a\n\nb\n\nin b');
    expect(metadata.pages).toBe(3);
    expect(warnings).toEqual([{ code: 'limit_reached', message: expect.stringContaining('first 2 sheets') }]);
  });

  it('with a password', async () => {
    const crypto = createRequire(import.meta.url)('officecrypto-tool') as typeof import('officecrypto-tool');
    const locked = new Uint8Array(
      crypto.encrypt(Buffer.from(bytesOf(book({ S: utils.aoa_to_sheet([['opened']]) }))), { password: 'sesame' }),
    );
    expect((await parseFile(locked, { password: 'sesame' })).text).toBe('S\n\nopened');
    await expect(parseFile(locked)).rejects.toMatchObject({
      code: 'document_encrypted',
      message: expect.stringContaining('give its password'),
    });
    await expect(parseFile(locked, { password: 'no' })).rejects.toMatchObject({ code: 'document_encrypted' });
  });
});

describe('hostile workbooks', () => {
  it('a cell in the last row and column makes no grid of all', async () => {
    const bytes = await rawBook(
      '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>far</t></is></c></row>',
    );
    expect(outline(await parseFile(bytes))).toEqual([
      ['heading', 'S'],
      ['text', '1'],
      ['text', 'far'],
    ]);
  });

  it('a diagonal is written without its empty places', () => {
    const cells = Array.from({ length: 3000 }, (_, row) => ({ row, cells: [{ column: row, text: 'x', isText: true }] }));
    const [block] = sheetBlocks([{ row: -1, cells: [0, 1].map((column) => ({ column, text: 'h', isText: true })) }, ...cells], [], 1);
    expect(block?.rows).toHaveLength(3001);
    expect(block?.text.length).toBeLessThan(20_000);
  });

  it('stairs of ever smaller tables end', () => {
    const rows = Array.from({ length: 2000 }, (_, row) => ({
      row: row * 2,
      cells: [{ column: row * 2, text: String(row), isText: true }],
    }));
    expect(sheetBlocks(rows, [], 1)).toHaveLength(2000);
  });

  it('merged cells over a whole sheet, many times over, cost a bounded number of copies', () => {
    const rows = Array.from({ length: 1000 }, (_, row) => ({
      row,
      cells: [0, 500].map((column) => ({ column, text: `${row}/${column}`, isText: true })),
    }));
    const merges = Array.from({ length: 5000 }, (_, index) => ({ top: index % 1000, left: 0, bottom: 2 ** 20, right: 16_383 }));
    const [block] = sheetBlocks(rows, merges, 1);
    expect(block?.rows?.flat().filter((cell) => cell !== '').length).toBeLessThan(210_000);
  });

  it('a text that very many cells share counts each time', async () => {
    const types = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
    const cells = Array.from({ length: 500 }, (_, row) => `<row r="${row + 1}"><c r="A${row + 1}" t="s"><v>0</v></c></row>`).join('');
    const bytes = await rawBook(cells, { 'xl/sharedStrings.xml': `<sst xmlns="${types}"><si><t>${'long '.repeat(2000)}</t></si></sst>` });
    const limits = { ...LIMITS, maxInflatedBytes: 2 ** 20 };
    await expect(parseFile(bytes, {}, { limits })).rejects.toMatchObject({ code: 'document_too_large' });
    expect((await parseFile(bytes)).text.length).toBeGreaterThan(4_000_000);
  });

  it('a bomb, also one in a part that is not read, and a file that is cut', async () => {
    const bytes = await rawBook(`<row r="1"><c r="A1"><v>1</v></c></row>${' '.repeat(2 ** 22)}`);
    const limits = { ...LIMITS, maxInflatedBytes: 2 ** 20 };
    await expect(parseFile(bytes, {}, { limits })).rejects.toMatchObject({ code: 'document_too_large' });
    const media = await rawBook('<row r="1"><c r="A1"><v>7</v></c></row>', { 'xl/media/huge.png': ' '.repeat(2 ** 22) });
    expect((await parseFile(media, {}, { limits })).text).toBe('S\n\n7');
    const whole = bytesOf(book({ S: utils.aoa_to_sheet([['x']]) }), 'biff8');
    await expect(parseFile(whole.subarray(0, 1500))).rejects.toMatchObject({ code: expect.stringMatching(/^document_/) });
  });

  it('entities of its own are not expanded', async () => {
    const entity = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>';
    const sheet = `${entity}<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>&e;!</t></is></c></row></sheetData></worksheet>`;
    const { text } = await parseFile(await rawBook('', { 'xl/worksheets/sheet1.xml': sheet }));
    expect(text).toContain('&e;!');
  });
});

describe.skipIf(!existsSync(SHEETS))('real workbooks (skipped without ../shared/data)', () => {
  it('two tables beside each other and charts', async () => {
    const { blocks, warnings } = await parseFile(sheetFile('xlsx_01.xlsx'));
    const tables = blocks.filter(({ kind }) => kind === 'table');
    expect(tables.map(({ page, rows, headerRows }) => [page, rows?.length, headerRows])).toEqual([
      [1, 7, 1],
      [2, 9, 1],
      [2, 5, 1],
      [2, 5, 1],
      [2, 9, 1],
      [2, 5, 1],
      [3, 7, 2],
      [3, 7, 2],
      [4, 2, 1],
    ]);
    expect(warnings.map(({ code }) => code)).toEqual(['hidden_sheet']);
  });

  it('a title over its table, and comments of a discussion', async () => {
    const title = await parseFile(sheetFile('xlsx_05_table_with_title.xlsx'));
    expect(outline(title).slice(1, 2)).toEqual([['text', 'Number of freshwater ducks per year']]);
    const { text } = await parseFile(sheetFile('xlsx_comments.xlsx'));
    expect(text).toContain('Comment by Jane Editor: Which libraries are you referring to?');
  });

  it('a sheet that is a chart', async () => {
    const { blocks } = await parseFile(sheetFile('xlsx_03_chartsheet.xlsx'));
    expect(blocks.at(-1)).toMatchObject({ kind: 'table', page: 2, path: ['Duck Chart'] });
  });
});
