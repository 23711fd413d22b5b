import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TextReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js';
import { describe, expect, it } from 'vitest';
import { LIMITS, parseFile } from '../support/parse-file.ts';

const MAILS = join(import.meta.dirname, '../../../shared/data/documents/docling/email/sources');

const HEADERS =
  'From: Ann <ann@x.org>\nTo: Bob <bob@x.org>, c@x.org\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nDate: Thu, 1 Jan 2026 10:00:00 +0100\n';

describe('mail', () => {
  it('headers, text and attachments, each as what it is', async () => {
    const csv = Buffer.from('a,b\n1,2\n').toString('base64');
    const source = `${HEADERS}MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nK=E4se und\nBrot\n\n--B\nContent-Type: text/csv; name=table.csv\nContent-Disposition: attachment; filename=table.csv\nContent-Transfer-Encoding: base64\n\n${csv}\n--B--\n`;
    const { blocks, metadata } = await parseFile(source);
    expect(metadata).toMatchObject({ title: 'Grüße', author: 'Ann <ann@x.org>', createdAt: '2026-01-01T09:00:00.000Z' });
    expect(blocks.map(({ kind, text }) => [kind, text])).toEqual([
      ['heading', 'Grüße'],
      ['text', 'From: Ann <ann@x.org>\nTo: Bob <bob@x.org>, c@x.org\nDate: 2026-01-01T09:00:00.000Z\nSubject: Grüße'],
      ['text', 'Käse und\nBrot'],
      ['heading', 'table.csv'],
      ['table', 'a | b\n1 | 2'],
    ]);
    expect(blocks[4]?.path).toEqual(['Grüße', 'table.csv']);
  });

  it('of text and HTML the one that says more', async () => {
    const mail = (text: string, html: string): string =>
      `${HEADERS}MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=B\n\n--B\nContent-Type: text/plain\n\n${text}\n--B\nContent-Type: text/html\n\n${html}\n--B--\n`;
    const rich = await parseFile(mail('see the HTML', '<p>A whole <b>paragraph</b> of text</p><ul><li>item</li></ul>'));
    expect(rich.blocks.map(({ kind }) => kind)).toEqual(['heading', 'text', 'text', 'list']);
    const poor = await parseFile(mail('a long text that says everything there is to say', '<p>hm</p>'));
    expect(poor.text).toContain('everything there is to say');
  });

  it('a mail in a mail, and an attachment that cannot be read as a warning', async () => {
    const inner = `From: in@x.org\nTo: b@x.org\nSubject: Inner\n\ninner words\n`;
    const source = `${HEADERS}MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: message/rfc822\nContent-Disposition: attachment\n\n${inner}\n--B\nContent-Type: audio/mpeg; name=a.mp3\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=a.mp3\n\nSUQzBAAAAAAAAAAAAAA=\n--B--\n`;
    const { text, warnings } = await parseFile(source);
    expect(text).toContain('inner words');
    expect(warnings).toEqual([{ code: 'document_unsupported', message: expect.stringContaining('audio'), part: 'a.mp3' }]);
  });

  it('mbox: every message, with quoted separators as they were', async () => {
    const one = (subject: string, body: string): string =>
      `From a@x.org Thu Jan  1 00:00:00 2026\nFrom: a@x.org\nTo: b@x.org\nSubject: ${subject}\nDate: Thu, 1 Jan 2026 10:00:00 +0000\n\n${body}\n\n`;
    const { text, blocks, metadata } = await parseFile(one('First', '>From here on\nwords') + one('Second', 'more'));
    expect(metadata.properties).toEqual({ messages: '2' });
    expect(blocks.filter(({ kind }) => kind === 'heading').map((block) => block.text)).toEqual(['First', 'Second']);
    expect(text).toContain('From here on\nwords');
  });

  it.skipIf(!existsSync(MAILS))('Outlook messages with their attachments (skipped without ../shared/data)', async () => {
    const { blocks, metadata } = await parseFile(new Uint8Array(readFileSync(join(MAILS, 'msg_with_attachment.msg'))));
    expect(metadata).toMatchObject({ title: 'Email with Attachment', author: 'Alice Example <alice@example.com>' });
    expect(blocks.at(-1)).toMatchObject({
      text: 'This is a test attachment file.\nIt contains some dummy content.',
      path: ['Email with Attachment', 'test.txt'],
    });
  });
});

describe('limits that the parts of a document share', () => {
  it('nesting counts through archives and mails alike', async () => {
    const writer = new ZipWriter(new Uint8ArrayWriter());
    await writer.add('inner.eml', new TextReader(`${HEADERS}\nwords in a mail in an archive`));
    const bytes = await writer.close();
    expect((await parseFile(bytes)).text).toContain('words in a mail in an archive');
    const { text, warnings } = await parseFile(bytes, {}, { limits: { ...LIMITS, maxNesting: 0 } });
    expect(text).toBe('');
    expect(warnings).toEqual([{ code: 'limit_reached', message: expect.stringContaining('documents.max_nesting'), part: 'inner.eml' }]);
  });
});
