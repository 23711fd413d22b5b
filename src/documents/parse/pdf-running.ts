import type { Line } from './pdf-lines.ts';

/** The lines of a page, with the height of the page they stand on. */
export interface LinedPage {
  readonly lines: readonly Line[];
  readonly height: number;
}

/** Share of the page's height, at the top and at the bottom, where headers and footers stand. */
const MARGIN = 0.12;
const NUMBER = 'number';
/** The same for a page number that is the last line of its page. */
const NUMBER_MARGIN = 0.25;
const MOST_LINES = 4;
const LONGEST = 160;
const PAGE_NUMBER =
  /^(?:(?:page|seite|página|pagina|p\.?)\s*)?[-–—|[(]?\s*(?:\d{1,4}|[ivxlc]{1,7})\s*[-–—|\])]?(?:\s*(?:of|\/|von|de|di|sur)\s*\d{1,4})?$/i;

/**
 * The lines of each page without headers, footers and page numbers that run through the document; a header stays where it stands first.
 * `bodySize` is the font size of the text: larger lines are titles, however often they come.
 */
export function withoutRunningLines(pages: readonly LinedPage[], bodySize: number): readonly (readonly Line[])[] {
  const margins = pages.map((page, index) => marginLines(page, index, bodySize));
  const counts = new Map<string, number>();
  for (const lines of margins) {
    for (const key of new Set([...lines.values()].flat())) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const least = pages.length <= 6 ? 2 : Math.max(3, 0.3 * pages.length);
  const seen = new Set<string>();
  return pages.map(({ lines }, page) =>
    lines.filter((line) => {
      const key = margins[page]?.get(line)?.find((one) => (counts.get(one) ?? 0) >= least);
      if (key === undefined) return true;
      if (key === NUMBER || seen.has(key)) return false;
      seen.add(key);
      return true;
    }),
  );
}

/** Lines in the margins of a page, each with what may be the same of it on other pages. A page of nothing else has none. */
function marginLines({ lines, height }: LinedPage, page: number, bodySize: number): ReadonlyMap<Line, readonly string[]> {
  const top = outermost(
    lines.filter((line) => line.bottom < MARGIN * height),
    bodySize,
    (line) => line.top,
  );
  const bottom = outermost(
    lines.filter((line) => line.top > (1 - MARGIN) * height),
    bodySize,
    (line) => -line.bottom,
  );
  const keys = new Map<Line, readonly string[]>();
  for (const [place, found] of [
    ['top', top],
    ['bottom', bottom],
  ] as const) {
    for (const line of found) {
      if (isApart(line, lines, found)) keys.set(line, PAGE_NUMBER.test(line.text) ? [NUMBER] : sameness(place, line.text, page));
    }
  }
  const last = lastLine(lines);
  if (last !== undefined && last.top > (1 - NUMBER_MARGIN) * height && PAGE_NUMBER.test(last.text)) keys.set(last, [NUMBER]);
  return keys.size < lines.length ? keys : new Map();
}

/** The text itself, and the text with its first or last number as the distance from the page's own: other numbers tell something. */
function sameness(place: string, text: string, page: number): readonly string[] {
  const counted = (digits: string) => `#${Number(digits) - page}`;
  return [text, text.replace(/\d+/, counted), text.replace(/\d+(?=\D*$)/, counted)].map((one) => `${place} ${one.toLowerCase()}`);
}

function lastLine(lines: readonly Line[]): Line | undefined {
  return lines.reduce<Line | undefined>((last, line) => (last === undefined || line.bottom > last.bottom ? line : last), undefined);
}

function outermost(lines: readonly Line[], bodySize: number, depth: (line: Line) => number): readonly Line[] {
  const usable = lines.filter(({ table, text, size }) => table === undefined && text.length <= LONGEST && size <= 1.2 * bodySize);
  return usable.sort((one, other) => depth(one) - depth(other)).slice(0, MOST_LINES);
}

/** Whether nothing but other lines of the margin stands close above or below: text that reaches into the margin does. */
function isApart(line: Line, lines: readonly Line[], margin: readonly Line[]): boolean {
  const near = 0.6 * line.size;
  return !lines.some(
    (other) =>
      other !== line &&
      other.top < line.bottom + near &&
      other.bottom > line.top - near &&
      other.left < line.right &&
      other.right > line.left &&
      !margin.includes(other),
  );
}
