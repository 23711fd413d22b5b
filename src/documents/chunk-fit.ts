import type { Pause } from './chunk-pause.ts';
import type { TokenCounter } from './document-types.ts';
import type { Span } from './sentences.ts';

/**
 * A token stands for this many UTF-16 units at most, whatever the tokenizer says: some make a single unknown token of a word of any length,
 * and a passage of a megabyte helps nobody.
 */
export const MOST_UNITS_PER_TOKEN = 12;
/** Units behind a cut that segmenters look at. */
const LOOK_AHEAD = 256;

const words = new Intl.Segmenter('en', { granularity: 'word' });
const characters = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Tokens that a stretch of text takes up in a passage. */
export function weightOf(tokens: number, units: number): number {
  return Math.max(tokens, Math.ceil(units / MOST_UNITS_PER_TOKEN));
}

/** Cuts a stretch that is too large by itself into parts of at most `room` tokens: at cells, lines, blanks, words, characters, what there is. */
export async function fitPiece(
  text: string,
  { start, end }: Span,
  room: number,
  { counter, pause }: { readonly counter: TokenCounter; readonly pause: Pause },
): Promise<readonly (Span & { readonly weight: number })[]> {
  const parts: (Span & { readonly weight: number })[] = [];
  let unitsPerToken = 4;
  for (let position = start; position < end; ) {
    const most = Math.min(MOST_UNITS_PER_TOKEN, unitsPerToken * 1.05) * room;
    const part = largestPart(text, { start: position, end }, Math.max(1, Math.floor(most)), room, counter);
    parts.push(part);
    await pause.after(2 * (part.end - position));
    unitsPerToken = Math.max(1, (part.end - position) / Math.max(1, part.weight));
    position = part.end;
  }
  return parts;
}

function largestPart(
  text: string,
  { start, end }: Span,
  units: number,
  room: number,
  counter: TokenCounter,
): Span & { readonly weight: number } {
  let to = Math.min(end, start + units);
  for (;;) {
    const cut = to >= end ? end : breakBefore(text, start, to);
    const size = cut - start;
    const weight = weightOf(counter.count(text.slice(start, cut)), size);
    if (weight <= room || to <= start + 1) return { start, end: cut, weight };
    to = start + Math.max(1, Math.min(size - 1, to - start - 1, Math.floor((size * room) / weight)));
  }
}

/** The best place to cut at or before `to`, behind `start`. */
function breakBefore(text: string, start: number, to: number): number {
  const middle = start + Math.floor((to - start) / 2);
  for (const border of [' | ', '\n']) {
    const at = text.lastIndexOf(border, to - border.length);
    if (at >= middle) return at + border.length;
  }
  const near = blankBefore(text, middle, to);
  if (near !== undefined) return near;
  const around = text.slice(start, to + LOOK_AHEAD);
  const word = words.segment(around).containing(to - start)?.index ?? 0;
  if (word > 0) return start + word;
  const character = characters.segment(around).containing(to - start)?.index ?? 0;
  if (character > 0) return start + character;
  if (!isLowSurrogate(text, to)) return to;
  return to - 1 > start ? to - 1 : to + 1;
}

function blankBefore(text: string, from: number, to: number): number | undefined {
  for (let at = to; at > from; at--) if (/\s/.test(text.charAt(at - 1)) || (at === to && /\s/.test(text.charAt(at)))) return at;
  return undefined;
}

function isLowSurrogate(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff;
}
