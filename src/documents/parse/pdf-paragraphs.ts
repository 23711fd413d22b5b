import { joinLines, type Line } from './pdf-lines.ts';
import { median } from './pdf-order.ts';

/** Lines that belong together. Of a table: its one line. */
export interface Paragraph {
  readonly lines: readonly Line[];
  readonly text: string;
  /** What it starts with where it is an item of a list, e.g. `•` or `(a)`. */
  readonly mark: string | undefined;
}

const MARK = /^(?:([•‣◦▪●○■□▶➢✓–—*-])|(\(?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{2,4})[.)]|\.\d{1,2}))(?:\s+|(?<=[•‣◦▪●○■□▶➢✓]))(?=\S)/;
const SENTENCE_END = /[.!?:;。！？؟۔]["'”’)\]]*$/;

/** The sign or number with which an item of a list starts, with the space after it. */
export function listMark(text: string): RegExpExecArray | null {
  return MARK.exec(text);
}

/** Lines in reading order as paragraphs. `hasHyphen`: see {@link joinLines}. */
export function toParagraphs(lines: readonly Line[], hasHyphen: (start: string, end: string) => boolean): readonly Paragraph[] {
  const pitch = linePitch(lines);
  const paragraphs: Paragraph[] = [];
  let open: Line[] = [];
  const close = () => {
    if (open.length > 0) paragraphs.push(toParagraph(open, hasHyphen));
    open = [];
  };
  for (const line of lines) {
    if (open.length > 0 && startsNew(open, line, pitch)) close();
    open.push(line);
  }
  close();
  return paragraphs.filter(({ text, lines: [first] }) => text !== '' || first?.table !== undefined);
}

function toParagraph(lines: readonly Line[], hasHyphen: (start: string, end: string) => boolean): Paragraph {
  const parts: string[][] = [[]];
  lines.forEach((line, index) => {
    const last = lines[index - 1];
    if (last !== undefined && isDeliberate(last, line)) parts.push([]);
    parts.at(-1)?.push(line.text);
  });
  const text = parts
    .map((part) => joinLines(part, hasHyphen))
    .join('\n')
    .trim();
  return { lines, text, mark: MARK.exec(text)?.[0].trim() };
}

/** The usual distance between lines, in font sizes. */
function linePitch(lines: readonly Line[]): number {
  const pitches = lines.flatMap((line, index) => {
    const last = lines[index - 1];
    const pitch = last === undefined || last.column !== line.column ? 0 : (line.baseline - last.baseline) / Math.max(line.size, last.size);
    return pitch > 0.8 && pitch < 2.5 ? [pitch] : [];
  });
  return pitches.length === 0 ? 1.2 : median(pitches);
}

function startsNew(open: readonly Line[], line: Line, pitch: number): boolean {
  const last = open.at(-1);
  const first = open[0];
  if (last === undefined || first === undefined || last.table !== undefined || line.table !== undefined) return true;
  const size = Math.max(last.size, line.size);
  if (Math.abs(last.size - line.size) > 0.08 * size && !isShared(last, line)) return true;
  if (last.fixed !== line.fixed || MARK.test(line.text)) return true;
  if (last.column !== line.column) return SENTENCE_END.test(last.text) || !/^\p{Ll}/u.test(line.text);
  const gap = (line.baseline - last.baseline) / size;
  if (gap <= 0.3 || gap > Math.min(1.3 * pitch, Math.max(1.22 * pitch, 1.9))) return true;
  if (last.bold !== line.bold && !isShared(last, line)) return true;
  return isIndented(first, last, line, open.length) || isFinished(last, line);
}

/** Whether a line that is set otherwise stands in the middle of a sentence: single words in bold or a formula do not end a paragraph. */
function isShared(last: Line, line: Line): boolean {
  return (
    !SENTENCE_END.test(last.text) &&
    /^\p{Ll}/u.test(line.text) &&
    line.size < 1.5 * last.size &&
    last.size < 1.5 * line.size &&
    last.bold === line.bold
  );
}

function isIndented(first: Line, last: Line, line: Line, count: number): boolean {
  const step = 0.8 * line.size;
  if (MARK.test(first.text)) return line.left < first.left - 0.3 * line.size || (count > 1 && line.left < last.left - step);
  // The second line of a paragraph with an indented first line goes back to the margin; a further indent starts the next one.
  return line.left > last.left + step && last.right > line.column.right - 4 * line.size === false
    ? SENTENCE_END.test(last.text)
    : line.left > last.left + step && line.left < line.column.left + 4 * line.size && SENTENCE_END.test(last.text);
}

/** A sentence that ends well before the end of the column ends its paragraph. */
function isFinished(last: Line, line: Line): boolean {
  const width = line.column.right - line.column.left;
  return SENTENCE_END.test(last.text) && freeSpace(last, line) > 0.25 * width && !/^\p{Ll}/u.test(line.text);
}

/** A line that stops early although the next word would have had room: an address, a verse, a form. */
function isDeliberate(last: Line, line: Line): boolean {
  if (last.column !== line.column || /^\p{Ll}/u.test(line.text) || last.words.length === 0) return false;
  return freeSpace(last, line) > 0.4 * (line.column.right - line.column.left);
}

/** Room left at the end of a line; of text from right to left at its left end. */
function freeSpace(last: Line, { column }: Line): number {
  return Math.max(0, Math.min(column.right - last.right, column.right - column.left) - Math.max(0, last.left - column.left));
}
