import { fitPiece, MOST_UNITS_PER_TOKEN, weightOf } from './chunk-fit.ts';
import type { Pause } from './chunk-pause.ts';
import type { Block, TokenCounter } from './document-types.ts';
import { type Span, sentencesOf } from './sentences.ts';

/** The smallest parts that a document is cut into: sentences, rows, lines, items; parts of those where one is too large. */
export interface Piece extends Span {
  /** Tokens it takes up, the blanks before it included. */
  readonly weight: number;
  readonly block: Block;
  /** A passage does not end with it: a heading, the header of a table. */
  readonly sticks: boolean;
  /** Of a table: it stands behind the header. */
  readonly isInside: boolean;
}

/** Blanks between two pieces that are counted with the second. */
const MOST_GAP = 8;

/** Pieces of a block, none of more tokens than `room`; `previous` is where the piece before it ends. */
export async function piecesOf(
  block: Block,
  work: {
    readonly text: string;
    readonly language: string | undefined;
    readonly counter: TokenCounter;
    readonly pause: Pause;
    readonly room: number;
    readonly previous: number;
  },
): Promise<readonly Piece[]> {
  const { text, counter, pause, room } = work;
  const pieces: Piece[] = [];
  let { previous } = work;
  let index = 0;
  for (const span of trimmedSpans(block, text, work.language)) {
    const isHeader = block.kind === 'table' && index++ < (block.headerRows ?? 0);
    const facts = { block, sticks: isHeader || block.kind === 'heading', isInside: block.kind === 'table' && !isHeader };
    const from = span.start - previous <= MOST_GAP ? previous : span.start;
    const weight = weigh(text, { start: from, end: span.end }, room, counter);
    const parts = weight <= room ? [{ ...span, weight }] : await fitPiece(text, span, room, { counter, pause });
    for (const part of parts) pieces.push({ ...part, ...facts });
    previous = span.end;
    await pause.after(span.end - from);
  }
  return pieces;
}

/** Without counting what is too long anyway. */
function weigh(text: string, { start, end }: Span, room: number, counter: TokenCounter): number {
  const units = end - start;
  return units > room * MOST_UNITS_PER_TOKEN ? Number.POSITIVE_INFINITY : weightOf(counter.count(text.slice(start, end)), units);
}

/** Where a block may be cut, without the blanks around; what is all blank is left out. A line of code keeps its indentation. */
function* trimmedSpans(block: Block, text: string, language: string | undefined): Generator<Span> {
  const own = text.slice(block.start, block.end);
  for (const { start, end } of borders(block, own, language)) {
    const part = own.slice(start, end);
    const length = part.trimEnd().length;
    const lead = block.kind === 'code' ? 0 : part.length - part.trimStart().length;
    if (length > 0) yield { start: block.start + start + lead, end: block.start + start + length };
  }
}

function borders(block: Block, text: string, language: string | undefined): Iterable<Span> {
  if (block.kind === 'heading' || block.kind === 'image') return [{ start: 0, end: text.length }];
  if (block.kind === 'text' || block.kind === 'footnote') return sentencesOf(text, language);
  return (block.kind === 'table' ? rowsOf(block, text) : undefined) ?? linesOf(text);
}

/** Rows by their cells, since a cell may have several lines; undefined where the text is not made of the cells. */
function rowsOf({ rows }: Block, text: string): readonly Span[] | undefined {
  const spans: Span[] = [];
  let start = 0;
  for (const row of rows ?? []) {
    const line = row.join(' | ');
    if (!text.startsWith(line, start)) return undefined;
    spans.push({ start, end: start + line.length });
    start += line.length + 1;
  }
  return start >= text.length ? spans : undefined;
}

function* linesOf(text: string): Generator<Span> {
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    yield { start, end };
    start = end + 1;
  }
}
