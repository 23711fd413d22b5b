import { LocalLiteError } from '../errors.ts';
import { decodeWide, wideEncoding } from './encoding.ts';
import { magicOf } from './magic.ts';
import { oleNames } from './ole-directory.ts';
import { textKind } from './text-kind.ts';
import { type ZipMember, zipMembers } from './zip.ts';

/** So much of a text tells its kind. */
const HEAD_BYTES = 8192;
/** Members of an archive that are looked at, and the longest of them that is inflated to tell its kind. */
const MOST_MEMBERS = 2000;
const LONGEST_MEMBER = 2 ** 20;

/**
 * Media type of a document by its content; `name` and `hint` (the sender's media type) decide only between kinds of text.
 * @throws LocalLiteError document_unsupported for bytes that are no text and no known format
 */
export async function detect(bytes: Uint8Array, name: string | undefined, hint: string | undefined): Promise<string> {
  const start = textStart(bytes);
  const magic = magicOf(bytes, start !== undefined);
  if (magic === 'application/zip') return await zipKind(bytes);
  if (magic !== undefined) return magic;
  const names = oleNames(bytes);
  if (names !== undefined) return oleKind(names);
  if (start !== undefined) return textKind({ start, bytes, name, hint });
  throw new LocalLiteError('document_unsupported', `${name ?? 'the document'} is neither text nor a format that can be read`);
}

/** The first characters of a text; undefined for bytes that are none: they hold zeros without being UTF-16 or UTF-32, or control characters. */
function textStart(bytes: Uint8Array): string | undefined {
  const wide = wideEncoding(bytes);
  const head = bytes.subarray(0, HEAD_BYTES);
  if (wide !== undefined) return decodeWide(head, wide);
  const odd = head.reduce((count, byte) => count + (byte < 9 || (byte > 13 && byte < 27) ? 1 : 0), 0);
  return head.includes(0) || odd > Math.max(2, head.length / 50) ? undefined : new TextDecoder().decode(head);
}

const OFFICE: readonly (readonly [inContentTypes: string, mediaType: string])[] = [
  ['wordprocessingml', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
  ['ms-word.', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
  ['presentationml', 'application/vnd.openxmlformats-officedocument.presentationml.presentation'],
  ['ms-powerpoint.', 'application/vnd.openxmlformats-officedocument.presentationml.presentation'],
  ['ms-excel.sheet.binary', 'application/vnd.ms-excel.sheet.binary.macroEnabled.12'],
  ['ms-excel.', 'application/vnd.ms-excel.sheet.macroEnabled.12'],
  ['spreadsheetml', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'],
];

/** An office file, an electronic book, or an archive of anything. */
async function zipKind(bytes: Uint8Array): Promise<string> {
  const members = await zipMembers(bytes, MOST_MEMBERS).catch(() => []);
  const own = await memberText(members, 'mimetype');
  const named = own?.trim().replace(/-template$/, '');
  if (named === 'application/epub+zip' || named?.startsWith('application/vnd.oasis.opendocument.') === true) return named;
  const types = await memberText(members, '[Content_Types].xml');
  // The main part is the one whose type ends in "main+xml"; an embedded workbook's part has its own name.
  const main = /ContentType\s*=\s*["']([^"']*(?:main\+xml|binary[^"']*main))["']/i.exec(types ?? '')?.[1]?.toLowerCase();
  return OFFICE.find(([part]) => main?.includes(part))?.[1] ?? 'application/zip';
}

async function memberText(members: readonly ZipMember[], name: string): Promise<string | undefined> {
  const member = members.find((one) => one.name === name);
  if (member === undefined || member.isEncrypted) return undefined;
  let left = LONGEST_MEMBER;
  const spend = (bytes: number): void => {
    left -= bytes;
    if (left < 0) throw new LocalLiteError('document_too_large', `${name} is longer than one can be`);
  };
  return await member.read(spend).then(
    (bytes) => new TextDecoder().decode(bytes),
    () => undefined,
  );
}

const OLE: readonly (readonly [entry: string, mediaType: string])[] = [
  ['EncryptedPackage', 'application/x-encrypted-office'],
  ['__properties_version1.0', 'application/vnd.ms-outlook'],
  ['WordDocument', 'application/msword'],
  ['PowerPoint Document', 'application/vnd.ms-powerpoint'],
  ['Workbook', 'application/vnd.ms-excel'],
  ['Book', 'application/vnd.ms-excel'],
];

function oleKind(names: readonly string[]): string {
  return OLE.find(([entry]) => names.includes(entry))?.[1] ?? 'application/x-ole-storage';
}
