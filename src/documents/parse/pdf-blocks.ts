import type { Box, DraftBlock, Link, OutlineEntry } from '../document-types.ts';
import type { Line } from './pdf-lines.ts';
import type { LinkArea } from './pdf-page.ts';
import { listMark, type Paragraph, toParagraphs } from './pdf-paragraphs.ts';

/** Lines of one page that run in one direction, ready to become blocks. */
export interface LineGroup {
  readonly page: number;
  readonly height: number;
  readonly lines: readonly Line[];
  readonly links: readonly LinkArea[];
  /** A box of these lines as a box of the page as it is shown. */
  readonly shown: (box: Box) => Box;
}

/** What is known of the whole document before its blocks are made. */
interface Setting {
  readonly bodySize: number;
  readonly bodyBold: boolean;
  readonly bodyFixed: boolean;
  readonly outline: ReadonlyMap<string, number>;
}

interface Placed {
  readonly group: LineGroup;
  readonly paragraph: Paragraph;
  /** Of a heading: its font size, 0 where it is set apart by bold letters alone. */
  readonly headingSize?: number;
}

const LARGER = 1.12;
const LONGEST_HEADING = 180;
const FOOTNOTE = /^(?:\d{1,3}|[*†‡§¶])[.)]?\s*\S/;
const URL = /\bhttps?:\/\/[^\s<>"'“”)\]}]+[^\s<>"'“”)\]}.,;:!?]/g;

/** The font size of most letters of a document, and how they are set. */
export function bodyStyle(pages: readonly (readonly Line[])[]): { readonly size: number; readonly bold: boolean; readonly fixed: boolean } {
  const sizes = new Map<number, number>();
  let [letters, bold, fixed] = [0, 0, 0];
  for (const line of pages.flat()) {
    if (line.table !== undefined) continue;
    const size = Math.round(line.size * 2) / 2;
    sizes.set(size, (sizes.get(size) ?? 0) + line.text.length);
    letters += line.text.length;
    if (line.bold) bold += line.text.length;
    if (line.fixed) fixed += line.text.length;
  }
  const [size] = [...sizes].sort((one, other) => other[1] - one[1])[0] ?? [10];
  return { size, bold: bold > 0.6 * letters, fixed: fixed > 0.6 * letters };
}

/** The blocks of a document in reading order. */
export function toBlocks(groups: readonly LineGroup[], outline: readonly OutlineEntry[]): readonly DraftBlock[] {
  const body = bodyStyle(groups.map(({ lines }) => lines));
  const vocabulary = lazily(() => vocabularyOf(groups));
  const titles = new Map(outline.map(({ title, level }) => [titleKey(title), level] as const).filter(([key]) => key !== ''));
  const setting = { bodySize: body.size, bodyBold: body.bold, bodyFixed: body.fixed, outline: titles };
  const hasHyphen = (start: string, end: string) => keepsHyphen(start.toLowerCase(), end.toLowerCase(), vocabulary());
  const placed = groups.flatMap((group) =>
    toParagraphs(group.lines, hasHyphen).map((paragraph): Placed => withHeading({ group, paragraph }, setting)),
  );
  const levels = headingLevels(placed);
  const blocks: DraftBlock[] = [];
  for (let index = 0; index < placed.length; ) {
    const run = stretch(placed, index, setting);
    blocks.push(toBlock(run, setting, levels));
    index += run.length;
  }
  return blocks;
}

/** A word keeps its hyphen where the document has it so elsewhere, or both of its halves as words but not the whole. */
function keepsHyphen(start: string, end: string, vocabulary: ReadonlySet<string>): boolean {
  if (vocabulary.has(`${start}${end}`)) return false;
  return vocabulary.has(`${start}-${end}`) || (start.length > 2 && end.length > 3 && vocabulary.has(start) && vocabulary.has(end));
}

/** Words within lines; the first and last of a line may be parts of words. */
function vocabularyOf(groups: readonly LineGroup[]): ReadonlySet<string> {
  const words = new Set<string>();
  for (const { lines } of groups) {
    for (const { text } of lines) {
      const parts = text.toLowerCase().split(' ');
      const last = /[-\u00ad\u2010]$/.test(text) ? parts.length - 1 : parts.length;
      for (let index = 1; index < last; index++) words.add((parts[index] ?? '').replace(/[^\p{L}\p{M}]+$/u, '').replace(/^[^\p{L}]+/u, ''));
    }
  }
  return words;
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function titleKey(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '')
    .replace(/^\d+/, '');
}

function withHeading(placed: Placed, { bodySize, bodyBold, outline }: Setting): Placed {
  const { lines, text } = placed.paragraph;
  const [first] = lines;
  if (first === undefined || first.table !== undefined || first.confidence !== undefined || first.fixed) return placed;
  if (text.length > LONGEST_HEADING || lines.length > 3 || (text.match(/\p{L}/gu)?.length ?? 0) < 2 || /^[•‣◦▪●–—*-]/.test(text))
    return placed;
  const size = Math.max(...lines.map((line) => line.size));
  if (outline.has(titleKey(text)) && size >= bodySize) return { ...placed, headingSize: size };
  if (size >= LARGER * bodySize && !/[.,;]$/.test(text)) return { ...placed, headingSize: size };
  const isBold = !bodyBold && lines.length <= 2 && lines.every((line) => line.bold) && size > 0.95 * bodySize;
  return isBold && text.length <= 120 && !/[.,;:!?]$/.test(text) ? { ...placed, headingSize: 0 } : placed;
}

/** The level of each font size of headings, the largest first; sizes that hardly differ are one. */
function headingLevels(placed: readonly Placed[]): (size: number) => number {
  const sizes = [...new Set(placed.flatMap(({ headingSize }) => (headingSize === undefined ? [] : [headingSize])))].sort(
    (one, other) => other - one,
  );
  const levels = new Map<number, number>();
  let [level, largest] = [0, Infinity];
  for (const size of sizes) {
    if (size < 0.96 * largest) {
      level++;
      largest = size;
    }
    levels.set(size, Math.min(6, level));
  }
  return (size) => levels.get(size) ?? 6;
}

/** The paragraphs from `start` that make one block: the items of a list, the lines of a program. */
function stretch(placed: readonly Placed[], start: number, setting: Setting): readonly Placed[] {
  const kind = kindOf(placed, start, setting);
  let end = start + 1;
  if (kind === 'list' || kind === 'code') {
    while (end < placed.length && placed[end]?.group === placed[start]?.group && kindOf(placed, end, setting) === kind) end++;
  }
  return placed.slice(start, end);
}

function kindOf(placed: readonly Placed[], index: number, setting: Setting): DraftBlock['kind'] {
  const one = placed[index];
  const first = one?.paragraph.lines[0];
  if (one === undefined || first === undefined) return 'text';
  if (first.table !== undefined) return 'table';
  if (one.headingSize !== undefined && !isListItem(placed, index)) return 'heading';
  if (first.fixed && !setting.bodyFixed && one.paragraph.lines.every((line) => line.fixed)) return 'code';
  if (isListItem(placed, index)) return 'list';
  const isSmall = first.size <= 0.92 * setting.bodySize && first.top > 0.6 * one.group.height;
  return isSmall && FOOTNOTE.test(one.paragraph.text) ? 'footnote' : 'text';
}

/** A bullet makes an item; a number only beside another numbered paragraph that is set alike. */
function isListItem(placed: readonly Placed[], index: number): boolean {
  const one = placed[index];
  if (one?.paragraph.mark === undefined) return false;
  if (!/[\p{L}\d]/u.test(one.paragraph.mark)) return one.headingSize === undefined;
  return [placed[index - 1], placed[index + 1]].some(
    (other) =>
      other?.group === one.group &&
      other.paragraph.mark !== undefined &&
      /[\p{L}\d]/u.test(other.paragraph.mark) &&
      (one.headingSize === undefined) === (other.headingSize === undefined) &&
      one.headingSize === undefined,
  );
}

function toBlock(run: readonly Placed[], setting: Setting, levels: (size: number) => number): DraftBlock {
  const [first] = run;
  if (first === undefined) return { kind: 'text', text: '' };
  const lines = run.flatMap(({ paragraph }) => paragraph.lines);
  const kind = kindOf(run, 0, setting) === 'text' && run.length > 1 ? 'list' : kindOf(run, 0, setting);
  const place = { page: first.group.page, box: boxOf(lines, first.group), ...confidenceOf(lines) };
  const links = linksOf(lines, first.group, run.map(({ paragraph }) => paragraph.text).join('\n'));
  const more = { ...place, ...(links.length > 0 && { links }) };
  const table = lines[0]?.table;
  if (table !== undefined) {
    const text = table.rows.map((row) => row.join(' | ')).join('\n');
    return { kind: 'table', text, rows: table.rows, ...(table.headerRows > 0 && { headerRows: table.headerRows }), ...more };
  }
  const { text } = first.paragraph;
  if (kind === 'heading') {
    const level = setting.outline.get(titleKey(text)) ?? levels(first.headingSize ?? 0);
    return { kind, level: Math.min(6, level), text: text.replaceAll('\n', ' '), ...more };
  }
  if (kind === 'code') return { kind, text: codeText(lines), ...more };
  if (kind === 'list') return { kind, ordered: /[\p{L}\d]/u.test(first.paragraph.mark ?? ''), text: listText(run), ...more };
  return { kind, text, ...more };
}

function listText(run: readonly Placed[]): string {
  const lefts = run.map(({ paragraph }) => paragraph.lines[0]?.left ?? 0);
  const least = Math.min(...lefts);
  return run
    .map(({ paragraph }, index) => {
      const size = paragraph.lines[0]?.size ?? 10;
      const depth = Math.min(4, Math.round(Math.max(0, (lefts[index] ?? 0) - least) / (2 * size)));
      const found = listMark(paragraph.text);
      const mark = found?.[2] === undefined ? '-' : found[2];
      return `${'  '.repeat(depth)}${mark} ${paragraph.text.slice(found?.[0].length ?? 0).replaceAll('\n', ' ')}`;
    })
    .join('\n');
}

/** Lines of a program with their indents, which are worked out of their place. */
function codeText(lines: readonly Line[]): string {
  const least = Math.min(...lines.map(({ left }) => left));
  return lines
    .map(({ left, right, text }) => {
      const letter = (right - left) / Math.max(1, text.length);
      return `${' '.repeat(Math.min(80, Math.round((left - least) / Math.max(1, letter))))}${text.replace(/\u00ad$/, '-')}`;
    })
    .join('\n');
}

function boxOf(lines: readonly Line[], group: LineGroup): Box {
  const [x, y] = [Math.min(...lines.map(({ left }) => left)), Math.min(...lines.map(({ top }) => top))];
  const [right, bottom] = [Math.max(...lines.map((line) => line.right)), Math.max(...lines.map((line) => line.bottom))];
  const box = group.shown({ x, y, width: right - x, height: bottom - y });
  const round = (value: number) => Math.round(value * 100) / 100;
  return { x: round(box.x), y: round(box.y), width: round(box.width), height: round(box.height) };
}

function confidenceOf(lines: readonly Line[]): { readonly confidence?: number } {
  const read = lines.flatMap(({ confidence, text }) => (confidence === undefined ? [] : [{ confidence, letters: text.length }]));
  const letters = read.reduce((sum, one) => sum + one.letters, 0);
  if (letters === 0) return {};
  return { confidence: Math.round((read.reduce((sum, one) => sum + one.confidence * one.letters, 0) / letters) * 1000) / 1000 };
}

/** Links whose area lies over words of these lines, and addresses written out in their text. */
function linksOf(lines: readonly Line[], { links: areas }: LineGroup, text: string): readonly Link[] {
  const links: Link[] = [];
  for (const { url, left, top, right, bottom } of areas) {
    const words = lines.flatMap((line) => (line.bottom < top || line.top > bottom ? [] : line.words));
    const covered = words.filter(
      (word) => isWithin((word.left + word.right) / 2, left, right) && isWithin((word.top + word.bottom) / 2, top, bottom),
    );
    if (covered.length > 0) links.push({ text: covered.map((word) => word.text).join(' '), url });
  }
  for (const [url] of text.matchAll(URL)) if (!links.some((link) => link.url === url)) links.push({ text: url, url });
  return links;
}

function isWithin(value: number, least: number, most: number): boolean {
  return value >= least && value <= most;
}
