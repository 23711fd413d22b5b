import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser, OcrResult, PageImage, ParseContext, ParsedContent } from '../document-types.ts';
import { ocrGroup } from './ocr-lines.ts';
import { bodyStyle, type LineGroup, toBlocks } from './pdf-blocks.ts';
import { openDocument, readAttachments, readMetadata, readOutline } from './pdf-document.ts';
import { type PdfLibrary, pdfLibrary, releaseLibrary } from './pdf-library.ts';
import { textLayerFault } from './pdf-ocr.ts';
import { readingOrder } from './pdf-order.ts';
import { type PageReading, pageSize, readPage, renderPage, withPage } from './pdf-page.ts';
import { withoutRunningLines } from './pdf-running.ts';
import { ruledTables } from './pdf-tables.ts';
import { shownBox } from './pdf-words.ts';

const DEFAULT_DPI = 200;

/**
 * PDF by PDFium in WebAssembly: text in reading order with headings, lists, tables and links; pages without a usable text layer are
 * rendered and go to OCR. Scripts in a document are never run.
 */
export const pdfParser: DocumentParser = {
  name: 'pdf',
  mediaTypes: ['application/pdf'],
  async parse(bytes, context) {
    const library = await pdfLibrary();
    let broken = false;
    try {
      return await parseWith(library, bytes, context);
    } catch (error) {
      broken = isBreakdown(error);
      if (!broken) throw error;
      throw new LocalLiteError('document_unreadable', 'the PDF cannot be read: the reader broke down over it', { cause: error });
    } finally {
      releaseLibrary(library, broken);
    }
  },
};

/** WebAssembly gave up: its memory is spent or in disorder, and its instance is of no further use. */
function isBreakdown(error: unknown): boolean {
  return error instanceof Error && !LocalLiteError.is(error);
}

async function parseWith(library: PdfLibrary, bytes: Uint8Array, context: ParseContext): Promise<ParsedContent> {
  const pointer = library.allocate(bytes.length);
  let document = 0;
  let broken = false;
  try {
    library.pdfium.HEAPU8.set(bytes, pointer);
    document = openDocument(library, pointer, bytes.length, context.options.password);
    return await new DocumentReading(library, document, context).read(bytes);
  } catch (error) {
    broken = isBreakdown(error);
    throw error;
  } finally {
    if (!broken) {
      if (document !== 0) library.pdfium._FPDF_CloseDocument(document);
      library.free(pointer);
    }
  }
}

/** An open document on its way to blocks. */
class DocumentReading {
  readonly #library: PdfLibrary;
  readonly #document: number;
  readonly #context: ParseContext;
  /** The lines of each page that run like most of its text. */
  readonly #pages: LineGroup[] = [];
  /** Lines that run in other directions, by page. */
  readonly #turned = new Map<number, LineGroup[]>();

  constructor(library: PdfLibrary, document: number, context: ParseContext) {
    this.#library = library;
    this.#document = document;
    this.#context = context;
  }

  async read(bytes: Uint8Array): Promise<ParsedContent> {
    const pages = this.#library.pdfium._FPDF_GetPageCount(this.#document);
    if (pages < 1) throw new LocalLiteError('document_unreadable', 'the PDF has no page that can be read');
    const metadata = readMetadata(this.#library, this.#document, bytes, pages);
    const outline = readOutline(this.#library, this.#document);
    await this.#readPages(pages);
    const attached = await readAttachments(this.#library, this.#document, this.#context);
    const blocks = [...toBlocks(this.#groups(), outline), ...attached.flatMap((content) => content.blocks)];
    return { metadata, blocks, ...(outline.length > 0 && { outline }) };
  }

  async #readPages(pages: number): Promise<void> {
    const { maxPages } = this.#context.limits;
    const last = Math.min(pages, maxPages);
    let unreadable = 0;
    for (let page = 1; page <= last; page++) {
      const reading = withPage(this.#library, this.#document, page - 1, (open) => readPage(this.#library, this.#document, open));
      if (reading !== undefined) await this.#addPage(page, reading);
      else {
        unreadable++;
        this.#context.warn({ code: 'page_unreadable', message: `page ${page} is damaged and was left out`, page });
      }
    }
    if (unreadable === last) throw new LocalLiteError('document_unreadable', 'the PDF is damaged: none of its pages can be read');
    if (pages > last) {
      const message = `${pages - last} of ${pages} pages were left out: only the first ${maxPages} are read (documents.max_pages)`;
      this.#context.warn({ code: 'limit_reached', message });
    }
  }

  async #addPage(page: number, reading: PageReading): Promise<void> {
    const { ocr, options } = this.#context;
    const wanted = options.ocr ?? 'auto';
    const fault = textLayerFault(reading);
    if (fault === undefined && wanted !== 'always') this.#addText(page, reading);
    else if (ocr !== undefined && wanted !== 'never') await this.#addOcr(page, reading, ocr);
    else {
      this.#addText(page, reading);
      const reason = wanted === 'never' ? 'OCR is off' : 'there is no OCR engine';
      if (fault !== undefined) this.#context.warn({ code: 'page_without_text', message: `page ${page} ${fault}, and ${reason}`, page });
      else if (page === 1) this.#context.warn({ code: 'ocr_unavailable', message: `the text layer was read: ${reason}` });
    }
  }

  #addText(page: number, { frame, groups, graphics, links }: PageReading): void {
    groups.forEach(({ words, quadrant }, index) => {
      const { tables, rest } = index === 0 ? ruledTables(words, graphics) : { tables: [], rest: words };
      const group = {
        page,
        height: pageSize(frame, quadrant)[1],
        lines: readingOrder(rest, tables),
        links: index === 0 ? links : [],
        shown: shownBox.bind(undefined, frame, quadrant),
      };
      if (index === 0) this.#pages.push(group);
      else this.#turned.set(page, [...(this.#turned.get(page) ?? []), group]);
    });
  }

  /** A page that OCR fails on keeps what its text layer has. */
  async #addOcr(page: number, reading: PageReading, ocr: (image: PageImage) => Promise<OcrResult>): Promise<void> {
    const dpi = this.#context.options.dpi ?? DEFAULT_DPI;
    const image = withPage(this.#library, this.#document, page - 1, (open) => renderPage(this.#library, open, dpi));
    if (image === undefined) {
      this.#context.warn({ code: 'page_without_text', message: `there is no memory for the image of page ${page}`, page });
    }
    const group = image === undefined ? undefined : await this.#recognise(page, image, ocr);
    if (group === undefined || group.lines.length === 0) this.#addText(page, reading);
    else this.#pages.push(group);
  }

  async #recognise(page: number, image: PageImage, ocr: (image: PageImage) => Promise<OcrResult>): Promise<LineGroup | undefined> {
    try {
      return ocrGroup(await ocr(image), image, page);
    } catch (error) {
      const { message } = LocalLiteError.from(error);
      this.#context.warn({ code: 'page_without_text', message: `page ${page} could not be recognised: ${message}`, page });
      return undefined;
    }
  }

  /** Lines of all pages in reading order, without headers and footers. */
  #groups(): readonly LineGroup[] {
    const { size } = bodyStyle(this.#pages.map(({ lines }) => lines));
    const kept = withoutRunningLines(this.#pages, size);
    return this.#pages.flatMap((group, index) => [{ ...group, lines: kept[index] ?? [] }, ...(this.#turned.get(group.page) ?? [])]);
  }
}
