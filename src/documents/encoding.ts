import chardet from 'chardet';
import type { ParseContext } from './document-types.ts';

type Hints = Pick<ParseContext, 'warn'> & { readonly options?: { readonly mediaType?: string } };

const MARKS: readonly (readonly [encoding: string, bytes: readonly number[]])[] = [
  ['utf-8', [0xef, 0xbb, 0xbf]],
  ['utf-32le', [0xff, 0xfe, 0, 0]],
  ['utf-32be', [0, 0, 0xfe, 0xff]],
  ['utf-16le', [0xff, 0xfe]],
  ['utf-16be', [0xfe, 0xff]],
];
/** Enough to tell an encoding by. */
const SAMPLE = 64 * 1024;
/** Broken characters in a text of which so many others are right are damage, not another encoding. */
const RIGHT_FOR_EACH_BROKEN = 20;

/**
 * Text of bytes in whatever encoding: by a byte order mark, as UTF-8 where they are that, as the sender's `charset` says, by a guess
 * otherwise, which is warned of.
 */
export function decodeText(bytes: Uint8Array, { warn, options }: Hints): string {
  const wide = wideEncoding(bytes);
  if (wide !== undefined) return decodeWide(bytes, wide);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const encoding = charsetOf(options?.mediaType) ?? guess(bytes);
    warn({ code: 'encoding_guessed', message: `the text is not UTF-8; it was read as ${encoding}` });
    return decodeAs(bytes, encoding);
  }
}

/** UTF-8 with its mark, UTF-16 or UTF-32, by a mark or by where the zeros of Latin letters stand; undefined for anything else. */
export function wideEncoding(bytes: Uint8Array): string | undefined {
  const mark = MARKS.find(([, start]) => start.every((byte, index) => bytes[index] === byte));
  if (mark !== undefined) return mark[0];
  const head = bytes.subarray(0, 512);
  if (head.length < 4 || !head.includes(0)) return undefined;
  const zeros = [0, 1].map((parity) => head.reduce((count, byte, index) => count + (byte === 0 && index % 2 === parity ? 1 : 0), 0));
  const [even = 0, odd = 0] = zeros;
  const most = head.length * 0.35;
  if (odd > most && even === 0) return 'utf-16le';
  return even > most && odd === 0 ? 'utf-16be' : undefined;
}

/** Text of bytes in an encoding that {@link wideEncoding} names. */
export function decodeWide(bytes: Uint8Array, encoding: string): string {
  return encoding.startsWith('utf-32') ? decodeUtf32(bytes, encoding === 'utf-32le') : new TextDecoder(encoding).decode(bytes);
}

/** What Windows has where ISO 8859-1 has control characters, 0x80 to 0x9f; the five that are not assigned stay as they are. */
const WINDOWS_1252_SIGNS = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

/** Text of bytes in an encoding that {@link knownEncoding} names. Windows-1252 is decoded here: Node 20 takes it for ISO 8859-1. */
export function decodeAs(bytes: Uint8Array, encoding: string): string {
  if (encoding !== 'windows-1252') return new TextDecoder(encoding).decode(bytes);
  const latin = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  return latin.replaceAll(/[\x80-\x9f]/g, (sign) => WINDOWS_1252_SIGNS[sign.charCodeAt(0) - 0x80] ?? sign);
}

/** `charset` of a media type, if it is one that is known. */
function charsetOf(mediaType: string | undefined): string | undefined {
  const name = /;\s*charset\s*=\s*"?([\w:.-]+)/i.exec(mediaType ?? '')?.[1];
  return name === undefined || /^utf-?8$/i.test(name) ? undefined : knownEncoding(name);
}

/** The platform's name of an encoding; undefined for one that it does not know. */
export function knownEncoding(name: string): string | undefined {
  try {
    return new TextDecoder(name).encoding;
  } catch {
    return undefined;
  }
}

function guess(bytes: Uint8Array): string {
  const sample = bytes.subarray(0, SAMPLE);
  if (isDamagedUtf8(sample)) return 'utf-8';
  const guessed = knownEncoding(chardet.detect(sample) ?? '') ?? 'windows-1252';
  if (/^(?:windows|iso)-/.test(guessed) && isShiftJis(sample)) return 'shift_jis';
  // ISO 8859 has control characters where Windows has quotes and the euro sign, and texts have no control characters.
  const hasSigns = sample.some((byte) => byte >= 0x80 && byte < 0xa0);
  return hasSigns && guessed.startsWith('iso-8859-') ? (WINDOWS[guessed] ?? 'windows-1252') : guessed;
}

const WINDOWS: Readonly<Record<string, string>> = {
  'iso-8859-2': 'windows-1250',
  'iso-8859-5': 'windows-1251',
  'iso-8859-6': 'windows-1256',
  'iso-8859-7': 'windows-1253',
  'iso-8859-8': 'windows-1255',
  'iso-8859-13': 'windows-1257',
};

/**
 * Short Japanese texts are taken for Latin ones. In those the bytes 0x80 to 0x9f are rare signs; in Shift_JIS they begin most characters,
 * and the whole decodes without a fault.
 */
function isShiftJis(sample: Uint8Array): boolean {
  const high = sample.filter((byte) => byte >= 0x80);
  const leading = high.filter((byte) => byte < 0xa0).length;
  if (leading < high.length / 4) return false;
  try {
    new TextDecoder('shift_jis', { fatal: true }).decode(sample, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function isDamagedUtf8(sample: Uint8Array): boolean {
  const text = new TextDecoder('utf-8').decode(sample);
  const broken = text.split('\ufffd').length - 1;
  const right = text.replaceAll(/[\p{ASCII}\ufffd]/gu, '').length;
  return right >= broken * RIGHT_FOR_EACH_BROKEN;
}

function decodeUtf32(bytes: Uint8Array, isLittleEndian: boolean): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: string[] = [];
  for (let at = 4; at + 4 <= bytes.length; at += 4) {
    const point = view.getUint32(at, isLittleEndian);
    parts.push(point <= 0x10ffff ? String.fromCodePoint(point) : '\ufffd');
  }
  return parts.join('');
}
