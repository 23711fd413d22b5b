import { PDFiumLibrary } from '@hyzyla/pdfium';
import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser, DraftBlock } from '../document-types.ts';
import { paragraphs } from './text.ts';

let library: Promise<PDFiumLibrary> | undefined;

/** PDF by PDFium (WebAssembly): the text layer of each page. */
export const pdfParser: DocumentParser = {
  name: 'pdf',
  mediaTypes: ['application/pdf'],
  async parse(bytes, context) {
    library ??= PDFiumLibrary.init();
    const document = await open(await library, bytes, context.options.password);
    try {
      const blocks: DraftBlock[] = [];
      const pages = document.getPageCount();
      for (let page = 0; page < Math.min(pages, context.limits.maxPages); page++) {
        const text = document.getPage(page).getText();
        if (text.trim() === '') context.warn({ code: 'page_without_text', message: 'the page has no text layer', page: page + 1 });
        blocks.push(...paragraphs(text).map((block) => ({ ...block, page: page + 1 })));
      }
      if (pages > context.limits.maxPages) {
        const message = `${pages - context.limits.maxPages} pages were left out (documents.max_pages)`;
        context.warn({ code: 'limit_reached', message });
      }
      return { metadata: { pages }, blocks };
    } finally {
      document.destroy();
    }
  },
};

async function open(pdfium: PDFiumLibrary, bytes: Uint8Array, password: string | undefined) {
  try {
    return await pdfium.loadDocument(bytes, password);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    if (/password/i.test(message)) {
      const what = password === undefined ? 'is encrypted; give its password' : 'is encrypted, and the password is not its own';
      throw new LocalLiteError('document_encrypted', `the PDF ${what}`, { cause });
    }
    throw new LocalLiteError('document_unreadable', `the PDF cannot be opened (${message})`, { cause });
  }
}
