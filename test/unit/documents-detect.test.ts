import { TextReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { detect } from '../../src/documents/detect.ts';
import { LocalLiteError } from '../../src/errors.ts';

const kindOf = (content: string | Uint8Array, name?: string, hint?: string): Promise<string> =>
  detect(typeof content === 'string' ? new TextEncoder().encode(content) : content, name, hint);
const bytes = (latin1: string): Uint8Array => new Uint8Array(Buffer.from(latin1, 'latin1'));

async function zip(files: Readonly<Record<string, string>>): Promise<Uint8Array> {
  const writer = new ZipWriter(new Uint8ArrayWriter());
  for (const [name, text] of Object.entries(files)) await writer.add(name, new TextReader(text));
  return await writer.close();
}

/** A compound file with these names in its directory. */
function compound(...names: readonly string[]): Uint8Array {
  const file = new Uint8Array(512 * 3);
  const view = new DataView(file.buffer);
  view.setBigUint64(0, 0xe11ab1a1e011cfd0n, true);
  view.setUint16(30, 9, true);
  view.setUint32(48, 1, true);
  view.setUint32(76, 0, true);
  view.setUint32(512 + 4, 0xfffffffe, true);
  for (const [index, name] of names.entries()) {
    const at = 512 * 2 + index * 128;
    file.set(Buffer.from(name, 'utf16le'), at);
    view.setUint16(at + 64, name.length * 2 + 2, true);
  }
  return file;
}

describe('media type by content', () => {
  it.each([
    ['%PDF-1.7\n', 'application/pdf'],
    ['\x89PNG\r\n\x1a\n\0\0', 'image/png'],
    ['\xff\xd8\xff\xe0', 'image/jpeg'],
    ['II*\0\x08\0\0\0', 'image/tiff'],
    ['RIFF\x24\0\0\0WEBPVP8 ', 'image/webp'],
    ['{\\rtf1\\ansi', 'application/rtf'],
    ['\0\0\0\x18ftypisom\0\0\0\0', 'video/mp4'],
    ['junk\0\n%PDF-1.4\n', 'application/pdf'],
  ])('%j', async (start, mediaType) => expect(await kindOf(bytes(start), 'wrong.txt')).toBe(mediaType));

  it.each([
    ['<!DOCTYPE html><html></html>', 'text/html'],
    ['<?xml version="1.0"?>\n<!-- x -->\n<html xmlns="x"></html>', 'text/html'],
    ['<?xml version="1.0"?><rss version="2.0"><channel/></rss>', 'application/rss+xml'],
    ['<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"/>', 'application/rss+xml'],
    ['<?xml version="1.0"?><note/>', 'application/xml'],
    ['WEBVTT\n\n00:01.000 --> 00:02.000\nHi', 'text/vtt'],
    ['1\n00:00:01,000 --> 00:00:02,000\nHi\n', 'application/x-subrip'],
    ['From: a@b.c\nTo: d@e.f\nSubject: x\n\nbody', 'message/rfc822'],
    ['From a@b.c Thu Jan  1 00:00:00 2026\nFrom: a@b.c\nSubject: x\n\nbody', 'application/mbox'],
    ['{"a": 1}', 'application/json'],
    ['{"a": 1}\n{"a": 2}\n', 'application/x-ndjson'],
    ['{"cells": [], "nbformat": 4}', 'application/x-ipynb+json'],
    ['a,b,c\n1,2,3\n4,5,6\n7,8,9\n', 'text/csv'],
    ['a\tb\tc\n1\t2\t3\n4\t5\t6\n7\t8\t9\n', 'text/tab-separated-values'],
    ['# Title\n\n- one\n- two\n', 'text/markdown'],
    ['#!/usr/bin/env python3\nprint(1)\n', 'text/x-source'],
    ['BM is short for something, and MZ as well.', 'text/plain'],
    ['Dear all, this mentions %PDF-1.4 by name.', 'text/plain'],
    ['Subject: only one header\nand prose', 'text/plain'],
  ])('%j without a name', async (text, mediaType) => expect(await kindOf(text)).toBe(mediaType));

  it('the name decides between kinds of text only', async () => {
    expect(await kindOf('plain words', 'notes.md')).toBe('text/markdown');
    expect(await kindOf('a;b', 'x.csv')).toBe('text/csv');
    expect(await kindOf('<p align=center>logo</p>\n# Title', 'README.md')).toBe('text/markdown');
    expect(await kindOf('const a = 1;', 'a.ts')).toBe('text/x-source');
    expect(await kindOf('plain words', 'x', 'text/markdown; charset=utf-8')).toBe('text/markdown');
    expect(await kindOf('%PDF-1.7', 'notes.md', 'text/markdown')).toBe('application/pdf');
  });

  it('office files and books by what they hold, not by their names', async () => {
    const office = (type: string): Promise<Uint8Array> =>
      zip({ '[Content_Types].xml': `<Types><Override PartName="/x" ContentType="application/${type}.main+xml"/></Types>`, x: '' });
    const openxml = 'vnd.openxmlformats-officedocument';
    expect(await kindOf(await office(`${openxml}.wordprocessingml.document`))).toMatch(/wordprocessingml\.document$/);
    expect(await kindOf(await office('vnd.ms-excel.sheet.macroEnabled'))).toMatch(/macroEnabled\.12$/);
    expect(await kindOf(await office(`${openxml}.presentationml.slideshow`))).toMatch(/presentationml\.presentation$/);
    expect(await kindOf(await zip({ mimetype: 'application/epub+zip' }), 'a.zip')).toBe('application/epub+zip');
    const odt = 'application/vnd.oasis.opendocument.text';
    expect(await kindOf(await zip({ mimetype: odt, 'content.xml': '' }))).toBe(odt);
    expect(await kindOf(await zip({ 'a.txt': 'word/document.xml' }), 'a.docx')).toBe('application/zip');
  });

  it('compound files by the names in their directory', async () => {
    expect(await kindOf(compound('Root Entry', 'WordDocument'))).toBe('application/msword');
    expect(await kindOf(compound('Root Entry', 'Workbook'))).toBe('application/vnd.ms-excel');
    expect(await kindOf(compound('Root Entry', 'PowerPoint Document'))).toBe('application/vnd.ms-powerpoint');
    expect(await kindOf(compound('Root Entry', '__properties_version1.0'))).toBe('application/vnd.ms-outlook');
    expect(await kindOf(compound('Root Entry', 'EncryptedPackage'))).toBe('application/x-encrypted-office');
    const loop = compound('Root Entry');
    new DataView(loop.buffer).setUint32(512 + 4, 1, true);
    expect(await kindOf(loop)).toBe('application/x-ole-storage');
  });

  it('whatever the bytes are, it answers with a type or a refusal', async () => {
    const heads = fc.constantFrom('', 'PK\x03\x04', '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', '<?xml version="1.0"?>', '{', 'From: ');
    await fc.assert(
      fc.asyncProperty(heads, fc.uint8Array({ maxLength: 2000 }), async (head, rest) => {
        const told = await kindOf(new Uint8Array(Buffer.concat([Buffer.from(head, 'latin1'), rest]))).catch((error: unknown) => error);
        expect(typeof told === 'string' || (LocalLiteError.is(told) && told.code === 'document_unsupported')).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
