import type { Link } from '../document-types.ts';
import { numberText } from './docx-numbering.ts';
import { linkTarget } from './link-target.ts';
import { type LinkedText, type ListItem, listBlock, type OfficeBlock, textBlock } from './office-blocks.ts';
import { officeMath } from './office-math.ts';
import type { Relationship } from './office-package.ts';
import { child, children, descendants, textOf, type XmlElement } from './office-xml.ts';

/** What the paragraphs of a shape are read with. */
export interface TextTerms {
  readonly relationships: ReadonlyMap<string, Relationship>;
  /** Styles of its levels (`a:lvl1pPr` …), the nearest first. */
  readonly styles: readonly XmlElement[];
  /** What each block gets besides. */
  readonly more: Partial<OfficeBlock>;
}

const LEVELS = 9;

/** The text of a shape: paragraphs with bullets or numbers as lists, others as text. */
export function bodyBlocks(body: XmlElement | undefined, { relationships, styles, more }: TextTerms): readonly OfficeBlock[] {
  const blocks: OfficeBlock[] = [];
  const counter = new Counter();
  let items: ListItem[] = [];
  const flush = (): void => {
    if (items.length > 0) blocks.push(listBlock(items, more));
    items = [];
  };
  for (const paragraph of children(body, 'a:p')) {
    const text = paragraphText(paragraph, relationships);
    if (text.text.trim() === '') continue;
    const properties = child(paragraph, 'a:pPr');
    const level = Math.min(LEVELS - 1, Math.max(0, Math.trunc(Number(properties?.attributes['lvl']) || 0)));
    const mark = counter.mark(bulletOf(properties, level, styles), level);
    if (mark !== undefined) items.push({ ...text, level, mark });
    else {
      flush();
      blocks.push(textBlock('text', text, more));
    }
  }
  flush();
  return blocks;
}

/** What a paragraph says, with its links; numbers of slides and dates that the program fills in are left out. */
export function paragraphText(paragraph: XmlElement, relationships: ReadonlyMap<string, Relationship>): LinkedText {
  let text = '';
  const links: { text: string; url: string; end: number }[] = [];
  for (const part of children(paragraph)) {
    const said = partText(part);
    const start = text.length;
    text += said;
    const id = child(part, 'a:rPr', 'a:hlinkClick')?.attributes['r:id'] ?? '';
    const target = relationships.get(id);
    const url = target?.isExternal === true ? linkTarget(target.target) : undefined;
    if (url === undefined || said.trim() === '') continue;
    const last = links.at(-1);
    // A link whose letters differ in form is several runs.
    if (last !== undefined && last.url === url && last.end === start) Object.assign(last, { text: last.text + said, end: text.length });
    else links.push({ text: said, url, end: text.length });
  }
  return { text, links: links.map(({ text: said, url }): Link => ({ text: said.trim(), url })) };
}

function partText(part: XmlElement): string {
  if (part.name === 'a:r') return textOf(child(part, 'a:t'));
  if (part.name === 'a:br') return '\n';
  if (part.name === 'a:fld') return /^(?:slidenum|datetime)/.test(part.attributes['type'] ?? '') ? '' : textOf(child(part, 'a:t'));
  return descendants(part, 'm:oMath')
    .map((equation) => `$${officeMath(equation)}$`)
    .join('\n');
}

interface Bullet {
  /** Absent for a bullet without a number. */
  readonly numbering?: string;
  readonly start: number;
}

function bulletOf(properties: XmlElement | undefined, level: number, styles: readonly XmlElement[]): Bullet | undefined {
  for (const holder of [properties, ...styles.map((style) => child(style, `a:lvl${level + 1}pPr`))]) {
    if (child(holder, 'a:buNone') !== undefined) return undefined;
    const numbered = child(holder, 'a:buAutoNum')?.attributes;
    if (numbered !== undefined) return { numbering: numbered['type'] ?? '', start: Math.trunc(Number(numbered['startAt'] ?? 1)) || 1 };
    if (child(holder, 'a:buChar') !== undefined || child(holder, 'a:buBlip') !== undefined) return { start: 1 };
  }
  return undefined;
}

/** Numbers of the levels of one shape: a level goes on until a paragraph of it is otherwise numbered, or one above it comes. */
class Counter {
  readonly #levels: ({ readonly key: string; number: number } | undefined)[] = [];

  mark(bullet: Bullet | undefined, level: number): string | undefined {
    this.#levels.length = Math.min(this.#levels.length, level + 1);
    if (bullet?.numbering === undefined) {
      this.#levels[level] = undefined;
      return bullet === undefined ? undefined : '-';
    }
    const key = `${bullet.numbering} ${bullet.start}`;
    const last = this.#levels[level];
    const number = last?.key === key ? last.number + 1 : bullet.start;
    this.#levels[level] = { key, number };
    return label(number, bullet.numbering);
  }
}

/** Names of the ways to number: ECMA-376 20.1.10.61. */
function label(number: number, numbering: string): string {
  const letterCase = numbering.includes('Uc') ? 'upper' : 'lower';
  const format = numbering.startsWith('alpha') ? `${letterCase}Letter` : numbering.startsWith('roman') ? `${letterCase}Roman` : 'decimal';
  const text = numberText(number, format);
  if (numbering.endsWith('ParenBoth')) return `(${text})`;
  if (numbering.endsWith('ParenR')) return `${text})`;
  return numbering.endsWith('Plain') ? text : `${text}.`;
}
