import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser } from '../document-types.ts';

/** OpenDocument files: refused by name until its reader is written. */
export const openDocumentParser: DocumentParser = {
  name: 'opendocument',
  mediaTypes: [
    'application/vnd.oasis.opendocument.text',
    'application/vnd.oasis.opendocument.spreadsheet',
    'application/vnd.oasis.opendocument.presentation',
  ],
  async parse(_bytes, { mediaType }) {
    throw new LocalLiteError('document_unsupported', `${mediaType} cannot be read yet`);
  },
};
