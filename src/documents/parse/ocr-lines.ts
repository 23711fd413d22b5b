import type { Box, OcrResult, PageImage } from '../document-types.ts';
import type { LineGroup } from './pdf-blocks.ts';
import type { Column, Line } from './pdf-lines.ts';

/** A sheet: its size, how it lies turned, and how its lines slope. */
interface Sheet {
  readonly width: number;
  readonly height: number;
  /** Quarters clockwise by which it lies turned. */
  readonly turned: number;
  /** Radians. */
  readonly skew: number;
}

/**
 * What was read in an image, as lines that blocks can be made of: in points, upright and without slope, in columns. Boxes of blocks come
 * out where they stand in the image.
 */
export function ocrGroup(result: OcrResult, image: PageImage, page: number): LineGroup {
  const scale = 72 / (image.dpi ?? 72);
  const turned = Math.round((((result.rotation % 360) + 360) % 360) / 90) % 4;
  const [width, height] = turned % 2 === 1 ? [image.height, image.width] : [image.width, image.height];
  const sheet = { width: width * scale, height: height * scale, turned, skew: ((result.skew ?? 0) * Math.PI) / 180 };
  const read = result.lines.flatMap(({ text, confidence, box }) => {
    const scaled = { x: box.x * scale, y: box.y * scale, width: box.width * scale, height: box.height * scale };
    return text.trim() === '' ? [] : [{ text: text.trim(), confidence, box: flat(scaled, sheet) }];
  });
  const columns = columnsOf(read.map(({ box }) => box));
  const lines = read.flatMap(({ text, confidence, box }, index): readonly Line[] => {
    const [left, top, right, bottom] = [box.x, box.y, box.x + box.width, box.y + box.height];
    const size = Math.max(1, 0.8 * box.height);
    const column = columns[index] ?? { left, right };
    return [
      { left, top, right, bottom, text, words: [], baseline: bottom - 0.2 * size, size, bold: false, fixed: false, column, confidence },
    ];
  });
  return { page, height: sheet.height, lines, links: [], shown: (box) => lying(box, sheet) };
}

/** A box on the sheet as it lies -> the same when the sheet is upright and its lines are level. */
function flat(box: Box, sheet: Sheet): Box {
  const upright = turnBox(box, (4 - sheet.turned) % 4, sheet.turned % 2 === 1 ? swapped(sheet) : sheet);
  const { x, y } = rotated(upright, -sheet.skew, sheet);
  // The box stands around a sloping line: w cos + h sin wide, w sin + h cos high.
  const [sin, cos] = [Math.abs(Math.sin(sheet.skew)), Math.cos(sheet.skew)];
  const share = cos * cos - sin * sin;
  const width = (upright.width * cos - upright.height * sin) / share;
  const height = Math.max(0.3 * Math.min(upright.width, upright.height), (upright.height * cos - upright.width * sin) / share);
  return { x: x - width / 2, y: y - height / 2, width, height };
}

/** The way back. */
function lying(box: Box, sheet: Sheet): Box {
  const { x, y } = rotated(box, sheet.skew, sheet);
  const [sin, cos] = [Math.abs(Math.sin(sheet.skew)), Math.cos(sheet.skew)];
  const [width, height] = [box.width * cos + box.height * sin, box.width * sin + box.height * cos];
  return turnBox({ x: x - width / 2, y: y - height / 2, width, height }, sheet.turned, sheet);
}

/** The middle of a box after the sheet is turned about its own middle. */
function rotated(box: Box, angle: number, { width, height }: Sheet): { readonly x: number; readonly y: number } {
  const dx = box.x + box.width / 2 - width / 2;
  const dy = box.y + box.height / 2 - height / 2;
  return { x: width / 2 + dx * Math.cos(angle) - dy * Math.sin(angle), y: height / 2 + dx * Math.sin(angle) + dy * Math.cos(angle) };
}

function swapped(sheet: Sheet): Pick<Sheet, 'width' | 'height'> {
  return { width: sheet.height, height: sheet.width };
}

/** Where a box of a sheet of that size stands when the sheet is turned clockwise. */
function turnBox({ x, y, width, height }: Box, quarters: number, sheet: Pick<Sheet, 'width' | 'height'>): Box {
  if (quarters === 1) return { x: sheet.height - y - height, y: x, width: height, height: width };
  if (quarters === 2) return { x: sheet.width - x - width, y: sheet.height - y - height, width, height };
  return quarters === 3 ? { x: y, y: sheet.width - x - width, width: height, height: width } : { x, y, width, height };
}

/** Lines in reading order go down a column; where one stands above the line before it, or beside it, another column begins. */
function columnsOf(boxes: readonly Box[]): readonly Column[] {
  const columns: { left: number; right: number }[] = [];
  let before: Box | undefined;
  return boxes.map((box) => {
    let column = columns.at(-1);
    const goesOn = before !== undefined && box.y > before.y && box.x < before.x + before.width && box.x + box.width > before.x;
    if (column === undefined || !goesOn) {
      column = { left: box.x, right: box.x + box.width };
      columns.push(column);
    }
    column.left = Math.min(column.left, box.x);
    column.right = Math.max(column.right, box.x + box.width);
    before = box;
    return column;
  });
}
