import type { Link } from '../document-types.ts';
import { linkTarget } from './link-target.ts';
import { children, textOf, type XmlElement } from './office-xml.ts';

/** Text of a paragraph, and what stands in it that is no text of it. */
export interface OpenDocumentInline {
  text: string;
  readonly links: Link[];
  /** Frames, shapes and groups that are anchored here. */
  readonly drawings: XmlElement[];
  readonly notes: XmlElement[];
  readonly comments: XmlElement[];
  /** Page breaks inside. */
  breaks: number;
}

/** Where a note's mark comes into the text. A character that no XML file can hold. */
export const NOTE_PLACE = '\u0001';
/** Spaces that one element can stand for. */
const MOST_SPACES = 200;

/** Reads what is in a paragraph or heading. White space counts as in the format: what is written is one space, elements stand for more. */
export function readOpenDocumentInline(paragraph: XmlElement): OpenDocumentInline {
  const inline: OpenDocumentInline = { text: '', links: [], drawings: [], notes: [], comments: [], breaks: 0 };
  readInto(inline, paragraph);
  return inline;
}

function readInto(inline: OpenDocumentInline, element: XmlElement): void {
  for (const one of element.children) {
    if (typeof one === 'string') addText(inline, one);
    else readElement(inline, one);
  }
}

function addText(inline: OpenDocumentInline, raw: string): void {
  const text = raw.replaceAll(/[ \t\r\n]+/g, ' ');
  inline.text += /[\s]$/.test(inline.text) && text.startsWith(' ') ? text.slice(1) : text;
}

function readElement(inline: OpenDocumentInline, element: XmlElement): void {
  switch (element.name) {
    case 'text:s':
      inline.text += ' '.repeat(Math.min(MOST_SPACES, Number(element.attributes['text:c'] ?? 1) || 1));
      return;
    case 'text:tab':
      inline.text += '\t';
      return;
    case 'text:line-break':
      inline.text += '\n';
      return;
    case 'text:soft-page-break':
      inline.breaks++;
      return;
    case 'text:a':
      readLink(inline, element);
      return;
    case 'text:note':
      inline.text += NOTE_PLACE;
      inline.notes.push(element);
      return;
    case 'office:annotation':
      inline.comments.push(element);
      return;
    // Readings of Chinese characters, hidden text, and what says nothing in a text.
    case 'text:ruby-text':
    case 'text:hidden-text':
    case 'text:tracked-changes':
    case 'office:event-listeners':
      return;
    default:
      if (/^(?:draw|dr3d):/.test(element.name)) inline.drawings.push(element);
      else readInto(inline, element);
  }
}

function readLink(inline: OpenDocumentInline, element: XmlElement): void {
  const from = inline.text.length;
  readInto(inline, element);
  const text = inline.text.slice(from).replaceAll(NOTE_PLACE, '').replaceAll(/\s+/g, ' ').trim();
  const url = linkTarget(element.attributes['xlink:href'] ?? null);
  if (url !== undefined && text !== '') inline.links.push({ text, url });
}

/** Text of the paragraphs in an element, a line each, and nothing of what is anchored in them. */
export function paragraphLines(element: XmlElement): string {
  return paragraphsBelow(element)
    .map((one) => readOpenDocumentInline(one).text.replaceAll(NOTE_PLACE, '').trim())
    .filter((text) => text !== '')
    .join('\n');
}

/** Comment of somebody in the margin, on one line; '' for an empty one. */
export function commentText(comment: XmlElement): string {
  const by = children(comment, 'dc:creator').map(textOf).join('').trim();
  const text = paragraphLines(comment).replaceAll(/\s+/g, ' ');
  return text === '' ? '' : `Comment${by === '' ? '' : ` by ${by}`}: ${text}`;
}

function paragraphsBelow(element: XmlElement): readonly XmlElement[] {
  return children(element).flatMap((one) => (one.name === 'text:p' || one.name === 'text:h' ? [one] : paragraphsBelow(one)));
}
