import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser } from '../document-types.ts';

/** Images: refused by name until its reader is written. */
export const imageParser: DocumentParser = {
  name: 'image',
  mediaTypes: ['image/png', 'image/jpeg', 'image/tiff', 'image/webp'],
  async parse(_bytes, { mediaType }) {
    throw new LocalLiteError('document_unsupported', `${mediaType} cannot be read yet`);
  },
};
