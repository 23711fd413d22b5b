import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser } from '../document-types.ts';
import { decodeImages } from './image-decode.ts';
import { ocrGroup } from './ocr-lines.ts';
import { type LineGroup, toBlocks } from './pdf-blocks.ts';

/** Images: what is written on them, by OCR. A TIFF file may have several pages; of an animation the first picture is read. */
export const imageParser: DocumentParser = {
  name: 'image',
  mediaTypes: ['image/png', 'image/jpeg', 'image/tiff', 'image/webp'],
  async parse(bytes, { mediaType, options, limits, ocr, spend, warn }) {
    if (ocr === undefined) {
      const why = options.ocr === 'never' ? 'the request says never (ocr)' : 'OCR is off (ocr.engine)';
      throw new LocalLiteError('document_unsupported', `an image is read by OCR, and ${why}`);
    }
    const groups: LineGroup[] = [];
    let page = 0;
    for await (const image of decodeImages(bytes, mediaType, spend)) {
      page++;
      if (page > limits.maxPages) {
        warn({ code: 'limit_reached', message: `only the first ${limits.maxPages} pages are read (documents.max_pages)` });
        page--;
        break;
      }
      const result = await ocr(image);
      if (result.lines.length === 0) warn({ code: 'page_without_text', message: `no text was found on page ${page}`, page });
      groups.push(ocrGroup(result, image, page));
    }
    return { metadata: { pages: page }, blocks: toBlocks(groups, []) };
  },
};
