import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ParsedDocument } from '../../src/documents/document-types.ts';
import { makeZip } from '../support/make-zip.ts';
import { hasMarkitdown, markitdownVectors, missedBy } from '../support/markitdown-vectors.ts';
import { LIMITS, parseFile } from '../support/parse-file.ts';

const BOOK = join(import.meta.dirname, '../../../shared/data/documents/docling/epub/sources/epub_purvis_poetry.epub');

interface Book {
  readonly manifest: string;
  readonly spine: string;
  readonly files: Readonly<Record<string, string>>;
  readonly metadata?: string;
}

async function epub({ manifest, spine, files, metadata = '' }: Book): Promise<Uint8Array> {
  return await makeZip({
    mimetype: 'application/epub+zip',
    'META-INF/container.xml':
      '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>',
    'OPS/book.opf': `<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>${metadata}</metadata><manifest>${manifest}</manifest>${spine}</package>`,
    ...Object.fromEntries(Object.entries(files).map(([name, text]) => [name.startsWith('META-INF') ? name : `OPS/${name}`, text])),
  });
}
const item = (id: string, href: string, more = 'media-type="application/xhtml+xml"'): string => `<item id="${id}" href="${href}" ${more}/>`;
const page = (body: string): string =>
  `<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/><script/></head><body>${body}</body></html>`;
const outline = ({ blocks }: Pick<ParsedDocument, 'blocks'>): unknown[] => blocks.map(({ kind, text }) => [kind, text]);

describe('electronic books', () => {
  const files = {
    'text/one 1.xhtml': page('<h1>One</h1><p><a id="x"/>first&nbsp;words</p>'),
    'text/two.xhtml': page('<p>second words</p>'),
  };
  const manifest = item('one', 'text/one%201.xhtml') + item('two', 'text/two.xhtml');
  const spine = '<spine><itemref idref="two"/><itemref idref="one"/></spine>';

  it('chapters in reading order, titles from the contents where a chapter has none, metadata', async () => {
    const nav =
      '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><body><nav epub:type="landmarks"><ol><li><a href="x">no</a></li></ol></nav><nav epub:type="toc"><ol><li><a href="text/two.xhtml">Two</a><ol><li><a href="text/one%201.xhtml#a">Inner</a></li></ol></li></ol></nav></body></html>';
    const metadata =
      '<dc:title>The Book</dc:title><dc:creator>Ann</dc:creator><dc:creator>Bob</dc:creator><dc:language>de</dc:language><dc:date>2026-01-02</dc:date><dc:description>&lt;p&gt;About&lt;/p&gt;</dc:description>';
    const document = await parseFile(
      await epub({
        manifest: manifest + item('nav', 'nav.xhtml', 'media-type="application/xhtml+xml" properties="nav"'),
        spine: spine.replace('<spine>', '<spine><itemref idref="nav"/>'),
        files: { ...files, 'nav.xhtml': nav },
        metadata,
      }),
    );
    expect(outline(document)).toEqual([
      ['heading', 'The Book'],
      ['text', 'Authors: Ann, Bob'],
      ['text', 'About'],
      ['heading', 'Two'],
      ['text', 'second words'],
      ['heading', 'One'],
      ['text', 'first words'],
    ]);
    expect(document.outline).toEqual([
      { title: 'Two', level: 1 },
      { title: 'Inner', level: 2 },
    ]);
    expect(document.metadata).toMatchObject({ title: 'The Book', author: 'Ann, Bob', language: 'de', createdAt: '2026-01-02' });
  });

  it('the older table of contents', async () => {
    const ncx =
      '<!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "http://www.daisy.org/z3986/2005/ncx-2005-1.dtd"><ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap><navPoint><navLabel><text>Two</text></navLabel><content src="text/two.xhtml"/></navPoint></navMap></ncx>';
    const document = await parseFile(
      await epub({
        manifest: manifest + item('toc', 'toc.ncx', 'media-type="application/x-dtbncx+xml"'),
        spine: spine.replace('<spine>', '<spine toc="toc">'),
        files: { ...files, 'toc.ncx': ncx },
      }),
    );
    expect(document.outline).toEqual([{ title: 'Two', level: 1 }]);
    expect(document.blocks[0]).toMatchObject({ kind: 'heading', text: 'Two' });
  });

  it('a spine that names a chapter over and over has it once; a missing one is told', async () => {
    const again = '<spine>'.concat('<itemref idref="one"/><itemref idref="gone"/><itemref idref="lost"/>'.repeat(5000), '</spine>');
    const document = await parseFile(await epub({ manifest: manifest + item('lost', 'lost.xhtml'), spine: again, files }));
    expect(outline(document)).toEqual([
      ['heading', 'One'],
      ['text', 'first words'],
    ]);
    expect(document.warnings).toEqual([
      { code: 'part_unreadable', message: expect.stringContaining('lost.xhtml'), part: 'OPS/lost.xhtml' },
    ]);
  });

  it('protected by a seller, a bomb, entities, paths out of the book, no package document', async () => {
    const locked = (method: string): Readonly<Record<string, string>> => ({
      ...files,
      'META-INF/encryption.xml': `<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData><enc:EncryptionMethod Algorithm="${method}"/><enc:CipherData><enc:CipherReference URI="OPS/text/two.xhtml"/></enc:CipherData></enc:EncryptedData></encryption>`,
    });
    const drm = await epub({ manifest, spine, files: locked('http://www.w3.org/2001/04/xmlenc#aes128-cbc') });
    await expect(parseFile(drm)).rejects.toMatchObject({ code: 'document_encrypted' });
    const fonts = await epub({ manifest, spine, files: locked('http://www.idpf.org/2008/embedding') });
    expect((await parseFile(fonts)).text).toContain('second words');
    const bomb = await epub({ manifest, spine, files: { ...files, 'text/two.xhtml': page(' '.repeat(2 ** 22)) } });
    await expect(parseFile(bomb, {}, { limits: { ...LIMITS, maxInflatedBytes: 2 ** 20 } })).rejects.toMatchObject({
      code: 'document_too_large',
    });
    const entity = page('<p>&e;</p>').replace('<html', '<!DOCTYPE html [<!ENTITY e SYSTEM "file:///etc/hostname">]><html');
    const harmless = await parseFile(await epub({ manifest, spine, files: { ...files, 'text/two.xhtml': entity } }));
    expect(harmless.text).toContain('&e;');
    const outside = await epub({ manifest: item('one', '../../../../etc/passwd'), spine, files });
    expect((await parseFile(outside)).warnings.map(({ code }) => code)).toEqual(['part_unreadable']);
    await expect(parseFile(await makeZip({ mimetype: 'application/epub+zip' }))).rejects.toMatchObject({ code: 'document_unreadable' });
  });
});

describe('real books', () => {
  it.skipIf(!existsSync(BOOK))('poems under their titles (skipped without ../shared/data)', async () => {
    const { blocks, outline: contents, metadata } = await parseFile(new Uint8Array(readFileSync(BOOK)));
    expect(metadata).toMatchObject({ title: 'Poetry', author: 'Sarah Louisa Forten Purvis', language: 'en-US' });
    const poem = blocks.find(({ text }) => text.startsWith('The cold storms of winter shall chill him no more,'));
    expect(poem?.path.at(-1)).toBe('The Grave of the Slave');
    expect(contents.map(({ title }) => title)).toContain('Past Joys');
  });

  it.skipIf(!hasMarkitdown)('a book with known content (skipped without ../shared/data)', async () => {
    const [vector] = hasMarkitdown ? markitdownVectors('test.epub') : [];
    const { missing, forbidden } = vector === undefined ? { missing: ['vector'], forbidden: [] } : await missedBy(vector);
    expect({ missing, forbidden }).toEqual({ missing: [], forbidden: [] });
  });
});
