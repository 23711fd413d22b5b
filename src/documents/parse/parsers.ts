import type { DocumentParser } from '../document-types.ts';

/** Each media type with its parser, which is loaded when a document of that type comes. */
export const PARSERS: Readonly<Record<string, () => Promise<DocumentParser>>> = {
  'text/plain': async () => (await import('./text.ts')).textParser,
  'text/markdown': async () => (await import('./markdown.ts')).markdownParser,
  'text/html': async () => (await import('./html.ts')).htmlParser,
  'text/csv': async () => (await import('./table.ts')).tableParser,
  'text/tab-separated-values': async () => (await import('./table.ts')).tableParser,
  'text/x-source': async () => (await import('./source.ts')).sourceParser,
  'text/vtt': async () => (await import('./subtitles.ts')).subtitleParser,
  'application/x-subrip': async () => (await import('./subtitles.ts')).subtitleParser,
  'application/json': async () => (await import('./json.ts')).jsonParser,
  'application/x-ndjson': async () => (await import('./json.ts')).jsonParser,
  'application/x-ipynb+json': async () => (await import('./notebook.ts')).notebookParser,
  'application/pdf': async () => (await import('./pdf.ts')).pdfParser,
};
