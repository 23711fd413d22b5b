import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser } from '../document-types.ts';

/** Word and PowerPoint files of before 2007: refused by name until its reader is written. */
export const legacyParser: DocumentParser = {
  name: 'legacy',
  mediaTypes: ['application/msword', 'application/vnd.ms-powerpoint'],
  async parse(_bytes, { mediaType }) {
    throw new LocalLiteError('document_unsupported', `${mediaType} cannot be read yet`);
  },
};
