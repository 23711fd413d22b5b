import type { PageImage } from '../document-types.ts';
import { type Graphics, readGraphics } from './pdf-graphics.ts';
import type { PdfLibrary } from './pdf-library.ts';
import { type Frame, type PageText, readWords, type TextFacts, turn, type Word } from './pdf-words.ts';

/** A place on a page that leads to an address, in the coordinates of its turned text. */
export interface LinkArea {
  readonly url: string;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** All that is read of a page while it is open. */
export interface PageReading {
  readonly frame: Frame;
  readonly groups: readonly PageText[];
  readonly graphics: Graphics;
  readonly facts: TextFacts;
  readonly links: readonly LinkArea[];
}

const URI_ACTION = 3;
const FREE_TEXT = 3;
const WIDGET = 20;
const HIDDEN = 2;
const MOST_LINKS = 2000;
const MOST_ANNOTATIONS = 2000;
const BGR = 2;
const WITH_ANNOTATIONS = 1;
const AS_RGB = 0x10;
const MOST_PIXELS = 50e6;

/** Runs `work` with an open page; undefined where the file has no such page. */
export function withPage<T>(library: PdfLibrary, document: number, index: number, work: (page: number) => T): T | undefined {
  const page = library.pdfium._FPDF_LoadPage(document, index);
  if (page === 0) return undefined;
  try {
    return work(page);
  } finally {
    library.pdfium._FPDF_ClosePage(page);
  }
}

/** Words, lines and links of an open page. */
export function readPage(library: PdfLibrary, document: number, page: number): PageReading {
  const { pdfium } = library;
  const frame = readFrame(library, page);
  const facts: TextFacts = { letters: 0, unmapped: 0, invisible: 0 };
  const text = pdfium._FPDFText_LoadPage(page);
  const read = text === 0 ? [] : readWords(library, text, frame, facts);
  if (text !== 0) pdfium._FPDFText_ClosePage(text);
  const quadrant = read[0]?.quadrant ?? frame.rotation;
  const annotated = pdfium._FPDFPage_GetAnnotCount(page);
  const filled = annotated > 0 ? fieldWords(library, page, frame, quadrant, annotated) : [];
  const [first = { quadrant, words: [] }, ...others] = read;
  const groups = [{ ...first, words: [...first.words, ...filled] }, ...others];
  const links = annotated > 0 ? readLinks(library, document, page, frame, quadrant) : [];
  return { frame, groups, graphics: readGraphics(library, page, frame, quadrant), facts, links };
}

/** Width and height of a page whose text is turned by `quadrant`, in points. */
export function pageSize({ left, top, right, bottom }: Frame, quadrant: number): readonly [number, number] {
  return quadrant % 2 === 0 ? [right - left, top - bottom] : [top - bottom, right - left];
}

/**
 * An open page as it is shown, in 8 bits RGB; undefined where there is no memory for it. A page that would be too large at this
 * resolution comes in a lower one.
 */
export function renderPage(library: PdfLibrary, page: number, dpi: number): PageImage | undefined {
  const { pdfium } = library;
  const frame = readFrame(library, page);
  const [points, tall] = pageSize(frame, frame.rotation);
  const scale = Math.min(dpi / 72, Math.sqrt(MOST_PIXELS / (points * tall)));
  const [width, height] = [Math.max(1, Math.floor(points * scale)), Math.max(1, Math.floor(tall * scale))];
  const bitmap = pdfium._FPDFBitmap_CreateEx(width, height, BGR, 0, 0);
  if (bitmap === 0) return undefined;
  pdfium._FPDFBitmap_FillRect(bitmap, 0, 0, width, height, 0xffffffff);
  pdfium._FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, WITH_ANNOTATIONS | AS_RGB);
  const [start, stride] = [pdfium._FPDFBitmap_GetBuffer(bitmap), pdfium._FPDFBitmap_GetStride(bitmap)];
  const data = new Uint8Array(width * height * 3);
  for (let row = 0; row < height; row++) {
    data.set(pdfium.HEAPU8.subarray(start + row * stride, start + row * stride + width * 3), row * width * 3);
  }
  pdfium._FPDFBitmap_Destroy(bitmap);
  return { width, height, data, dpi: scale * 72 };
}

function readFrame(library: PdfLibrary, page: number): Frame {
  const { pdfium, scratch } = library;
  const rotation = ((pdfium._FPDFPage_GetRotation(page) % 4) + 4) % 4;
  if (pdfium._FPDF_GetPageBoundingBox(page, scratch) !== 0) {
    const [left, top, right, bottom] = library.rectangle();
    if (right - left > 1 && top - bottom > 1) return { left, top, right, bottom, rotation };
  }
  return { left: 0, top: 792, right: 612, bottom: 0, rotation };
}

function readLinks(library: PdfLibrary, document: number, page: number, frame: Frame, quadrant: number): readonly LinkArea[] {
  const { pdfium, scratch } = library;
  const links: LinkArea[] = [];
  // The place to go on from lies in the second half of the scratch memory, which no other call here writes.
  const [position, found] = [scratch + 128, scratch + 132];
  pdfium.HEAP32[position >> 2] = 0;
  for (let count = 0; count < MOST_LINKS && pdfium._FPDFLink_Enumerate(page, position, found) !== 0; count++) {
    const link = pdfium.HEAP32[found >> 2] ?? 0;
    const action = link === 0 ? 0 : pdfium._FPDFLink_GetAction(link);
    if (action === 0 || pdfium._FPDFAction_GetType(action) !== URI_ACTION) continue;
    const url = library.utf8((buffer, length) => pdfium._FPDFAction_GetURIPath(document, action, buffer, length));
    if (url === '' || pdfium._FPDFLink_GetAnnotRect(link, scratch) === 0) continue;
    const [left, top, right, bottom] = turn(frame, quadrant, library.rectangle());
    links.push({ url, left, top, right, bottom });
  }
  return links;
}

/** What was written into the fields of a form, and notes set as text on the page, as words at their place. */
function fieldWords(library: PdfLibrary, page: number, frame: Frame, quadrant: number, count: number): readonly Word[] {
  const { pdfium, scratch } = library;
  const words: Word[] = [];
  for (let index = 0; index < Math.min(count, MOST_ANNOTATIONS); index++) {
    const annotation = pdfium._FPDFPage_GetAnnot(page, index);
    if (annotation === 0) continue;
    const text = fieldText(library, annotation);
    if (text !== '' && pdfium._FPDFAnnot_GetRect(annotation, scratch) !== 0) {
      words.push(...wordsAt(text, turn(frame, quadrant, library.rectangle())));
    }
    pdfium._FPDFPage_CloseAnnot(annotation);
  }
  return words;
}

function fieldText(library: PdfLibrary, annotation: number): string {
  const { pdfium } = library;
  const subtype = pdfium._FPDFAnnot_GetSubtype(annotation);
  if ((subtype !== WIDGET && subtype !== FREE_TEXT) || (pdfium._FPDFAnnot_GetFlags(annotation) & HIDDEN) !== 0) return '';
  const value = (key: string) =>
    library.withText(key, (name) => library.utf16((buffer, length) => pdfium._FPDFAnnot_GetStringValue(annotation, name, buffer, length)));
  if (subtype === FREE_TEXT) return value('Contents');
  return /^(?:Btn|Sig)$/.test(value('FT')) ? '' : value('V');
}

function wordsAt(text: string, [left, top, right, bottom]: readonly [number, number, number, number]): readonly Word[] {
  const lines = text.split(/\r\n|\r|\n/).filter((line) => line.trim() !== '');
  const height = (bottom - top) / Math.max(1, lines.length);
  const size = Math.max(1, Math.min(11, 0.75 * height));
  return lines.map((line, index) => {
    const middle = top + (index + 0.5) * height;
    const box = { left, right, top: middle - size / 2, bottom: middle + size / 2, baseline: middle + 0.35 * size };
    return { text: line.trim(), ...box, size, bold: false, fixed: false, spaced: true };
  });
}
