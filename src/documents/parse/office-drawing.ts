import type { DraftBlock, ParseContext } from '../document-types.ts';
import { type ListItem, listBlock, type OfficeBlock } from './office-blocks.ts';
import type { OfficePackage, Relationship } from './office-package.ts';
import { child, descendant, descendants, textOf, type XmlElement } from './office-xml.ts';

/** A chart as what it says: its title, and a table of its values with a column for each series. */
export function chartBlocks(chartSpace: XmlElement): readonly OfficeBlock[] {
  if (chartSpace.name === 'cx:chartSpace') return newChartBlocks(chartSpace);
  const chart = child(chartSpace, 'c:chart');
  const title = drawingText(child(chart, 'c:title')) || cached(child(chart, 'c:title'));
  const series = descendants(child(chart, 'c:plotArea'), 'c:ser');
  const table = seriesTable(series);
  return [...(title === '' ? [] : [{ kind: 'text', text: title } as const]), ...(table === undefined ? [] : [table])];
}

function seriesTable(series: readonly XmlElement[]): DraftBlock | undefined {
  const categories = new Map<number, string>();
  const values = series.map((one) => {
    for (const [index, text] of points(child(one, 'c:cat') ?? child(one, 'c:xVal')))
      if (!categories.has(index)) categories.set(index, text);
    return points(child(one, 'c:val') ?? child(one, 'c:yVal'));
  });
  const indexes = [...new Set([...categories.keys(), ...values.flatMap((one) => [...one.keys()])])].sort((left, right) => left - right);
  if (indexes.length === 0) return undefined;
  const header = ['', ...series.map((one) => cached(child(one, 'c:tx')))];
  const rows = [header, ...indexes.map((index) => [categories.get(index) ?? '', ...values.map((one) => one.get(index) ?? '')])];
  return { kind: 'table', text: rows.map((row) => row.join(' | ')).join('\n'), rows, headerRows: 1 };
}

/** Kinds of charts that came with Office 2016 (waterfall, tree map, funnel …): one table for each of their sets of data. */
function newChartBlocks(chartSpace: XmlElement): readonly OfficeBlock[] {
  const title = drawingText(descendant(chartSpace, 'cx:title'));
  const tables = descendants(chartSpace, 'cx:data').flatMap((data): OfficeBlock[] => {
    const columns = [...descendants(data, 'cx:strDim'), ...descendants(data, 'cx:numDim')].map(newPoints);
    const indexes = [...new Set(columns.flatMap((column) => [...column.keys()]))].sort((left, right) => left - right);
    const rows = indexes.map((index) => columns.map((column) => column.get(index) ?? ''));
    return rows.length === 0 ? [] : [{ kind: 'table', text: rows.map((row) => row.join(' | ')).join('\n'), rows }];
  });
  return [...(title === '' ? [] : [{ kind: 'text', text: title } as const]), ...tables];
}

function newPoints(dimension: XmlElement): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  for (const level of descendants(dimension, 'cx:lvl').toReversed()) {
    for (const point of descendants(level, 'cx:pt')) {
      const index = Number(point.attributes['idx']) || 0;
      const text = numeral(textOf(point));
      found.set(index, found.has(index) ? `${found.get(index)} ${text}` : text);
    }
  }
  return found;
}

/** Values that the file keeps of the cells that a chart is drawn from. Categories of several levels are joined. */
function points(reference: XmlElement | undefined): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  const levels = descendants(reference, 'c:lvl');
  for (const holder of levels.length > 0 ? levels.toReversed() : [reference]) {
    for (const point of descendants(holder, 'c:pt')) {
      const index = Number(point.attributes['idx']) || 0;
      const text = numeral(textOf(child(point, 'c:v')));
      found.set(index, found.has(index) ? `${found.get(index)} ${text}` : text);
    }
  }
  return found;
}

/** Numbers are kept as they came out of arithmetic: 0.30000000000000004. */
function numeral(text: string): string {
  return /^-?\d+\.\d{10,}$/.test(text) ? String(Number(Number(text).toPrecision(12))) : text.trim();
}

function cached(element: XmlElement | undefined): string {
  return descendants(element, 'c:v').map(textOf).join(' ').trim();
}

/** Text of DrawingML without any of its form: a line a paragraph. */
function drawingText(element: XmlElement | undefined): string {
  return descendants(element, 'a:p')
    .map((paragraph) => descendants(paragraph, 'a:t').map(textOf).join('').trim())
    .filter((text) => text !== '')
    .join('\n');
}

/** What a picture shows, in the words of its author: names of files are none, and what programs add by themselves is left out. */
export function altText(properties: XmlElement | undefined): string {
  const { descr = '', title = '' } = properties?.attributes ?? {};
  const text = (descr.trim() || title.trim()).replaceAll(/\s+/g, ' ').replace(MACHINE_WORDS, '').trim();
  return FILE_NAME.test(text) ? '' : text;
}

const MACHINE_WORDS = /(?:description automatically generated(?: with \w+ confidence)?|AI-generated content may be incorrect)\.?$/i;
const FILE_NAME = /^\S+\.(?:bmp|emf|gif|jpe?g|png|svg|tiff?|webp|wmf)$/i;

/** A diagram (SmartArt) as a list of what its shapes say, indented as they hang on each other. */
function diagramBlocks(dataModel: XmlElement): readonly OfficeBlock[] {
  const points = new Map(descendants(dataModel, 'dgm:pt').map((point) => [point.attributes['modelId'] ?? '', point]));
  const below = new Map<string, { readonly id: string; readonly order: number }[]>();
  const hung = new Set<string>();
  for (const { attributes } of descendants(dataModel, 'dgm:cxn')) {
    const { type = 'parOf', srcId = '', destId = '', srcOrd = '0' } = attributes;
    if (type !== 'parOf' || !points.has(srcId)) continue;
    below.set(srcId, [...(below.get(srcId) ?? []), { id: destId, order: Number(srcOrd) || 0 }]);
    hung.add(destId);
  }
  const items: ListItem[] = [];
  const seen = new Set<string>();
  const visit = (id: string, level: number): void => {
    if (seen.has(id) || level > MOST_LEVELS) return;
    seen.add(id);
    const text = drawingText(child(points.get(id), 'dgm:t'));
    if (text !== '') items.push({ text, links: [], level, mark: '-' });
    const next = (below.get(id) ?? []).toSorted((left, right) => left.order - right.order);
    for (const one of next) visit(one.id, text === '' ? level : level + 1);
  };
  for (const id of points.keys()) if (!hung.has(id)) visit(id, 0);
  // Points that hang on each other in a circle hang on nothing else.
  for (const id of points.keys()) visit(id, 0);
  return items.length === 0 ? [] : [listBlock(items)];
}

/** Deeper points are read as if they hung on nothing. */
const MOST_LEVELS = 50;

/** Blocks of the charts and diagrams that a part refers to, by the names of their parts. */
export async function drawingsOf(
  file: OfficePackage,
  relationships: readonly Relationship[],
): Promise<ReadonlyMap<string, readonly OfficeBlock[]>> {
  const drawings = new Map<string, readonly OfficeBlock[]>();
  for (const { type, target, isExternal } of relationships) {
    if (isExternal || (type !== 'chart' && type !== 'chartEx' && type !== 'diagramData')) continue;
    const element = await file.optionalXml(target);
    if (element !== undefined) drawings.set(target, type === 'diagramData' ? diagramBlocks(element) : chartBlocks(element));
  }
  return drawings;
}

/** Says that a picture stands on another machine and was not fetched. */
export function warnRemote({ warn }: ParseContext, page?: number): void {
  const message = 'pictures that the document only links to were not fetched';
  warn({ code: 'remote_content', message, ...(page !== undefined && { page }) });
}

/** Alternative texts and text boxes of the drawing on a sheet. */
export function sheetDrawingBlocks(drawing: XmlElement): readonly OfficeBlock[] {
  const pictures = descendants(drawing, 'xdr:pic').map((picture): OfficeBlock => {
    const { descr = '', title = '' } = descendant(picture, 'xdr:cNvPr')?.attributes ?? {};
    return { kind: 'image', text: descr || title };
  });
  const boxes = descendants(drawing, 'xdr:sp').map((shape): OfficeBlock => ({ kind: 'text', text: drawingText(shape) }));
  return [...pictures, ...boxes].filter(({ text }) => text !== '');
}

/** Names of charts that a drawing shows, as relationships of it. */
export function chartReferences(drawing: XmlElement): readonly string[] {
  return descendants(drawing, 'c:chart').map(({ attributes }) => attributes['r:id'] ?? '');
}
