import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser } from '../document-types.ts';
import { magicOf } from '../magic.ts';
import { openLegacyOffice } from './legacy-encryption.ts';

const WORD = 'application/msword';

/** Word and PowerPoint files of before 2007: an office program turns them into today's form, which is then read like any other. */
export const legacyParser: DocumentParser = {
  name: 'legacy',
  mediaTypes: [WORD, 'application/vnd.ms-powerpoint'],
  async parse(bytes, context) {
    const { convert, mediaType, options } = context;
    const plain = await openLegacyOffice(bytes, options.password, 'the file');
    if (convert === undefined) throw withoutProgram(mediaType);
    const converted = await convert(plain, mediaType);
    context.spend(converted.length);
    if (magicOf(converted, false) !== 'application/zip') {
      throw new LocalLiteError('document_unreadable', 'the office program made something else of the file than it was asked for');
    }
    const parser = mediaType === WORD ? (await import('./docx.ts')).docxParser : (await import('./pptx.ts')).pptxParser;
    return await parser.parse(converted, context);
  },
};

function withoutProgram(mediaType: string): LocalLiteError {
  const [kind, today] = mediaType === WORD ? ['Word', 'DOCX'] : ['PowerPoint', 'PPTX'];
  const message = `${kind} files of before 2007 are read with LibreOffice, which was not found: install it (documents.soffice names another place), or save the file as ${today}`;
  return new LocalLiteError('document_unsupported', message);
}
