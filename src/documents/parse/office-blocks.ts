import { LocalLiteError } from '../../errors.ts';
import type { DraftBlock, Link, ParseContext } from '../document-types.ts';
import type { OfficePackage } from './office-package.ts';

/** A block of an office file; a picture or an embedded page may still have to be read. */
export interface OfficeBlock extends DraftBlock {
  /** Name of the part whose content takes the place of, or stands behind, this block. */
  readonly part?: string;
}

/** Text with the links in it, in their order. */
export interface LinkedText {
  readonly text: string;
  readonly links: readonly Link[];
}

/** A block of text, with links only where there are some. */
export function textBlock(kind: DraftBlock['kind'], { text, links }: LinkedText, more: Partial<OfficeBlock> = {}): OfficeBlock {
  return { kind, text: text.trim(), ...(links.length > 0 && { links }), ...more };
}

/** An item of a list on its way to a block. */
export interface ListItem extends LinkedText {
  /** From 0. */
  readonly level: number;
  /** What stands before it, e.g. `-` or `2.`. */
  readonly mark: string;
}

/** A list as one block: an item a line, indented by its level. */
export function listBlock(items: readonly ListItem[], more: Partial<OfficeBlock> = {}): OfficeBlock {
  const least = items.reduce((level, item) => Math.min(level, item.level), 9);
  const line = ({ level, mark, text }: ListItem): string =>
    `${'  '.repeat(level - least)}${mark} ${text.trim().replaceAll(/\s*\n\s*/g, ' ')}`;
  const links = items.flatMap((item) => item.links);
  const ordered = items.find(({ level }) => level === least)?.mark !== '-';
  return { kind: 'list', text: items.map(line).join('\n'), ordered, ...(links.length > 0 && { links }), ...more };
}

/** What blocks inside a cell of a table say, on one line, and their links. */
export function cellText(blocks: readonly DraftBlock[]): LinkedText {
  const parts = blocks.map(({ kind, rows, text }) =>
    kind === 'table' && rows !== undefined ? rows.map((row) => row.filter((cell) => cell !== '').join(', ')).join('; ') : text,
  );
  return { text: parts.join(' ').replaceAll(/\s+/g, ' ').trim(), links: blocks.flatMap(({ links = [] }) => links) };
}

/** Least bytes of a picture that is worth reading: smaller ones are bullets, lines and logos. */
const LEAST_PICTURE_BYTES = 4096;
/** Parts of one document that are read. */
const MOST_PARTS = 500;
/** A page with fewer letters says what it has to say in its pictures. */
const FEW_LETTERS = 60;
/** Kinds of pictures that can be read; drawings (EMF, SVG) are none of them. */
const READABLE = /\.(?:png|jpe?g|jfif|tiff?|webp)$/i;

/**
 * Reads the parts that blocks wait for, each once: files of other formats always, pictures where OCR is asked for by `always`, or, as with
 * pages of PDF, where the page they are on says hardly anything else. What cannot be read is left out with a warning.
 */
export async function withParts(blocks: readonly OfficeBlock[], file: OfficePackage, context: ParseContext): Promise<DraftBlock[]> {
  const letters = lettersByPage(blocks);
  const isRead = ({ kind, part = '', page = 0 }: OfficeBlock): boolean => {
    if (part === '' || !file.has(part)) return false;
    if (kind !== 'image') return true;
    const isWanted = context.options.ocr === 'always' || (letters.get(page) ?? 0) < FEW_LETTERS;
    return context.ocr !== undefined && isWanted && READABLE.test(part);
  };
  const read = new Set<string>();
  const done: DraftBlock[] = [];
  for (const block of blocks) {
    const { part = '', ...draft } = block;
    if (draft.text.trim() !== '') done.push(draft);
    if (!isRead(block) || read.has(part)) continue;
    read.add(part);
    if (read.size <= MOST_PARTS) done.push(...(await partBlocks(part, draft, file, context)));
  }
  if (read.size > MOST_PARTS) {
    context.warn({ code: 'limit_reached', message: `only the first ${MOST_PARTS} of ${read.size} pictures and embedded files were read` });
  }
  return done;
}

/** Letters of the blocks that are no pictures; a document without pages is one. */
function lettersByPage(blocks: readonly OfficeBlock[]): ReadonlyMap<number, number> {
  const letters = new Map<number, number>();
  for (const { kind, text, page = 0 } of blocks) {
    if (kind !== 'image' && kind !== 'footnote') letters.set(page, (letters.get(page) ?? 0) + text.trim().length);
  }
  return letters;
}

async function partBlocks(part: string, { kind, page }: DraftBlock, file: OfficePackage, context: ParseContext): Promise<DraftBlock[]> {
  const bytes = await optionalBytes(part, file, context);
  if (bytes === undefined || (kind === 'image' && bytes.length < LEAST_PICTURE_BYTES)) return [];
  const { blocks = [] } = (await context.parsePart(bytes, part)) ?? {};
  // Places in a picture are none on the page.
  return blocks.map(({ box: _box, page: _page, ...block }) => ({ ...block, ...(page !== undefined && { page }) }));
}

async function optionalBytes(part: string, file: OfficePackage, { warn }: ParseContext): Promise<Uint8Array | undefined> {
  try {
    return await file.bytes(part);
  } catch (error) {
    const { code, message } = LocalLiteError.from(error, 'document_unreadable');
    if (code === 'document_too_large') throw error;
    warn({ code: 'part_unreadable', message, part });
    return undefined;
  }
}
