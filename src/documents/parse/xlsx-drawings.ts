import type { OfficeBlock } from './office-blocks.ts';
import { chartBlocks, chartReferences, sheetDrawingBlocks } from './office-drawing.ts';
import type { OfficePackage } from './office-package.ts';
import { child, children } from './office-xml.ts';

/** Text boxes, alternative texts and charts of each sheet, in the order of the sheets. Binary workbooks (XLSB) do not say where theirs are. */
export async function workbookDrawings(file: OfficePackage): Promise<readonly (readonly OfficeBlock[])[]> {
  const main = await file.mainPart();
  const workbook = /\.xml$/i.test(main) ? await file.optionalXml(main) : undefined;
  const targets = new Map((await file.relationships(main)).map(({ id, target }) => [id, target]));
  const drawings: (readonly OfficeBlock[])[] = [];
  for (const { attributes } of children(child(workbook, 's:sheets'), 's:sheet')) {
    const part = targets.get(attributes['r:id'] ?? '');
    drawings.push(part === undefined ? [] : await sheetDrawings(file, part));
  }
  return drawings;
}

async function sheetDrawings(file: OfficePackage, sheet: string): Promise<readonly OfficeBlock[]> {
  const blocks: OfficeBlock[] = [];
  for (const { type, target, isExternal } of await file.relationships(sheet)) {
    const drawing = type === 'drawing' && !isExternal ? await file.optionalXml(target) : undefined;
    if (drawing === undefined) continue;
    blocks.push(...sheetDrawingBlocks(drawing));
    const charts = new Map((await file.relationships(target)).map((one) => [one.id, one]));
    for (const id of new Set(chartReferences(drawing))) {
      const chart = charts.get(id);
      const element = chart === undefined || chart.isExternal ? undefined : await file.optionalXml(chart.target);
      if (element !== undefined) blocks.push(...chartBlocks(element));
    }
  }
  return blocks;
}
