import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser } from '../document-types.ts';

/** Electronic books: refused by name until its reader is written. */
export const epubParser: DocumentParser = {
  name: 'epub',
  mediaTypes: ['application/epub+zip'],
  async parse(_bytes, { mediaType }) {
    throw new LocalLiteError('document_unsupported', `${mediaType} cannot be read yet`);
  },
};
