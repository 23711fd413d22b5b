import type { DocumentParser } from '../document-types.ts';
import { readRtf } from './rtf-reader.ts';
import { rtfTokens } from './rtf-tokens.ts';

/** Rich Text Format: headings by style, lists, tables, notes, comments and links; headers and footers of pages are left out. */
export const rtfParser: DocumentParser = {
  name: 'rtf',
  mediaTypes: ['application/rtf'],
  async parse(bytes, context) {
    const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    const { blocks, header, title, isCut } = readRtf(rtfTokens(source));
    if (isCut) context.warn({ code: 'document_cut', message: 'the file ends too soon; what is there was read' });
    return { metadata: { ...(title !== undefined && { title }), ...header.metadata() }, blocks };
  },
};
