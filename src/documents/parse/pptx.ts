import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser } from '../document-types.ts';

/** Presentations: refused by name until its reader is written. */
export const pptxParser: DocumentParser = {
  name: 'pptx',
  mediaTypes: ['application/vnd.openxmlformats-officedocument.presentationml.presentation'],
  async parse(_bytes, { mediaType }) {
    throw new LocalLiteError('document_unsupported', `${mediaType} cannot be read yet`);
  },
};
