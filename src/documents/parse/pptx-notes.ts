import { type LinkedText, type OfficeBlock, textBlock } from './office-blocks.ts';
import type { OfficePackage, Relationship } from './office-package.ts';
import { child, children, descendants, textOf, type XmlElement } from './office-xml.ts';
import { placeholderOf } from './pptx-layout.ts';
import { paragraphText } from './pptx-text.ts';

/** Names of those who wrote comments, by their identifiers: of the comments of old and of those with threads. */
export async function commentAuthors(file: OfficePackage, presentation: readonly Relationship[]): Promise<ReadonlyMap<string, string>> {
  const authors = new Map<string, string>();
  for (const { type, target, isExternal } of presentation) {
    if (isExternal || (type !== 'commentAuthors' && type !== 'authors')) continue;
    for (const { attributes } of children(await file.optionalXml(target))) authors.set(attributes['id'] ?? '', attributes['name'] ?? '');
  }
  return authors;
}

/** What stands beside a slide: the speaker's notes and the comments, each a footnote. */
export async function asideBlocks(
  file: OfficePackage,
  slide: readonly Relationship[],
  authors: ReadonlyMap<string, string>,
): Promise<readonly OfficeBlock[]> {
  const blocks: OfficeBlock[] = [];
  for (const { type, target, isExternal } of slide) {
    if (isExternal) continue;
    if (type === 'notesSlide') blocks.push(...notes(await file.optionalXml(target), await file.relationships(target)));
    if (type === 'comments') blocks.push(...children(await file.optionalXml(target)).flatMap((comment) => thread(comment, authors)));
  }
  return blocks;
}

function notes(page: XmlElement | undefined, relationships: readonly Relationship[]): readonly OfficeBlock[] {
  const known = new Map(relationships.map((one) => [one.id, one]));
  const lines = descendants(page, 'p:sp')
    .filter((shape) => placeholderOf(shape)?.attributes['type'] === 'body')
    .flatMap((shape) => children(child(shape, 'p:txBody'), 'a:p').map((paragraph) => paragraphText(paragraph, known)));
  return footnote('Notes', lines);
}

/** A comment and the answers to it. */
function thread(comment: XmlElement, authors: ReadonlyMap<string, string>): readonly OfficeBlock[] {
  const author = authors.get(comment.attributes['authorId'] ?? '') ?? '';
  const paragraphs = children(child(comment, 'p188:txBody'), 'a:p').map((paragraph) => paragraphText(paragraph, new Map()));
  const old = textOf(child(comment, 'p:text'));
  const lines = old === '' ? paragraphs : [{ text: old, links: [] }];
  const answers = children(child(comment, 'p188:replyLst')).flatMap((answer) => thread(answer, authors));
  return [...footnote(`Comment${author === '' ? '' : ` by ${author}`}`, lines), ...answers];
}

function footnote(name: string, lines: readonly LinkedText[]): readonly OfficeBlock[] {
  const said = lines.filter(({ text }) => text.trim() !== '');
  if (said.length === 0) return [];
  const text = `${name}: ${said.map((line) => line.text.trim()).join('\n')}`;
  return [textBlock('footnote', { text, links: said.flatMap(({ links }) => links) })];
}
