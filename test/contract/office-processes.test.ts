import { utils, write } from '@e965/xlsx';
import { afterAll, describe, expect, it } from 'vitest';
import type { DocumentParsers } from '../../src/documents/document-types.ts';
import { createDocumentParsers } from '../../src/documents/parser-pool.ts';
import { makeZip } from '../support/make-zip.ts';
import { LIMITS } from '../support/parse-file.ts';

const w = 'http://schemas.openxmlformats.org/wordprocessingml/2006/main';
const docx = (): Promise<Uint8Array> =>
  makeZip({
    '_rels/.rels':
      '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r" Type="x/officeDocument" Target="word/document.xml"/></Relationships>',
    'word/document.xml': `<w:document xmlns:w="${w}"><w:body><w:p><w:r><w:t>said in a text</w:t></w:r></w:p></w:body></w:document>`,
  });

/** The head of a compound file with this one entry. */
function oldFile(entry: string): Uint8Array {
  const file = Buffer.alloc(2048);
  file.write('d0cf11e0a1b11ae1', 0, 'hex');
  file.writeUInt16LE(9, 30);
  file.writeUInt32LE(0xfffffffe, 76);
  file.write(entry, 512, 'utf16le');
  file.writeUInt16LE((entry.length + 1) * 2, 512 + 64);
  return new Uint8Array(file);
}

function workbook(bookType: 'xlsx' | 'xlsb' | 'biff8'): Uint8Array {
  const book = utils.book_new();
  utils.book_append_sheet(
    book,
    utils.aoa_to_sheet([
      ['Name', 'n'],
      ['Ann', 7],
    ]),
    'People',
  );
  return new Uint8Array(write(book, { type: 'buffer', bookType }) as Buffer);
}

const office = 'urn:oasis:names:tc:opendocument:xmlns:office:1.0';
const odt = (): Promise<Uint8Array> =>
  makeZip({
    mimetype: 'application/vnd.oasis.opendocument.text',
    'content.xml': `<o:document-content xmlns:o="${office}" xmlns:t="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><o:body><o:text><t:p>said in a text</t:p></o:text></o:body></o:document-content>`,
  });
const epub = (): Promise<Uint8Array> =>
  makeZip({
    mimetype: 'application/epub+zip',
    'META-INF/container.xml':
      '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="b.opf"/></rootfiles></container>',
    'b.opf':
      '<package xmlns="http://www.idpf.org/2007/opf"><manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/></spine></package>',
    'a.xhtml': '<html xmlns="http://www.w3.org/1999/xhtml"><body><p>said in a text</p></body></html>',
  });

describe('office files in parser processes, with all their restrictions', () => {
  let asked = '';
  const parsers: DocumentParsers = createDocumentParsers({
    workers: 1,
    limits: LIMITS,
    convert: async (_bytes, { mediaType }) => {
      asked = mediaType;
      return await docx();
    },
  });
  afterAll(() => parsers.close());

  it.each(['xlsx', 'xlsb', 'biff8'] as const)('%s', async (type) => {
    expect((await parsers.parse(workbook(type), {})).text).toBe('People\n\nName | n\nAnn | 7');
  });

  it.each([
    ['OpenDocument', odt],
    ['EPUB', epub],
    ['RTF', async () => new TextEncoder().encode('{\\rtf1 said in a text}')],
  ])('%s', async (_name, make) => {
    expect((await parsers.parse(await make(), {})).text).toBe('said in a text');
  });

  it('an old file is converted by the parent and read by the process', async () => {
    expect((await parsers.parse(oldFile('WordDocument'), {})).text).toBe('said in a text');
    expect(asked).toBe('application/msword');
  });

  it('without a converter the way out is named', async () => {
    const alone = createDocumentParsers({ workers: 1, limits: LIMITS });
    const refused = alone.parse(oldFile('PowerPoint Document'), {});
    await expect(refused).rejects.toMatchObject({ code: 'document_unsupported', message: expect.stringContaining('LibreOffice') });
    await alone.close();
  });
});
