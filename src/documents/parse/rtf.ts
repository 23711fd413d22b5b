import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser } from '../document-types.ts';

/** Rich text: refused by name until its reader is written. */
export const rtfParser: DocumentParser = {
  name: 'rtf',
  mediaTypes: ['application/rtf'],
  async parse(_bytes, { mediaType }) {
    throw new LocalLiteError('document_unsupported', `${mediaType} cannot be read yet`);
  },
};
