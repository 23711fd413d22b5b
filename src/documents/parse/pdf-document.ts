import { LocalLiteError } from '../../errors.ts';
import type { DocumentMetadata, OutlineEntry, ParseContext, ParsedContent } from '../document-types.ts';
import type { PdfLibrary } from './pdf-library.ts';

const MOST_BOOKMARKS = 10_000;
/** What programs write where they know nothing. */
const PLACEHOLDER = /^\(?(?:untitled|anonymous|unspecified|unknown)?\)?$/i;
const PASSWORD_ERROR = 4;
const ERRORS: Readonly<Record<number, string>> = {
  2: 'its bytes cannot be read',
  3: 'it is damaged or no PDF',
  5: 'its kind of encryption is not supported',
  6: 'a page of it is missing',
};

/** Opens a document whose bytes lie at `pointer`. @throws LocalLiteError document_encrypted, document_unreadable */
export function openDocument(library: PdfLibrary, pointer: number, length: number, password: string | undefined): number {
  const { pdfium } = library;
  const open = (secret: number) => pdfium._FPDF_LoadMemDocument(pointer, length, secret);
  const document = password === undefined ? open(0) : library.withText(password, open);
  if (document !== 0) return document;
  const code = pdfium._FPDF_GetLastError();
  if (code !== PASSWORD_ERROR)
    throw new LocalLiteError('document_unreadable', `the PDF cannot be opened: ${ERRORS[code] ?? 'it is damaged'}`);
  const how =
    password === undefined
      ? 'it can be read only with its password, and none was given'
      : 'the password that was given is not the right one';
  throw new LocalLiteError('document_encrypted', `the PDF is encrypted: ${how}`, { param: 'password' });
}

/** Title, author, dates and the like. */
export function readMetadata(
  library: PdfLibrary,
  document: number,
  bytes: Uint8Array,
  pages: number,
): Omit<DocumentMetadata, 'mediaType' | 'sha256' | 'bytes'> {
  const read = (tag: string) =>
    library
      .withText(tag, (name) => library.utf16((buffer, length) => library.pdfium._FPDF_GetMetaText(document, name, buffer, length)))
      .trim();
  const given = {
    title: read('Title').replace(/^Microsoft (?:Word|PowerPoint|Excel) - /, ''),
    author: read('Author'),
    createdAt: isoDate(read('CreationDate')),
    modifiedAt: isoDate(read('ModDate')),
    language: readLanguage(bytes),
  };
  const properties = { subject: read('Subject'), keywords: read('Keywords'), creator: read('Creator'), producer: read('Producer') };
  const kept = withoutEmpty(properties);
  return { ...withoutEmpty(given), pages, ...(Object.keys(kept).length > 0 && { properties: kept }) };
}

function withoutEmpty<T extends Readonly<Record<string, string | undefined>>>(values: T): { [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && !PLACEHOLDER.test(value))) as {
    [K in keyof T]?: string;
  };
}

/** A date of a PDF, `D:YYYYMMDDHHmmSS+HH'mm'` of which all but the year may be missing, as ISO 8601. */
export function isoDate(date: string): string | undefined {
  const match = /^(?:D:)?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?\s*(Z|[+-]\d\d)?'?(\d\d)?/.exec(date);
  if (match === null) return undefined;
  const [, year, month = '01', day = '01', hour, minute = '00', second = '00', zone, zoneMinutes = '00'] = match;
  if (hour === undefined) return Number.isNaN(Date.parse(`${year}-${month}-${day}`)) ? undefined : `${year}-${month}-${day}`;
  const offset = zone === undefined || zone === 'Z' ? 'Z' : `${zone}:${zoneMinutes}`;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${offset}`);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

/** The language that the catalogue names, where it lies open in the file: PDFium has no function for it. */
function readLanguage(bytes: Uint8Array): string | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const catalogue = file.indexOf('/Catalog');
  if (catalogue < 0) return undefined;
  const around = file.toString('latin1', Math.max(0, catalogue - 1000), catalogue + 2000);
  return /\/Lang\s*\(([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)\)/.exec(around)?.[1];
}

/** The document's bookmarks in their order. A broken tree of them (loops) ends where it repeats. */
export function readOutline(library: PdfLibrary, document: number): readonly OutlineEntry[] {
  const { pdfium } = library;
  const entries: OutlineEntry[] = [];
  const seen = new Set<number>();
  const waiting: { bookmark: number; level: number }[] = [{ bookmark: pdfium._FPDFBookmark_GetFirstChild(document, 0), level: 1 }];
  for (let next = waiting.pop(); next !== undefined && entries.length < MOST_BOOKMARKS; next = waiting.pop()) {
    const { bookmark, level } = next;
    if (bookmark === 0 || seen.has(bookmark)) continue;
    seen.add(bookmark);
    const title = library
      .utf16((buffer, length) => pdfium._FPDFBookmark_GetTitle(bookmark, buffer, length))
      .replaceAll(/\s+/g, ' ')
      .trim();
    const page = bookmarkPage(library, document, bookmark);
    if (title !== '') entries.push({ title, level, ...(page !== undefined && { page }) });
    waiting.push({ bookmark: pdfium._FPDFBookmark_GetNextSibling(document, bookmark), level });
    waiting.push({ bookmark: pdfium._FPDFBookmark_GetFirstChild(document, bookmark), level: level + 1 });
  }
  return entries;
}

function bookmarkPage({ pdfium }: PdfLibrary, document: number, bookmark: number): number | undefined {
  const direct = pdfium._FPDFBookmark_GetDest(document, bookmark);
  const action = direct === 0 ? pdfium._FPDFBookmark_GetAction(bookmark) : 0;
  const destination = action === 0 ? direct : pdfium._FPDFAction_GetDest(document, action);
  const index = destination === 0 ? -1 : pdfium._FPDFDest_GetDestPageIndex(document, destination);
  return index < 0 ? undefined : index + 1;
}

/** A file that is carried by a document. */
interface Attachment {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The files attached to a document, parsed in turn; what cannot be read has become a warning. */
export async function readAttachments(library: PdfLibrary, document: number, context: ParseContext): Promise<readonly ParsedContent[]> {
  const contents: ParsedContent[] = [];
  const count = library.pdfium._FPDFDoc_GetAttachmentCount(document);
  for (let index = 0; index < Math.min(count, context.limits.maxParts + 1); index++) {
    const attachment = readAttachment(library, document, index, context);
    const content = attachment === undefined ? undefined : await context.parsePart(attachment.bytes, attachment.name);
    if (attachment === undefined || content === undefined) continue;
    // Pages of an attachment are not pages of this document.
    const blocks = content.blocks.map(({ page: _page, box: _box, ...block }) => block);
    contents.push({ ...content, blocks: [{ kind: 'heading', level: 1, text: attachment.name }, ...blocks] });
  }
  return contents;
}

function readAttachment(library: PdfLibrary, document: number, index: number, context: ParseContext): Attachment | undefined {
  const { pdfium, scratch } = library;
  const attachment = pdfium._FPDFDoc_GetAttachment(document, index);
  if (attachment === 0) return undefined;
  const name = library.utf16((buffer, length) => pdfium._FPDFAttachment_GetName(attachment, buffer, length)) || `attachment ${index + 1}`;
  const refused = { code: 'attachment_refused', message: 'the attachment cannot be read', part: name };
  if (pdfium._FPDFAttachment_GetFile(attachment, 0, 0, scratch) === 0) {
    context.warn(refused);
    return undefined;
  }
  const length = library.integer(0) >>> 0;
  context.spend(length);
  return library.withBytes(new Uint8Array(length), (buffer) => {
    if (pdfium._FPDFAttachment_GetFile(attachment, buffer, length, scratch) === 0) {
      context.warn(refused);
      return undefined;
    }
    return { name, bytes: pdfium.HEAPU8.slice(buffer, buffer + length) };
  });
}
