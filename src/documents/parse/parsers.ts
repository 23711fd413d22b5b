import type { DocumentParser } from '../document-types.ts';

type Load = () => Promise<DocumentParser>;

const docx: Load = async () => (await import('./docx.ts')).docxParser;
const pptx: Load = async () => (await import('./pptx.ts')).pptxParser;
const xlsx: Load = async () => (await import('./xlsx.ts')).xlsxParser;
const openDocument: Load = async () => (await import('./opendocument.ts')).openDocumentParser;
const legacy: Load = async () => (await import('./legacy.ts')).legacyParser;
const image: Load = async () => (await import('./image.ts')).imageParser;
const table: Load = async () => (await import('./table.ts')).tableParser;
const json: Load = async () => (await import('./json.ts')).jsonParser;
const subtitles: Load = async () => (await import('./subtitles.ts')).subtitleParser;

/** Each media type that `detect.ts` finds with its parser, which is loaded when a document of that type comes. */
export const PARSERS: Readonly<Record<string, Load>> = {
  'text/plain': async () => (await import('./text.ts')).textParser,
  'text/markdown': async () => (await import('./markdown.ts')).markdownParser,
  'text/html': async () => (await import('./html.ts')).htmlParser,
  'text/csv': table,
  'text/tab-separated-values': table,
  'text/x-source': async () => (await import('./source.ts')).sourceParser,
  'text/vtt': subtitles,
  'application/x-subrip': subtitles,
  'application/json': json,
  'application/x-ndjson': json,
  'application/x-ipynb+json': async () => (await import('./notebook.ts')).notebookParser,
  'application/xml': async () => (await import('./xml.ts')).xmlParser,
  'application/rss+xml': async () => (await import('./feed.ts')).feedParser,
  'message/rfc822': async () => (await import('./mail.ts')).mailParser,
  'application/mbox': async () => (await import('./mbox.ts')).mboxParser,
  'application/vnd.ms-outlook': async () => (await import('./msg.ts')).msgParser,
  'application/zip': async () => (await import('./archive.ts')).archiveParser,
  'application/pdf': async () => (await import('./pdf.ts')).pdfParser,
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': docx,
  'application/vnd.openxmlformats-officedocument.presentationml.presentation': pptx,
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': xlsx,
  'application/vnd.ms-excel.sheet.macroEnabled.12': xlsx,
  'application/vnd.ms-excel.sheet.binary.macroEnabled.12': xlsx,
  'application/vnd.ms-excel': xlsx,
  'application/vnd.oasis.opendocument.text': openDocument,
  'application/vnd.oasis.opendocument.spreadsheet': openDocument,
  'application/vnd.oasis.opendocument.presentation': openDocument,
  'application/rtf': async () => (await import('./rtf.ts')).rtfParser,
  'application/epub+zip': async () => (await import('./epub.ts')).epubParser,
  'application/msword': legacy,
  'application/vnd.ms-powerpoint': legacy,
  'image/png': image,
  'image/jpeg': image,
  'image/tiff': image,
  'image/webp': image,
};
