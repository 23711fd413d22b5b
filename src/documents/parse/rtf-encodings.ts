import { decodeAs, knownEncoding } from '../encoding.ts';

/** Encodings of fonts by `\fcharset`; those of no country have the document's. */
const CHARSETS: Readonly<Record<number, string>> = {
  77: 'macintosh',
  128: 'shift_jis',
  129: 'euc-kr',
  134: 'gbk',
  136: 'big5',
  161: 'windows-1253',
  162: 'windows-1254',
  163: 'windows-1258',
  177: 'windows-1255',
  178: 'windows-1256',
  186: 'windows-1257',
  204: 'windows-1251',
  222: 'windows-874',
  238: 'windows-1250',
};

const PAGES: Readonly<Record<number, string>> = {
  866: 'ibm866',
  874: 'windows-874',
  932: 'shift_jis',
  936: 'gbk',
  949: 'euc-kr',
  950: 'big5',
  10000: 'macintosh',
  65001: 'utf-8',
};

/** Encoding of a font by its `\fcharset`; undefined for those that go by the document's own. */
export function charsetEncoding(charset: number): string | undefined {
  return CHARSETS[charset];
}

/** Encoding by the number of a Windows code page; Western European for one that is not known. */
export function pageEncoding(page: number): string {
  return PAGES[page] ?? knownEncoding(`windows-${page}`) ?? 'windows-1252';
}

/** Text of bytes that stand as Latin-1 characters. */
export function decodeBytes(bytes: string, encoding: string): string {
  return /^[\x20-\x7e]*$/.test(bytes) ? bytes : decodeAs(Buffer.from(bytes, 'latin1'), encoding);
}
