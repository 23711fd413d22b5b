import type { ParseContext } from '../document-types.ts';
import type { OfficeBlock } from './office-blocks.ts';
import { child, children, type XmlElement } from './office-xml.ts';
import { commentText, paragraphLines } from './opendocument-inline.ts';
import { type OpenDocumentStory, openDocumentBlocks } from './opendocument-text.ts';

/** What stands on every slide and says nothing of one. */
const FURNITURE = /^(?:header|footer|date-time|page-number)$/;

const LONGEST_TITLE = 80;

/** Blocks of a presentation: a slide is a page, its title a heading, its speaker's notes come last. */
export function slideBlocks(presentation: XmlElement, story: OpenDocumentStory, context: ParseContext): readonly OfficeBlock[] {
  const slides = children(presentation, 'draw:page');
  const { maxPages } = context.limits;
  if (slides.length > maxPages) {
    context.warn({ code: 'limit_reached', message: `only the first ${maxPages} slides were read (documents.max_pages)` });
  }
  return slides.slice(0, maxPages).flatMap((slide, index) => {
    story.page = index + 1;
    if (isHidden(slide, story)) {
      context.warn({ code: 'hidden_slide', message: `slide ${index + 1} is hidden; it was read like the others`, page: index + 1 });
    }
    return slideOf(slide, story);
  });
}

/** Number of slides. */
export function slideCount(presentation: XmlElement): number {
  return children(presentation, 'draw:page').length;
}

function slideOf(slide: XmlElement, story: OpenDocumentStory): readonly OfficeBlock[] {
  const page = story.page ?? 1;
  const shapes = children(slide).filter((shape) => !FURNITURE.test(classOf(shape)));
  const title = shapes.find((shape) => classOf(shape) === 'title' && paragraphLines(shape) !== '') ?? titleByLook(shapes);
  const heading: readonly OfficeBlock[] =
    title === undefined ? [] : [{ kind: 'heading', level: 1, text: paragraphLines(title).replaceAll('\n', ' '), page }];
  const others = shapes.filter((shape) => shape !== title && shape.name !== 'presentation:notes');
  const comments = children(slide, 'office:annotation')
    .map(commentText)
    .filter((text) => text !== '');
  const notes = paragraphLines(notesOf(slide));
  return [
    ...heading,
    ...openDocumentBlocks(others, story),
    ...comments.map((text): OfficeBlock => ({ kind: 'footnote', text, page })),
    ...(notes === '' ? [] : [{ kind: 'text', text: notes, page } as const]),
  ];
}

/** Of a slide that marks no title: its first text, where that is one short line above others. */
function titleByLook(shapes: readonly XmlElement[]): XmlElement | undefined {
  const [first, ...others] = shapes.filter((shape) => shape.name !== 'presentation:notes');
  const text = first === undefined || child(first, 'table:table') !== undefined ? '' : paragraphLines(first);
  return text !== '' && text.length <= LONGEST_TITLE && !text.includes('\n') && others.length > 0 ? first : undefined;
}

function notesOf(slide: XmlElement): XmlElement {
  const notes = children(child(slide, 'presentation:notes')).filter((shape) => classOf(shape) === 'notes');
  return { name: 'presentation:notes', attributes: {}, children: notes };
}

function classOf({ attributes }: XmlElement): string {
  return attributes['presentation:class'] ?? '';
}

function isHidden({ attributes }: XmlElement, { styles }: OpenDocumentStory): boolean {
  const style = attributes['draw:style-name'];
  return styles.property(style, 'drawing-page', 'style:drawing-page-properties', 'presentation:visibility') === 'hidden';
}
