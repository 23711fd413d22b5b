import { PDFiumModule } from '@hyzyla/pdfium';
import { LocalLiteError } from '../../errors.ts';

type Vendor = Awaited<ReturnType<typeof PDFiumModule>>;

/** The functions that are called for every letter or line of a page, as WebAssembly has them: the package's own wrapping costs more than their work. */
interface HotFunctions {
  malloc(size: number): number;
  free(pointer: number): void;
  FPDFText_GetUnicode(text: number, index: number): number;
  FPDFText_GetTextObject(text: number, index: number): number;
  FPDFText_GetLooseCharBox(text: number, index: number, rect: number): number;
  FPDFText_HasUnicodeMapError(text: number, index: number): number;
  FPDFPage_GetObject(page: number, index: number): number;
  FPDFPageObj_GetType(object: number): number;
  FPDFPageObj_GetBounds(object: number, left: number, bottom: number, right: number, top: number): number;
  FPDFPath_GetPathSegment(path: number, index: number): number;
  FPDFPathSegment_GetType(segment: number): number;
  FPDFPathSegment_GetPoint(segment: number, x: number, y: number): number;
}

/** The functions of PDFium that are used here and that the package's own types leave out; names and arguments as in PDFium's headers. Every pointer is a number, 0 for none. */
export interface Pdfium extends Omit<Vendor, 'wasmExports'> {
  readonly wasmExports: HotFunctions;
  readonly HEAPF32: Float32Array;
  readonly HEAPU16: Uint16Array;
  _FPDF_GetMetaText(document: number, tag: number, buffer: number, length: number): number;
  _FPDF_GetPageBoundingBox(page: number, rect: number): number;
  _FPDFPage_GetRotation(page: number): number;
  _FPDFText_GetMatrix(text: number, index: number, matrix: number): number;
  _FPDFText_GetFontSize(text: number, index: number): number;
  _FPDFTextObj_GetFont(object: number): number;
  _FPDFTextObj_GetTextRenderMode(object: number): number;
  _FPDFFont_GetBaseFontName(font: number, buffer: number, length: number): number;
  _FPDFFont_GetFlags(font: number): number;
  _FPDFFont_GetWeight(font: number): number;
  _FPDFPageObj_GetMatrix(object: number, matrix: number): number;
  _FPDFPath_CountSegments(path: number): number;
  _FPDFPath_GetDrawMode(path: number, fill: number, stroke: number): number;
  _FPDFPathSegment_GetClose(segment: number): number;
  _FPDFLink_Enumerate(page: number, position: number, link: number): number;
  _FPDFLink_GetAction(link: number): number;
  _FPDFLink_GetAnnotRect(link: number, rect: number): number;
  _FPDFAction_GetType(action: number): number;
  _FPDFAction_GetURIPath(document: number, action: number, buffer: number, length: number): number;
  _FPDFAction_GetDest(document: number, action: number): number;
  _FPDFDest_GetDestPageIndex(document: number, destination: number): number;
  _FPDFBookmark_GetFirstChild(document: number, bookmark: number): number;
  _FPDFBookmark_GetNextSibling(document: number, bookmark: number): number;
  _FPDFBookmark_GetTitle(bookmark: number, buffer: number, length: number): number;
  _FPDFBookmark_GetDest(document: number, bookmark: number): number;
  _FPDFBookmark_GetAction(bookmark: number): number;
  _FPDFPage_GetAnnotCount(page: number): number;
  _FPDFPage_GetAnnot(page: number, index: number): number;
  _FPDFPage_CloseAnnot(annotation: number): void;
  _FPDFAnnot_GetSubtype(annotation: number): number;
  _FPDFAnnot_GetRect(annotation: number, rect: number): number;
  _FPDFAnnot_GetFlags(annotation: number): number;
  _FPDFAnnot_GetStringValue(annotation: number, key: number, buffer: number, length: number): number;
  _FPDFAnnot_GetFileAttachment(annotation: number): number;
  _FPDFDoc_GetAttachmentCount(document: number): number;
  _FPDFDoc_GetAttachment(document: number, index: number): number;
  _FPDFAttachment_GetName(attachment: number, buffer: number, length: number): number;
  _FPDFAttachment_GetFile(attachment: number, buffer: number, length: number, needed: number): number;
}

/** Memory of PDFium above which its instance is replaced once its document is done: WebAssembly never gives memory back. */
const KEPT_BYTES = 256 * 2 ** 20;
const SCRATCH_BYTES = 256;
const LONGEST_TEXT = 65_536;

/** An instance of PDFium with a few words of memory for answers. */
export class PdfLibrary {
  readonly pdfium: Pdfium;
  /** Pointer to 256 bytes that any call may overwrite. */
  readonly scratch: number;

  constructor(pdfium: Pdfium) {
    this.pdfium = pdfium;
    this.scratch = this.allocate(SCRATCH_BYTES);
  }

  /** @throws LocalLiteError document_too_large where there is no memory left */
  allocate(bytes: number): number {
    const pointer = this.pdfium.wasmExports.malloc(Math.max(1, bytes));
    if (pointer === 0) throw new LocalLiteError('document_too_large', `the PDF reader has no memory left for ${bytes} bytes`);
    return pointer;
  }

  free(pointer: number): void {
    if (pointer !== 0) this.pdfium.wasmExports.free(pointer);
  }

  /** Runs `work` with a copy of the bytes in PDFium's memory. */
  withBytes<T>(bytes: Uint8Array, work: (pointer: number) => T): T {
    const pointer = this.allocate(bytes.length);
    try {
      this.pdfium.HEAPU8.set(bytes, pointer);
      return work(pointer);
    } finally {
      this.free(pointer);
    }
  }

  /** Runs `work` with a zero-terminated UTF-8 string in PDFium's memory. */
  withText<T>(text: string, work: (pointer: number) => T): T {
    return this.withBytes(Buffer.from(`${text}\0`, 'utf8'), work);
  }

  /** The `index`th 32-bit float of the scratch memory. */
  float(index: number): number {
    return this.pdfium.HEAPF32[(this.scratch >> 2) + index] ?? 0;
  }

  /** The `index`th 32-bit integer of the scratch memory. */
  integer(index: number): number {
    return this.pdfium.HEAP32[(this.scratch >> 2) + index] ?? 0;
  }

  /** Left, top, right and bottom of an FS_RECTF in the scratch memory. */
  rectangle(): readonly [number, number, number, number] {
    return [this.float(0), this.float(1), this.float(2), this.float(3)];
  }

  /** What a function that fills a buffer with UTF-16 says; it answers with the bytes it needs, the closing zero included. */
  utf16(fill: (buffer: number, length: number) => number): string {
    return this.#filled(fill).toString('utf16le').replace(/\0.*$/s, '');
  }

  /** The same for functions that fill it with UTF-8 or Latin letters. */
  utf8(fill: (buffer: number, length: number) => number): string {
    return this.#filled(fill).toString('utf8').replace(/\0.*$/s, '');
  }

  #filled(fill: (buffer: number, length: number) => number): Buffer {
    const needed = Math.min(fill(0, 0), LONGEST_TEXT);
    if (needed <= 0) return Buffer.alloc(0);
    const buffer = this.allocate(needed);
    try {
      fill(buffer, needed);
      return Buffer.from(this.pdfium.HEAPU8.slice(buffer, buffer + needed));
    } finally {
      this.free(buffer);
    }
  }
}

let current: Promise<PdfLibrary> | undefined;

/** The instance of this process, made at the first call. */
export function pdfLibrary(): Promise<PdfLibrary> {
  current ??= start();
  return current;
}

/** Called when a document is done. An instance that broke or has grown large is dropped; the next document gets a new one. */
export function releaseLibrary(library: PdfLibrary, broken: boolean): void {
  if (broken || library.pdfium.HEAPU8.length > KEPT_BYTES) current = undefined;
}

async function start(): Promise<PdfLibrary> {
  const pdfium = (await PDFiumModule({})) as Pdfium;
  pdfium._FPDF_InitLibraryWithConfig({});
  return new PdfLibrary(pdfium);
}
