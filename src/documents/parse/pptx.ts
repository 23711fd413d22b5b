import type { DocumentParser, OutlineEntry, ParseContext, ParsedContent } from '../document-types.ts';
import { type OfficeBlock, withParts } from './office-blocks.ts';
import { drawingsOf, warnRemote } from './office-drawing.ts';
import { OfficePackage, type Relationship } from './office-package.ts';
import { child, children, type XmlElement } from './office-xml.ts';
import { PptxLayouts } from './pptx-layout.ts';
import { asideBlocks, commentAuthors } from './pptx-notes.ts';
import { readSlide } from './pptx-slide.ts';

/** Presentations: a page for each slide in the order of the show, its title a heading, notes and comments as footnotes behind it. */
export const pptxParser: DocumentParser = {
  name: 'pptx',
  mediaTypes: ['application/vnd.openxmlformats-officedocument.presentationml.presentation'],
  async parse(bytes, context) {
    const file = await OfficePackage.open(bytes, context);
    const main = await file.mainPart();
    const show: Show = {
      file,
      context,
      layouts: new PptxLayouts(file, await file.xml(main)),
      authors: await commentAuthors(file, await file.relationships(main)),
    };
    const names = await slideNames(file, main, context);
    const blocks: OfficeBlock[] = [];
    const outline: OutlineEntry[] = [];
    for (const [index, name] of names.entries()) {
      const page = index + 1;
      const slide = await slideOf(name, page, show);
      if (slide.title === undefined && slide.blocks.length > 0 && outline.length > 0) {
        // Otherwise it would stand under the title of the slide before.
        blocks.push({ kind: 'heading', level: 1, text: `Slide ${page}`, page });
      }
      if (slide.title !== undefined) outline.push({ title: slide.title, level: 1, page });
      blocks.push(...slide.blocks.map((block) => ({ ...block, page })));
    }
    const metadata = titled(await file.metadata(), outline[0]?.title);
    return { metadata: { ...metadata, pages: names.length }, blocks: await withParts(blocks, file, context), outline };
  },
};

interface Show {
  readonly file: OfficePackage;
  readonly context: ParseContext;
  readonly layouts: PptxLayouts;
  readonly authors: ReadonlyMap<string, string>;
}

/** Names of the parts of the slides, in the order of the show; '' for one that is not said. */
async function slideNames(file: OfficePackage, main: string, { limits, warn }: ParseContext): Promise<readonly string[]> {
  const relationships = new Map((await file.relationships(main)).map((one) => [one.id, one]));
  const slides = children(child(await file.xml(main), 'p:sldIdLst'), 'p:sldId');
  if (slides.length > limits.maxPages) {
    const message = `only the first ${limits.maxPages} of ${slides.length} slides were read (documents.max_pages)`;
    warn({ code: 'limit_reached', message });
  }
  return slides.slice(0, limits.maxPages).map(({ attributes }) => {
    const target = relationships.get(attributes['r:id'] ?? '');
    return target?.isExternal === false ? target.target : '';
  });
}

async function slideOf(
  name: string,
  page: number,
  show: Show,
): Promise<{ readonly title?: string; readonly blocks: readonly OfficeBlock[] }> {
  const { file, context } = show;
  const slide = await requiredSlide(name, page, show);
  if (slide === undefined) return { blocks: [] };
  if (slide.attributes['show'] === '0' || slide.attributes['show'] === 'false') {
    context.warn({ code: 'hidden_slide', message: `slide ${page} is hidden in the show; it was read like the others`, page });
  }
  const relationships: readonly Relationship[] = await file.relationships(name);
  const { title, blocks, hasRemote } = readSlide(slide, {
    relationships: new Map(relationships.map((one) => [one.id, one])),
    layout: await show.layouts.of(relationships),
    drawings: await drawingsOf(file, relationships),
  });
  if (hasRemote) warnRemote(context, page);
  const all = [...(title === undefined ? [] : [title]), ...blocks, ...(await asideBlocks(file, relationships, show.authors))];
  return { blocks: all, ...(title !== undefined && { title: title.text }) };
}

/** A slide that cannot be read is left out with a warning. */
async function requiredSlide(name: string, page: number, { file, context }: Show): Promise<XmlElement | undefined> {
  const slide = name === '' ? undefined : await file.optionalXml(name);
  if (slide === undefined) {
    const message = file.has(name) ? `slide ${page} cannot be read` : `the file lacks slide ${page}`;
    context.warn({ code: 'page_unreadable', message, page, ...(name !== '' && { part: name }) });
  }
  return slide;
}

/** The title that PowerPoint writes by itself says nothing. */
function titled(metadata: ParsedContent['metadata'], first: string | undefined): ParsedContent['metadata'] {
  const { title, ...others } = metadata;
  const own = title === undefined || /^PowerPoint/i.test(title) ? (first ?? title) : title;
  return own === undefined ? others : { ...others, title: own };
}
