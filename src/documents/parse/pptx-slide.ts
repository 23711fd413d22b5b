import type { Box } from '../document-types.ts';
import { cellText, type OfficeBlock, textBlock } from './office-blocks.ts';
import { altText } from './office-drawing.ts';
import type { Relationship } from './office-package.ts';
import { child, children, descendant, descendants, type XmlElement } from './office-xml.ts';
import { type PptxLayout, placeholderOf } from './pptx-layout.ts';
import { type Placed, readingOrder } from './pptx-order.ts';
import { bodyBlocks, paragraphText } from './pptx-text.ts';
import { gridTable } from './table-grid.ts';

/** What a slide refers to. */
export interface SlideParts {
  readonly relationships: ReadonlyMap<string, Relationship>;
  readonly layout: PptxLayout;
  /** Blocks of charts and diagrams by the names of their parts. */
  readonly drawings: ReadonlyMap<string, readonly OfficeBlock[]>;
}

/** What stands on a slide, in reading order and without its title. */
export interface SlideContent {
  readonly title?: OfficeBlock;
  readonly blocks: readonly OfficeBlock[];
  /** A picture stands elsewhere. */
  readonly hasRemote: boolean;
}

/** Reads the shapes of a slide (`p:sld`). */
export function readSlide(slide: XmlElement, parts: SlideParts): SlideContent {
  const reader = new SlideReader(parts);
  const blocks = reader.blocks(child(slide, 'p:cSld', 'p:spTree'), WHOLE);
  const { title, hasRemote } = reader;
  return { blocks, hasRemote, ...(title !== undefined && { title }) };
}

/** From coordinates inside of a group to those of the slide, both in EMU. */
interface Frame {
  readonly x: number;
  readonly y: number;
  readonly scaleX: number;
  readonly scaleY: number;
}

const WHOLE: Frame = { x: 0, y: 0, scaleX: 1, scaleY: 1 };
const EMU_PER_POINT = 12_700;
/** What every slide repeats. */
const FURNITURE: ReadonlySet<string> = new Set(['dt', 'ftr', 'hdr', 'sldNum', 'sldImg']);

interface Item extends Placed {
  readonly blocks: readonly OfficeBlock[];
}

class SlideReader {
  title: OfficeBlock | undefined;
  hasRemote = false;
  readonly #parts: SlideParts;

  constructor(parts: SlideParts) {
    this.#parts = parts;
  }

  /** Blocks of a tree or group of shapes. */
  blocks(tree: XmlElement | undefined, frame: Frame): readonly OfficeBlock[] {
    const items = children(tree).map((shape) => this.#item(shape, frame));
    return readingOrder(items.filter(({ blocks }) => blocks.length > 0)).flatMap(({ blocks }) => blocks);
  }

  #item(shape: XmlElement, frame: Frame): Item {
    if (shape.name === 'p:grpSp') {
      const xfrm = child(shape, 'p:grpSpPr', 'a:xfrm');
      const alt = alternative(shape);
      return {
        ...placed(xfrm, frame),
        blocks: [...(alt === '' ? [] : [{ kind: 'image', text: alt } as const]), ...this.blocks(shape, inner(xfrm, frame))],
      };
    }
    const placeholder = placeholderOf(shape);
    if (FURNITURE.has(placeholder?.attributes['type'] ?? '')) return { blocks: [] };
    const { place, styles } = this.#parts.layout.inherited(placeholder);
    const box = placed(child(shape, 'p:spPr', 'a:xfrm') ?? child(shape, 'p:xfrm') ?? place, frame);
    if (shape.name === 'p:pic') return { ...box, blocks: [{ ...this.#picture(shape), ...box }] };
    if (shape.name === 'p:graphicFrame') return { ...box, blocks: this.#graphic(shape).map((block) => ({ ...block, ...box })) };
    return { ...box, blocks: this.#shape(shape, styles, box, placeholder?.attributes['type']) };
  }

  #shape(shape: XmlElement, styles: readonly XmlElement[], box: Placed, type: string | undefined): readonly OfficeBlock[] {
    const body = child(shape, 'p:txBody');
    const own = child(body, 'a:lstStyle');
    const { relationships } = this.#parts;
    if ((type === 'title' || type === 'ctrTitle') && this.title === undefined) {
      const lines = children(body, 'a:p').map((paragraph) => paragraphText(paragraph, relationships));
      const text = lines
        .map((line) => line.text)
        .join(' ')
        .replaceAll(/\s+/g, ' ')
        .trim();
      if (text === '') return [];
      this.title = textBlock('heading', { text, links: lines.flatMap(({ links }) => links) }, { level: 1, ...box });
      return [];
    }
    const blocks = bodyBlocks(body, { relationships, styles: own === undefined ? styles : [own, ...styles], more: box });
    const alt = blocks.length === 0 ? alternative(shape) : '';
    return alt === '' ? blocks : [{ kind: 'image', text: alt, ...box }];
  }

  #picture(picture: XmlElement): OfficeBlock {
    const blip = descendant(picture, 'a:blip')?.attributes;
    this.#target(blip?.['r:link']);
    const part = this.#target(blip?.['r:embed']);
    return { kind: 'image', text: alternative(picture), ...(part !== undefined && { part }) };
  }

  /** A table, chart, diagram or embedded file. */
  #graphic(frame: XmlElement): readonly OfficeBlock[] {
    const table = descendant(frame, 'a:tbl');
    if (table !== undefined) return this.#table(table);
    const alt = alternative(frame);
    const references = [
      ...['c:chart', 'cx:chart'].flatMap((name) => descendants(frame, name).map(({ attributes }) => attributes['r:id'])),
      ...descendants(frame, 'dgm:relIds').map(({ attributes }) => attributes['r:dm']),
    ];
    const drawn = references.flatMap((id) => this.#parts.drawings.get(this.#target(id) ?? '') ?? []);
    const embedded = descendants(frame, 'p:oleObj').flatMap(({ attributes }): OfficeBlock[] => {
      const target = this.#parts.relationships.get(attributes['r:id'] ?? '');
      // Files of today's office programs; others are known to their own program alone.
      return target?.type === 'package' && !target.isExternal ? [{ kind: 'text', text: '', part: target.target }] : [];
    });
    return [...(alt === '' ? [] : [{ kind: 'image', text: alt } as const]), ...drawn, ...embedded];
  }

  #table(table: XmlElement): readonly OfficeBlock[] {
    const { relationships } = this.#parts;
    const rows = children(table, 'a:tr').map((row) =>
      children(row, 'a:tc')
        .filter(({ attributes }) => !isTrue(attributes['hMerge']) && !isTrue(attributes['vMerge']))
        .map((cell) => ({
          ...cellText(bodyBlocks(child(cell, 'a:txBody'), { relationships, styles: [], more: {} })),
          columns: Math.max(1, Number(cell.attributes['gridSpan'] ?? 1) || 1),
          rows: Math.max(1, Number(cell.attributes['rowSpan'] ?? 1) || 1),
        })),
    );
    const block = gridTable(rows, isTrue(child(table, 'a:tblPr')?.attributes['firstRow']) ? 1 : 0);
    return block === undefined ? [] : [block];
  }

  #target(id: string | undefined): string | undefined {
    const found = this.#parts.relationships.get(id ?? '');
    if (found?.isExternal === true) this.hasRemote = true;
    return found?.isExternal === false ? found.target : undefined;
  }
}

function isTrue(value: string | undefined): boolean {
  return value === '1' || value === 'true';
}

/** Alternative text that its author gave a shape. */
function alternative(shape: XmlElement): string {
  const properties = children(shape).find(({ name }) => name.startsWith('p:nv'));
  return altText(child(properties, 'p:cNvPr'));
}

function numbers(element: XmlElement | undefined, first: string, second: string): readonly [number, number] | undefined {
  const [one, other] = [Number(element?.attributes[first]), Number(element?.attributes[second])];
  return Number.isFinite(one) && Number.isFinite(other) ? [one, other] : undefined;
}

function placed(xfrm: XmlElement | undefined, frame: Frame): { readonly box?: Box } {
  const at = numbers(child(xfrm, 'a:off'), 'x', 'y');
  const size = numbers(child(xfrm, 'a:ext'), 'cx', 'cy');
  if (at === undefined || size === undefined) return {};
  const points = (emu: number): number => Math.round((emu / EMU_PER_POINT) * 10) / 10;
  return {
    box: {
      x: points(frame.x + at[0] * frame.scaleX),
      y: points(frame.y + at[1] * frame.scaleY),
      width: points(size[0] * frame.scaleX),
      height: points(size[1] * frame.scaleY),
    },
  };
}

/** The coordinates inside of a group. */
function inner(xfrm: XmlElement | undefined, frame: Frame): Frame {
  const at = numbers(child(xfrm, 'a:off'), 'x', 'y');
  const size = numbers(child(xfrm, 'a:ext'), 'cx', 'cy');
  const from = numbers(child(xfrm, 'a:chOff'), 'x', 'y');
  const of = numbers(child(xfrm, 'a:chExt'), 'cx', 'cy');
  if (at === undefined || size === undefined || from === undefined || of === undefined) return frame;
  const scaleX = of[0] === 0 ? 1 : size[0] / of[0];
  const scaleY = of[1] === 0 ? 1 : size[1] / of[1];
  return {
    x: frame.x + (at[0] - from[0] * scaleX) * frame.scaleX,
    y: frame.y + (at[1] - from[1] * scaleY) * frame.scaleY,
    scaleX: scaleX * frame.scaleX,
    scaleY: scaleY * frame.scaleY,
  };
}
