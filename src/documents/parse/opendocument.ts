import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser, ParseContext, ParsedContent } from '../document-types.ts';
import { type OfficeBlock, withParts } from './office-blocks.ts';
import { OfficePackage, officeMetadata } from './office-package.ts';
import { child, children, descendant, textOf, type XmlElement } from './office-xml.ts';
import { openSheetBlocks, sheetCount } from './opendocument-sheets.ts';
import { slideBlocks, slideCount } from './opendocument-slides.ts';
import { OpenDocumentStyles } from './opendocument-styles.ts';
import { type OpenDocumentStory, openDocumentBlocks } from './opendocument-text.ts';

/** OpenDocument files (ISO 26300): texts, workbooks and presentations. */
export const openDocumentParser: DocumentParser = {
  name: 'opendocument',
  mediaTypes: [
    'application/vnd.oasis.opendocument.text',
    'application/vnd.oasis.opendocument.spreadsheet',
    'application/vnd.oasis.opendocument.presentation',
  ],
  async parse(bytes, context) {
    const file = await OfficePackage.open(bytes, context);
    await refuseEncrypted(file);
    const content = await file.xml('content.xml');
    const story = await storyOf(file, content);
    const body = children(child(content, 'office:body'))[0];
    const { blocks, pages } = bodyBlocks(body, story, context);
    if (story.hasRemote) {
      context.warn({ code: 'remote_content', message: 'pictures that the document only links to were not fetched' });
    }
    const metadata = await metadataOf(file);
    return {
      metadata: { ...(story.title !== undefined && { title: story.title }), ...metadata, ...(pages !== undefined && { pages }) },
      blocks: await withParts([...blocks, ...story.endnotes], file, context),
    };
  },
};

async function refuseEncrypted(file: OfficePackage): Promise<void> {
  const manifest = await file.optionalXml('META-INF/manifest.xml');
  const isEncrypted = file.has('encrypted-package') || descendant(manifest, 'manifest:encryption-data') !== undefined;
  if (isEncrypted) {
    throw new LocalLiteError('document_encrypted', 'the OpenDocument file is encrypted; save it without a password and send that');
  }
}

async function storyOf(file: OfficePackage, content: XmlElement): Promise<OpenDocumentStory> {
  const objects = new Map<string, XmlElement>();
  for (const name of file.names()) {
    const folder = /^([^/]+)\/content\.xml$/i.exec(name)?.[1];
    const object = folder === undefined ? undefined : await file.optionalXml(name);
    if (folder !== undefined && object !== undefined) objects.set(folder, object);
  }
  const hasPages = descendant(child(content, 'office:body', 'office:text'), 'text:soft-page-break') !== undefined;
  return {
    styles: new OpenDocumentStyles(await file.optionalXml('styles.xml'), content),
    objects,
    page: hasPages ? 1 : undefined,
    notes: 0,
    endnotes: [],
    title: undefined,
    hasRemote: false,
  };
}

interface Body {
  readonly blocks: readonly OfficeBlock[];
  readonly pages: number | undefined;
}

function bodyBlocks(body: XmlElement | undefined, story: OpenDocumentStory, context: ParseContext): Body {
  switch (body?.name) {
    case 'office:text': {
      const blocks = openDocumentBlocks(children(body), story);
      return { blocks, pages: story.page };
    }
    case 'office:spreadsheet':
      return { blocks: openSheetBlocks(body, story, context), pages: sheetCount(body) };
    case 'office:presentation':
      return { blocks: slideBlocks(body, story, context), pages: slideCount(body) };
    default:
      throw new LocalLiteError('document_unsupported', `an OpenDocument file with ${body?.name ?? 'no body'} cannot be read`);
  }
}

/** OpenDocument's names of what Office Open XML calls otherwise. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  'dc:creator': ['meta:initial-creator', 'dc:creator'],
  'dcterms:created': ['meta:creation-date'],
  'dcterms:modified': ['dc:date'],
  'cp:keywords': ['meta:keyword'],
  'cp:lastModifiedBy': ['dc:creator'],
};

async function metadataOf(file: OfficePackage): Promise<ParsedContent['metadata']> {
  const meta = child(await file.optionalXml('meta.xml'), 'office:meta');
  return officeMetadata((name) => {
    const found = (NAMES[name] ?? [name]).map((one) =>
      children(meta, one)
        .map(textOf)
        .filter((text) => text !== ''),
    );
    return found.find((texts) => texts.length > 0)?.join(', ') ?? '';
  });
}
