import type { DocumentParser } from '../document-types.ts';
import { type DocxParts, docxBlocks } from './docx-body.ts';
import type { Story } from './docx-inline.ts';
import { DocxNumbering } from './docx-numbering.ts';
import { DocxStyles } from './docx-styles.ts';
import { withParts } from './office-blocks.ts';
import { drawingsOf, warnRemote } from './office-drawing.ts';
import { OfficePackage, type Relationship } from './office-package.ts';
import { child, children, descendant, type XmlElement } from './office-xml.ts';

/** Word documents: headings by outline level, lists, tables, notes, comments and equations; headers and footers of pages are left out. */
export const docxParser: DocumentParser = {
  name: 'docx',
  mediaTypes: ['application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
  async parse(bytes, context) {
    const file = await OfficePackage.open(bytes, context);
    const main = await file.mainPart();
    const document = await file.xml(main);
    const relationships = await file.relationships(main);
    const metadata = await file.metadata();
    const story = storyOf(relationships, descendant(document, 'w:lastRenderedPageBreak') !== undefined);
    const body = child(document, 'w:body') ?? document;
    const { blocks, title } = docxBlocks(body, await partsOf(file, relationships), story);
    if (story.hasRemote) warnRemote(context);
    return {
      metadata: { ...(title !== undefined && { title }), ...metadata, ...(story.page !== undefined && { pages: story.page }) },
      blocks: await withParts(blocks, file, context),
    };
  },
};

function storyOf(relationships: readonly Relationship[], hasPages: boolean): Story {
  return {
    relationships: new Map(relationships.map((one) => [one.id, one])),
    fields: [],
    page: hasPages ? 1 : undefined,
    hasRemote: false,
  };
}

async function partsOf(file: OfficePackage, relationships: readonly Relationship[]): Promise<DocxParts> {
  const part = (type: string): string | undefined => relationships.find((one) => one.type === type && !one.isExternal)?.target;
  const styles = new DocxStyles(await file.optionalXml(part('styles')));
  const notes = async (kind: 'footnote' | 'endnote'): Promise<ReadonlyMap<string, readonly XmlElement[]>> =>
    new Map(children(await file.optionalXml(part(`${kind}s`)), `w:${kind}`).map((note) => [note.attributes['w:id'] ?? '', children(note)]));
  const noteStory = async (kind: 'footnote' | 'endnote'): Promise<Story> => {
    const name = part(`${kind}s`);
    return storyOf(name === undefined ? [] : await file.relationships(name), false);
  };
  const comments = children(await file.optionalXml(part('comments')), 'w:comment');
  return {
    styles,
    numbering: new DocxNumbering(await file.optionalXml(part('numbering')), styles),
    notes: { footnote: await notes('footnote'), endnote: await notes('endnote') },
    noteStories: { footnote: await noteStory('footnote'), endnote: await noteStory('endnote') },
    comments: new Map(
      comments.map((comment) => [
        comment.attributes['w:id'] ?? '',
        { author: comment.attributes['w:author'] ?? '', content: children(comment) },
      ]),
    ),
    drawings: await drawingsOf(file, relationships),
  };
}
