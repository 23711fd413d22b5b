import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser } from '../document-types.ts';

/** Word documents: refused by name until its reader is written. */
export const docxParser: DocumentParser = {
  name: 'docx',
  mediaTypes: ['application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
  async parse(_bytes, { mediaType }) {
    throw new LocalLiteError('document_unsupported', `${mediaType} cannot be read yet`);
  },
};
