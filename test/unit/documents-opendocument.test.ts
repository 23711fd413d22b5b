import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ParsedDocument } from '../../src/documents/document-types.ts';
import { makeZip } from '../support/make-zip.ts';
import { LIMITS, parseFile } from '../support/parse-file.ts';

const FILES = join(import.meta.dirname, '../../../shared/data/documents/docling/odf/sources');
const odfFile = (name: string): Uint8Array => new Uint8Array(readFileSync(join(FILES, name)));

const ODF = 'urn:oasis:names:tc:opendocument:xmlns:';
const NAMES = [
  ...['office', 'text', 'table', 'style', 'meta', 'presentation', 'manifest', 'chart'].map((name) => `xmlns:${name}="${ODF}${name}:1.0"`),
  `xmlns:draw="${ODF}drawing:1.0"`,
  `xmlns:svg="${ODF}svg-compatible:1.0"`,
  'xmlns:xlink="http://www.w3.org/1999/xlink"',
  'xmlns:dc="http://purl.org/dc/elements/1.1/"',
].join(' ');

type Kind = 'text' | 'spreadsheet' | 'presentation';

async function odf(kind: Kind, body: string, styles = '', more: Readonly<Record<string, string>> = {}): Promise<Uint8Array> {
  return await makeZip({
    mimetype: `application/vnd.oasis.opendocument.${kind}`,
    'content.xml': `<office:document-content ${NAMES}><office:automatic-styles>${styles}</office:automatic-styles><office:body><office:${kind}>${body}</office:${kind}></office:body></office:document-content>`,
    ...more,
  });
}
const outline = ({ blocks }: Pick<ParsedDocument, 'blocks'>): unknown[] => blocks.map(({ kind, text }) => [kind, text]);
const p = (text: string): string => `<text:p>${text}</text:p>`;

describe('OpenDocument texts', () => {
  it('headings, white space, links, notes, comments, code', async () => {
    const styles =
      '<style:style style:name="P1" style:family="paragraph" style:parent-style-name="Title"/><style:style style:name="P2" style:family="paragraph" style:parent-style-name="Preformatted_20_Text"/>';
    const body = `<text:p text:style-name="P1">The title</text:p><text:h text:outline-level="2">Part</text:h>
      <text:p>two  <text:span>words</text:span><text:s text:c="2"/>and<text:tab/>a<text:line-break/>line <text:a xlink:href="https://x.org/">there</text:a><text:note text:note-class="footnote"><text:note-citation>1</text:note-citation><text:note-body>${p('below')}</text:note-body></text:note><office:annotation><dc:creator>Ann</dc:creator>${p('really?')}</office:annotation>.</text:p>
      <text:p text:style-name="P2">if (x)</text:p><text:p text:style-name="P2"><text:s text:c="2"/>y();</text:p>
      <text:tracked-changes><text:changed-region>${p('deleted')}</text:changed-region></text:tracked-changes>
      <text:table-of-content><text:index-body>${p('Part 1')}</text:index-body></text:table-of-content>`;
    const { blocks, metadata } = await parseFile(await odf('text', body, styles));
    expect(outline({ blocks })).toEqual([
      ['heading', 'The title'],
      ['heading', 'Part'],
      ['text', 'two words  and\ta\nline there[1].'],
      ['footnote', '[1] below'],
      ['footnote', 'Comment by Ann: really?'],
      ['code', 'if (x)\n  y();'],
    ]);
    expect(blocks[2]?.links).toEqual([{ text: 'there', url: 'https://x.org/' }]);
    expect(metadata.title).toBe('The title');
  });

  it('lists inside of lists, numbered by their styles', async () => {
    const styles =
      '<text:list-style style:name="L1"><text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix=")" text:start-value="3"/><text:list-level-style-bullet text:level="2"/></text:list-style>';
    const body = `<text:list text:style-name="L1"><text:list-item>${p('three')}<text:list><text:list-item>${p('inner')}</text:list-item></text:list></text:list-item><text:list-item>${p('four')}${p('goes on')}</text:list-item></text:list>${p('between')}<text:list text:style-name="L1" text:continue-numbering="true"><text:list-item>${p('five')}</text:list-item></text:list>`;
    const { blocks } = await parseFile(await odf('text', body, styles));
    expect(outline({ blocks })).toEqual([
      ['list', '3) three\n  - inner\n4) four goes on'],
      ['text', 'between'],
      ['list', '5) five'],
    ]);
    expect(blocks[0]?.ordered).toBe(true);
  });

  it('tables with merged cells, frames with alternative texts, charts, and nothing from elsewhere', async () => {
    const cell = (text: string, more = ''): string => `<table:table-cell ${more}>${p(text)}</table:table-cell>`;
    const body = `<table:table><table:table-header-rows><table:table-row>${cell('A', 'table:number-columns-spanned="2"')}<table:covered-table-cell/>${cell('B')}</table:table-row></table:table-header-rows><table:table-row>${cell('1')}${cell('2')}${cell('3')}</table:table-row></table:table>
      <text:p>see <draw:frame><draw:image xlink:href="https://example.org/p.png"/><svg:desc>a picture</svg:desc></draw:frame><draw:frame><draw:object xlink:href="./Object 1"/></draw:frame><draw:frame><draw:text-box>${p('boxed')}</draw:text-box></draw:frame></text:p>`;
    const chart = `<office:document-content ${NAMES}><office:body><office:chart><chart:chart><chart:title>${p('Sales')}</chart:title><table:table><table:table-row>${cell('')}${cell('East')}</table:table-row><table:table-row>${cell('2026')}${cell('7')}</table:table-row></table:table></chart:chart></office:chart></office:body></office:document-content>`;
    const { blocks, warnings } = await parseFile(await odf('text', body, '', { 'Object 1/content.xml': chart }));
    expect(outline({ blocks })).toEqual([
      ['table', 'A | A | B\n1 | 2 | 3'],
      ['text', 'see'],
      ['image', 'a picture'],
      ['text', 'Sales'],
      ['table', '| East\n2026 | 7'],
      ['text', 'boxed'],
    ]);
    expect(blocks[0]?.headerRows).toBe(1);
    expect(warnings.map(({ code }) => code)).toEqual(['remote_content']);
  });

  it('pages, where the text says where they end, and properties', async () => {
    const meta = `<office:document-meta ${NAMES}><office:meta><dc:title>T</dc:title><meta:initial-creator>Ann</meta:initial-creator><dc:creator>Bob</dc:creator><meta:creation-date>2026-01-02T03:04:05</meta:creation-date><meta:keyword>k1</meta:keyword><meta:keyword>k2</meta:keyword><dc:language>de</dc:language></office:meta></office:document-meta>`;
    const body = `${p('one')}<text:soft-page-break/>${p('two')}<text:p>three <text:soft-page-break/>still</text:p>${p('four')}`;
    const { blocks, metadata } = await parseFile(await odf('text', body, '', { 'meta.xml': meta }));
    expect(blocks.map(({ page }) => page)).toEqual([1, 2, 2, 3]);
    expect(metadata).toMatchObject({
      title: 'T',
      author: 'Ann',
      language: 'de',
      pages: 3,
      properties: { keywords: 'k1, k2', lastModifiedBy: 'Bob' },
    });
  });
});

describe('OpenDocument workbooks and presentations', () => {
  const cell = (text: string, more = ''): string => `<table:table-cell ${more}>${p(text)}</table:table-cell>`;
  const number = 'office:value-type="float"';

  it('sheets: repeated and merged cells, hidden sheets, comments', async () => {
    const styles = '<style:style style:name="ta2" style:family="table"><style:table-properties table:display="false"/></style:style>';
    const body = `<table:table table:name="One"><table:table-row>${cell('Year')}${cell('n', 'table:number-columns-spanned="2"')}<table:covered-table-cell/></table:table-row>
      <table:table-row table:number-rows-repeated="2">${cell('2026', number)}${cell('5', `${number} table:number-columns-repeated="2"`)}<table:table-cell table:number-columns-repeated="16000"/></table:table-row>
      <table:table-row table:number-rows-repeated="1048000"><table:table-cell table:number-columns-repeated="16384"/></table:table-row></table:table>
      <table:table table:name="Two" table:style-name="ta2"><table:table-row><table:table-cell><office:annotation>${p('note')}</office:annotation>${p('hush')}</table:table-cell></table:table-row></table:table>`;
    const { blocks, warnings, metadata } = await parseFile(await odf('spreadsheet', body, styles));
    expect(outline({ blocks })).toEqual([
      ['heading', 'One'],
      ['table', 'Year | n | n\n2026 | 5 | 5\n2026 | 5 | 5'],
      ['heading', 'Two'],
      ['text', 'hush'],
      ['footnote', 'Comment: note'],
    ]);
    expect(metadata.pages).toBe(2);
    expect(warnings).toMatchObject([{ code: 'hidden_sheet', part: 'Two', page: 2 }]);
  });

  it('slides: titles, lists, notes; furniture is left out', async () => {
    const frame = (kind: string, text: string): string =>
      `<draw:frame presentation:class="${kind}"><draw:text-box>${p(text)}</draw:text-box></draw:frame>`;
    const body = `<draw:page>${frame('page-number', '1')}${frame('subtitle', 'sub')}${frame('title', 'Main')}<presentation:notes>${frame('notes', 'say this')}</presentation:notes></draw:page><draw:page>${frame('', 'Short line')}${frame('outline', 'More text')}</draw:page>`;
    const { blocks, metadata } = await parseFile(await odf('presentation', body));
    expect(blocks.map(({ kind, text, page }) => [kind, text, page])).toEqual([
      ['heading', 'Main', 1],
      ['text', 'sub', 1],
      ['text', 'say this', 1],
      ['heading', 'Short line', 2],
      ['text', 'More text', 2],
    ]);
    expect(metadata.pages).toBe(2);
  });
});

describe('hostile OpenDocument files', () => {
  it('cells and rows that are there a million times are bounded', async () => {
    const body = `<table:table table:name="S"><table:table-row table:number-rows-repeated="99999999"><table:table-cell table:number-columns-repeated="99999999">${p('x')}</table:table-cell></table:table-row></table:table>`;
    const { warnings, text } = await parseFile(await odf('spreadsheet', body));
    expect(warnings.map(({ code }) => code)).toEqual(['limit_reached']);
    expect(text.length).toBeLessThan(20_000_000);
  });

  it('tables of a million columns and lists in lists without end', async () => {
    const wide = `<table:table><table:table-row><table:table-cell table:number-columns-repeated="99999999" table:number-columns-spanned="99999999">${p('x')}</table:table-cell></table:table-row><table:table-row><table:table-cell>${p('y')}</table:table-cell></table:table-row></table:table>`;
    expect((await parseFile(await odf('text', wide))).text.length).toBeLessThan(10_000);
    const deep = `${'<text:list><text:list-item>'.repeat(5000)}${p('x')}${'</text:list-item></text:list>'.repeat(5000)}`;
    await expect(parseFile(await odf('text', deep))).rejects.toMatchObject({
      code: 'document_unreadable',
      message: expect.stringContaining('nested'),
    });
  });

  it('styles that come of each other, and spaces without number', async () => {
    const styles =
      '<style:style style:name="A" style:family="paragraph" style:parent-style-name="B"/><style:style style:name="B" style:family="paragraph" style:parent-style-name="A"/>';
    const { text } = await parseFile(await odf('text', `<text:p text:style-name="A">a<text:s text:c="999999999"/>b</text:p>`, styles));
    expect(text.length).toBeLessThan(300);
  });

  it('encrypted, with entities, without a body, cut off, or a bomb: a named error', async () => {
    const manifest = `<manifest:manifest ${NAMES}><manifest:file-entry manifest:full-path="content.xml"><manifest:encryption-data/></manifest:file-entry></manifest:manifest>`;
    await expect(parseFile(await odf('text', '', '', { 'META-INF/manifest.xml': manifest }))).rejects.toMatchObject({
      code: 'document_encrypted',
    });
    const entity = await makeZip({
      mimetype: 'application/vnd.oasis.opendocument.text',
      'content.xml': '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
    });
    await expect(parseFile(entity)).rejects.toMatchObject({ code: 'document_unreadable', message: expect.stringContaining('entities') });
    await expect(parseFile(await makeZip({ mimetype: 'application/vnd.oasis.opendocument.text' }))).rejects.toMatchObject({
      code: 'document_unreadable',
    });
    const bytes = await odf('text', p('x'.repeat(2 ** 21)));
    await expect(parseFile(bytes, {}, { limits: { ...LIMITS, maxInflatedBytes: 2 ** 20 } })).rejects.toMatchObject({
      code: 'document_too_large',
    });
  });
});

describe.skipIf(!existsSync(FILES))('real OpenDocument files (skipped without ../shared/data)', () => {
  it('a text', async () => {
    const { blocks } = await parseFile(odfFile('text_document_01.odt'));
    expect(blocks.filter(({ kind }) => kind === 'heading').map(({ level, text }) => [level, text])).toEqual([
      [1, 'Title'],
      [1, 'heading level 1.0'],
      [2, 'Heading level 2: A'],
      [2, 'Heading level 2: B'],
    ]);
    expect(blocks.find(({ kind }) => kind === 'list')?.text).toMatch(/^1\. numbered list 1\n2\. numbered list 2\n {2}- bullet list 2\.1\n/);
  });

  it('a presentation with charts and tables', async () => {
    const { blocks } = await parseFile(odfFile('odf_presentation_02.odp'));
    expect(blocks.filter(({ kind }) => kind === 'heading').map(({ text }) => text)).toEqual([
      'Text',
      'Chart',
      'Table',
      'Photo',
      'Complex list',
      'Table with pictures',
    ]);
    expect(blocks.filter(({ kind }) => kind === 'table').map(({ page }) => page)).toEqual([2, 3]);
  });

  it('a workbook', async () => {
    const { text } = await parseFile(odfFile('odf_table_with_title_01.ods'));
    expect(text).toContain('Year | Freshwater Ducks\n2019 | 120');
  });
});
