import { TextReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js';
import crypto from 'officecrypto-tool';
import { describe, expect, it } from 'vitest';
import type { ParsedDocument } from '../../src/documents/document-types.ts';
import { toMarkdown } from '../../src/documents/markdown.ts';
import { makeDocx, officePackage, para, type Reference, references, root } from '../support/make-ooxml.ts';
import { LIMITS, parseFile } from '../support/parse-file.ts';

const said = ({ blocks }: ParsedDocument): unknown => blocks.map(({ kind, text }) => [kind, text]);
const read = async (body: string, list: readonly Reference[] = [], parts: Readonly<Record<string, string>> = {}): Promise<ParsedDocument> =>
  await parseFile(makeDocx(body, list, parts));
const heading = (text: string, level: number): string => para(text, `<w:pStyle w:val="H${level}"/>`);
const run = (text: string, properties = ''): string => `<w:r><w:rPr>${properties}</w:rPr><w:t xml:space="preserve">${text}</w:t></w:r>`;
const numbered = (text: string, id: number, level = 0): string =>
  para(text, `<w:numPr><w:ilvl w:val="${level}"/><w:numId w:val="${id}"/></w:numPr>`);

const level = (at: number, format: string, text: string): string =>
  `<w:lvl w:ilvl="${at}"><w:start w:val="1"/><w:numFmt w:val="${format}"/><w:lvlText w:val="${text}"/></w:lvl>`;
const NUMBERING: readonly [readonly Reference[], Readonly<Record<string, string>>] = [
  [['n', 'numbering', 'numbering.xml']],
  {
    'word/numbering.xml': root(
      'w:numbering',
      `<w:abstractNum w:abstractNumId="0">${level(0, 'decimal', '%1.')}${level(1, 'lowerLetter', '%1.%2)')}</w:abstractNum>
       <w:abstractNum w:abstractNumId="1">${level(0, 'bullet', '•')}${level(1, 'bullet', 'o')}</w:abstractNum>
       <w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>
       <w:num w:numId="3"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride></w:num>`,
    ),
  },
];

describe('Word documents', () => {
  it('have headings by style and by outline level, with paths', async () => {
    const { blocks, metadata } = await read(
      `${heading('One', 1)}${heading('Deep', 3)}${para('text')}${para('Own', '<w:outlineLvl w:val="1"/>')}${para('last')}`,
    );
    expect(blocks.map(({ kind, text, level: at, path }) => [kind, text, at, path])).toEqual([
      ['heading', 'One', 1, []],
      ['heading', 'Deep', 3, ['One']],
      ['text', 'text', undefined, ['One', 'Deep']],
      ['heading', 'Own', 2, ['One']],
      ['text', 'last', undefined, ['One', 'Own']],
    ]);
    expect(metadata).toMatchObject({ mediaType: expect.stringContaining('wordprocessingml') });
  });

  it('have nested, numbered and resumed lists with the numbers that are shown', async () => {
    const body = [
      numbered('first', 1),
      numbered('below', 1, 1),
      numbered('second', 1),
      para('between'),
      numbered('third', 1),
      numbered('other', 3),
      numbered('bullet', 2),
      numbered('under', 2, 1),
    ].join('');
    const { blocks } = await read(body, ...NUMBERING);
    expect(blocks.map(({ text, ordered }) => [text, ordered])).toEqual([
      ['1. first\n  1.a) below\n2. second', true],
      ['between', undefined],
      ['3. third', true],
      ['7. other', true],
      ['- bullet\n  - under', false],
    ]);
  });

  it('have tables with merged cells, in which a nested one is said on one line', async () => {
    const cell = (content: string, properties = ''): string => `<w:tc><w:tcPr>${properties}</w:tcPr>${content}</w:tc>`;
    const row = (...cells: readonly string[]): string => `<w:tr>${cells.join('')}</w:tr>`;
    const nested = `<w:tbl>${row(cell(para('x')), cell(para('y')))}${row(cell(para('1')), cell(para('2')))}</w:tbl>`;
    const table = `<w:tbl><w:tblPr/>${[
      row(cell(para('name')), cell(para('values'), '<w:gridSpan w:val="2"/>')),
      row(cell(para('a'), '<w:vMerge w:val="restart"/>'), cell(para('1') + para('one')), cell(nested + para(''))),
      row(cell(para(''), '<w:vMerge/>'), cell(para('3')), cell(para('4'))),
    ].join('')}</w:tbl>`;
    const document = await read(table);
    expect(document.blocks).toMatchObject([
      {
        kind: 'table',
        headerRows: 1,
        rows: [
          ['name', 'values', 'values'],
          ['a', '1 one', 'x, y; 1, 2'],
          ['a', '3', '4'],
        ],
      },
    ]);
    expect(toMarkdown(document)).toContain('| a | 1 one | x, y; 1, 2 |');
  });

  it('a table of one cell is a frame around what is in it', async () => {
    const inside = `<w:tbl><w:tr><w:tc>${heading('Framed', 2)}${para('text')}</w:tc></w:tr></w:tbl>`;
    expect(said(await read(inside))).toEqual([
      ['heading', 'Framed'],
      ['text', 'text'],
    ]);
  });

  it('have footnotes, endnotes and comments where they belong', async () => {
    const note = (kind: string, id: number, text: string): string => `<w:${kind} w:id="${id}">${para(text)}</w:${kind}>`;
    const body = [
      `<w:p>${run('Claim')}<w:r><w:footnoteReference w:id="5"/></w:r>${run(' and')}<w:r><w:endnoteReference w:id="6"/></w:r>${run(' more')}</w:p>`,
      `<w:p>${run('Second')}<w:r><w:footnoteReference w:id="9"/></w:r><w:r><w:commentReference w:id="0"/></w:r></w:p>`,
      para('end'),
    ].join('');
    const document = await read(
      body,
      [
        ['f', 'footnotes', 'footnotes.xml'],
        ['e', 'endnotes', 'endnotes.xml'],
        ['c', 'comments', 'comments.xml'],
      ],
      {
        'word/footnotes.xml': root('w:footnotes', note('footnote', 5, 'source') + note('footnote', 9, 'see above')),
        'word/endnotes.xml': root('w:endnotes', note('endnote', 6, 'at the end')),
        'word/comments.xml': root('w:comments', `<w:comment w:id="0" w:author="Ada">${para('sure?')}</w:comment>`),
      },
    );
    expect(said(document)).toEqual([
      ['text', 'Claim[1] and[i] more'],
      ['footnote', '[1] source'],
      ['text', 'Second[2]'],
      ['footnote', '[2] see above'],
      ['footnote', 'Comment by Ada: sure?'],
      ['text', 'end'],
      ['footnote', '[i] at the end'],
    ]);
  });

  it('notes that refer to themselves come to an end', async () => {
    const own = `<w:footnote w:id="1"><w:p>${run('round')}<w:r><w:footnoteReference w:id="1"/></w:r></w:p></w:footnote>`;
    const document = await read(
      '<w:p><w:r><w:t>a</w:t><w:footnoteReference w:id="1"/></w:r></w:p>',
      [['f', 'footnotes', 'footnotes.xml']],
      {
        'word/footnotes.xml': root('w:footnotes', own),
      },
    );
    expect(said(document)).toEqual([
      ['text', 'a[1]'],
      ['footnote', '[1] round'],
    ]);
  });

  it('have equations as LaTeX', async () => {
    const text = (said: string): string => `<m:r><m:t>${said}</m:t></m:r>`;
    const fraction = `<m:f><m:num>${text('a+b')}</m:num><m:den><m:rad><m:deg/><m:e>${text('π')}</m:e></m:rad></m:den></m:f>`;
    const sum = `<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr><m:sub>${text('i=1')}</m:sub><m:sup>${text('n')}</m:sup><m:e>${text('i')}</m:e></m:nary>`;
    const { text: whole, blocks } = await read(
      `<w:p>${run('Let ')}<m:oMath>${fraction}</m:oMath></w:p><w:p><m:oMathPara><m:oMath>${sum}</m:oMath></m:oMathPara></w:p>`,
    );
    expect(whole).toBe('Let $\\frac{a+b}{\\sqrt{\\pi}}$\n\n$$\\sum_{i=1}^{n}{i}$$');
    expect(blocks.map(({ kind }) => kind)).toEqual(['text', 'text']);
  });

  it('have links, code, text boxes and pictures; what was deleted or hidden is not there', async () => {
    const box = `<w:r><w:pict><v:shape><v:textbox><w:txbxContent>${para('boxed')}</w:txbxContent></v:textbox></v:shape></w:pict></w:r>`;
    const drawing = `<w:r><w:drawing><wp:inline><wp:docPr id="1" name="Picture 1" descr="A duck"/><pic:pic><pic:blipFill><a:blip r:embed="none"/></pic:blipFill></pic:pic></wp:inline></w:drawing></w:r>`;
    const body = [
      `<w:p>${run('see ')}<w:hyperlink r:id="web">${run('the ')}${run('site', '<w:b/>')}</w:hyperlink><w:hyperlink r:id="bad">${run(' script')}</w:hyperlink></w:p>`,
      `<w:p><w:ins>${run('new')}</w:ins><w:del><w:r><w:delText>old</w:delText></w:r></w:del>${run('hidden', '<w:vanish/>')}</w:p>`,
      para('let a = 1;', '<w:pStyle w:val="Code"/>') + para('let b = 2;', '<w:pStyle w:val="Code"/>'),
      `<w:p>${box}</w:p><w:p>${drawing}</w:p>`,
    ].join('');
    const document = await read(body, [
      ['web', 'hyperlink', 'https://example.org/'],
      ['bad', 'hyperlink', 'javascript:alert(1)'],
    ]);
    expect(said(document)).toEqual([
      ['text', 'see the site script'],
      ['text', 'new'],
      ['code', 'let a = 1;\nlet b = 2;'],
      ['text', 'boxed'],
      ['image', 'A duck'],
    ]);
    expect(document.blocks[0]?.links).toEqual([{ text: 'the site', url: 'https://example.org/' }]);
  });

  it('have the properties and pages that the file says', async () => {
    const body = para('one') + para('<w:r><w:lastRenderedPageBreak/><w:t>two</w:t></w:r>');
    const document = await read(body, [], {
      '_rels/.rels': references(['d', 'officeDocument', 'word/document.xml'], ['c', 'metadata/core-properties', 'docProps/core.xml']),
      'docProps/core.xml':
        '<x:coreProperties xmlns:x="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" xmlns:d="http://purl.org/dc/elements/1.1/" xmlns:t="http://purl.org/dc/terms/"><d:title>A title</d:title><d:creator>Ada</d:creator><t:created>2024-01-02T03:04:05Z</t:created><x:keywords>k</x:keywords></x:coreProperties>',
    });
    expect(document.metadata).toMatchObject({
      title: 'A title',
      author: 'Ada',
      createdAt: '2024-01-02T03:04:05.000Z',
      properties: { keywords: 'k' },
      pages: 2,
    });
    expect(document.blocks.map(({ text, page }) => [text, page])).toEqual([
      ['one', 1],
      ['two', 2],
    ]);
  });

  it('a page of another format inside is read in its place', async () => {
    const document = await read(`${para('before')}<w:altChunk r:id="h"/>${para('after')}`, [['h', 'aFChunk', 'part.html']], {
      'word/part.html': '<!doctype html><html><body><h2>Inside</h2><p>html</p></body></html>',
    });
    expect(said(document)).toEqual([
      ['text', 'before'],
      ['heading', 'Inside'],
      ['text', 'html'],
      ['text', 'after'],
    ]);
  });

  it('are opened with their password', async () => {
    const bytes = crypto.encrypt(Buffer.from(makeDocx(para('secret'))), { password: 'öffne' });
    expect((await parseFile(bytes, { password: 'öffne' })).text).toBe('secret');
    await expect(parseFile(bytes)).rejects.toMatchObject({ code: 'document_encrypted' });
  });
});

describe('Word documents that are damaged or hostile', () => {
  const refused = async (parts: Readonly<Record<string, string>>, body = para('x')): Promise<string> =>
    await parseFile(makeDocx(body, [], parts)).then(
      ({ text }) => `read: ${text}`,
      (error: { code: string }) => error.code,
    );

  it.each([
    ['is missing', { '_rels/.rels': references(['d', 'officeDocument', 'word/none.xml']) }],
    ['is not named', { '_rels/.rels': references() }],
    ['is elsewhere', { '_rels/.rels': references(['d', 'officeDocument', 'file:///etc/passwd']) }],
    ['leads out of the package', { '_rels/.rels': references(['d', 'officeDocument', '../../../../etc/passwd']) }],
    ['is cut off', { 'word/document.xml': root('w:document', '<w:body>').slice(0, -20) }],
    ['is empty', { 'word/document.xml': '' }],
    ['is no XML', { 'word/document.xml': '%PDF-1.7' }],
    ['declares entities', { 'word/document.xml': `<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><d>&b;</d>` }],
    ['declares external entities', { 'word/document.xml': `<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]><d>&a;</d>` }],
    ['uses entities of a DTD elsewhere', { 'word/document.xml': `<!DOCTYPE d SYSTEM "http://127.0.0.1:1/x.dtd"><d>&a;</d>` }],
  ])('whose document %s are refused by name', async (_, parts) => {
    expect(await refused(parts)).toBe('document_unreadable');
  });

  it('nested deep are refused, or read where it is only tables in tables', async () => {
    const deep = (times: number): string =>
      `${'<w:tbl><w:tr><w:tc>'.repeat(times)}${para('core')}${'</w:tc></w:tr></w:tbl>'.repeat(times)}`;
    expect(await refused({}, deep(100))).toBe('read: core');
    expect(await refused({}, deep(5000))).toBe('document_unreadable');
  });

  it('other parts that are damaged are warnings', async () => {
    const document = await read(para('text', '<w:pStyle w:val="H1"/>'), [['f', 'footnotes', 'footnotes.xml']], {
      'word/styles.xml': '<w:styles',
      'word/footnotes.xml': '<!DOCTYPE x [<!ENTITY a "b">]><x/>',
    });
    expect(document.text).toBe('text');
    expect(document.warnings.map(({ code, part }) => [code, part])).toEqual([
      ['part_unreadable', 'word/styles.xml'],
      ['part_unreadable', 'word/footnotes.xml'],
    ]);
  });

  it('wrong references, styles in a circle and absurd numbers harm nothing', async () => {
    const styles =
      '<w:style w:type="paragraph" w:styleId="A"><w:basedOn w:val="B"/></w:style><w:style w:type="paragraph" w:styleId="B"><w:basedOn w:val="A"/></w:style>';
    const cell = `<w:tc><w:tcPr><w:gridSpan w:val="2000000000"/></w:tcPr>${para('wide')}</w:tc>`;
    const body = `${para('round', '<w:pStyle w:val="A"/>')}${numbered('item', 99)}<w:p><w:hyperlink r:id="no">${run('link')}</w:hyperlink><w:r><w:footnoteReference w:id="7"/></w:r></w:p><w:tbl><w:tr>${cell}${cell}</w:tr></w:tbl><w:p><w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>`;
    const { text, warnings } = await read(body, [], { 'word/styles.xml': root('w:styles', styles) });
    expect(text).toContain('round\n\nitem\n\nlink\n\nwide');
    expect(warnings).toEqual([]);
  });

  it('that inflate to more than is allowed are stopped', async () => {
    const limits = { ...LIMITS, maxInflatedBytes: 100_000 };
    await expect(parseFile(makeDocx(para('x'.repeat(200_000))), {}, { limits })).rejects.toMatchObject({ code: 'document_too_large' });
    const inStyles = makeDocx(para('x'), [], { 'word/styles.xml': root('w:styles', ' '.repeat(200_000)) });
    await expect(parseFile(inStyles, {}, { limits })).rejects.toMatchObject({ code: 'document_too_large' });
  });

  it('that are bombs are stopped before they are whole', async () => {
    const writer = new ZipWriter(new Uint8ArrayWriter());
    const parts = { '_rels/.rels': references(['d', 'officeDocument', 'd.xml']), 'd.xml': root('w:document', ' '.repeat(50_000_000)) };
    for (const [name, text] of Object.entries(parts)) await writer.add(name, new TextReader(text));
    await writer.add('[Content_Types].xml', new TextReader('<Types ContentType="x.wordprocessingml.document.main+xml"/>'));
    const bytes = await writer.close();
    expect(bytes.length).toBeLessThan(100_000);
    const limits = { ...LIMITS, maxInflatedBytes: 1_000_000 };
    await expect(parseFile(bytes, {}, { limits })).rejects.toMatchObject({ code: 'document_too_large' });
  });

  it('of very many parts are refused', async () => {
    const parts = Object.fromEntries(Array.from({ length: 50_001 }, (_, at) => [`word/${at}`, '']));
    await expect(parseFile(makeDocx(para('x'), [], parts))).rejects.toMatchObject({ code: 'document_too_large' });
  });

  it('cut off anywhere end in a named error', async () => {
    const bytes = makeDocx(para('x'));
    for (const share of [0.1, 0.5, 0.9, 0.99]) {
      await expect(parseFile(bytes.subarray(0, Math.floor(bytes.length * share)), { name: 'a.docx' })).rejects.toMatchObject({
        code: expect.stringMatching(/^document_(?:unreadable|unsupported)$/),
      });
    }
  });

  it('a picture that is damaged is a warning', async () => {
    const drawing = `<w:p><w:r><w:drawing><pic:pic><pic:blipFill><a:blip r:embed="i"/></pic:blipFill></pic:pic></w:drawing></w:r></w:p>`;
    const file = makeDocx(drawing, [['i', 'image', 'media/i.png']], { 'word/media/i.png': new Uint8Array(5000).fill(7) });
    const at = Buffer.from(file).indexOf(Buffer.alloc(100, 7));
    file[at] = 8;
    const document = await parseFile(file, {}, { ocr: async () => ({ lines: [], rotation: 0, engine: 'none' }) });
    expect(document.warnings).toMatchObject([{ code: 'part_unreadable', part: 'word/media/i.png' }]);
  });

  it('what calls itself an office file and is only an archive is read as one', async () => {
    const file = officePackage({ 'readme.txt': 'plain text' });
    expect((await parseFile(file, { name: 'a.docx' })).parser).toBe('archive');
  });
});
