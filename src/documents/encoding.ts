import chardet from 'chardet';
import type { DocumentWarning } from './document-types.ts';

const MARKS: readonly (readonly [encoding: string, bytes: readonly number[]])[] = [
  ['utf-8', [0xef, 0xbb, 0xbf]],
  ['utf-32le', [0xff, 0xfe, 0, 0]],
  ['utf-16le', [0xff, 0xfe]],
  ['utf-16be', [0xfe, 0xff]],
];
/** Enough to tell an encoding by. */
const SAMPLE = 64 * 1024;

/** Text of bytes in whatever encoding: by a byte order mark, as UTF-8 where they are that, by a guess otherwise, which is warned of. */
export function decodeText(bytes: Uint8Array, warn: (warning: DocumentWarning) => void): string {
  const mark = MARKS.find(([, start]) => start.every((byte, index) => bytes[index] === byte));
  if (mark?.[0] === 'utf-32le') return decodeUtf32(bytes.subarray(4));
  if (mark !== undefined) return new TextDecoder(mark[0]).decode(bytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const encoding = guess(bytes);
    warn({ code: 'encoding_guessed', message: `the text is not UTF-8; it was read as ${encoding}` });
    return new TextDecoder(encoding).decode(bytes);
  }
}

function guess(bytes: Uint8Array): string {
  const name = chardet.detect(bytes.subarray(0, SAMPLE)) ?? 'windows-1252';
  try {
    return new TextDecoder(name).encoding;
  } catch {
    return 'windows-1252';
  }
}

function decodeUtf32(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: string[] = [];
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const point = view.getUint32(at, true);
    parts.push(point <= 0x10ffff ? String.fromCodePoint(point) : '\ufffd');
  }
  return parts.join('');
}
