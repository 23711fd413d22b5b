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

/** A stretch with the tokens that it takes up. */
export interface Part extends Span {
  readonly weight: number;
}

/**
 * Cuts a stretch that is too large by itself into parts of at most `room` tokens: at cells, lines, blanks, words, characters, what there is.
 * Blanks at the ends of parts are left out; blanks before the first are not, since they may be an indentation.
 */
export async function fitPiece(
  text: string,
  { start, end }: Span,
  room: number,
  { counter, pause }: { readonly counter: TokenCounter; readonly pause: Pause },
): Promise<readonly Part[]> {
  const parts: Part[] = [];
  let unitsPerToken = 4;
  for (let position = start; position < end; ) {
    const most = Math.min(MOST_UNITS_PER_TOKEN, unitsPerToken * 1.05) * room;
    const part = largestPart(text, { start: position, end }, Math.max(1, Math.floor(most)), { room, counter });
    const trimmed = withoutBlanks(text, part, position === start);
    if (trimmed !== undefined) parts.push(trimmed);
    await pause.after(2 * (part.end - position));
    unitsPerToken = Math.max(1, (part.end - position) / Math.max(1, part.weight));
    position = part.end;
  }
  return parts;
}

/** Undefined for what is all blank. */
function withoutBlanks(text: string, { start, end, weight }: Part, isFirst: boolean): Part | undefined {
  const own = text.slice(start, end);
  const length = own.trimEnd().length;
  if (length === 0) return undefined;
  return { start: isFirst ? start : start + own.length - own.trimStart().length, end: start + length, weight };
}

interface Room {
  readonly room: number;
  readonly counter: TokenCounter;
}

/** Times that a longer part is tried in order not to cut a word. */
const MOST_TRIES = 6;

/** `units` is a guess of how long it will be. */
function largestPart(text: string, { start, end }: Span, units: number, { room, counter }: Room): Part {
  let to = Math.min(end, start + units);
  let best: Part | undefined;
  /** From here on it does not fit. */
  let limit = Math.min(end, start + MOST_UNITS_PER_TOKEN * room) + 1;
  for (let tries = 0; ; ) {
    const cut = to >= end ? end : breakBefore(text, start, to);
    const weight = weightOf(counter.count(text.slice(start, cut)), cut - start);
    if (weight <= room || to <= start + 1) {
      if (best === undefined || cut > best.end) best = { start, end: cut, weight };
      if (++tries > MOST_TRIES || !mayWordFit(text, best, start + MOST_UNITS_PER_TOKEN * room)) return best;
      to = tries === 1 ? limit - 1 : Math.floor((Math.max(to, best.end) + limit) / 2);
    } else {
      limit = Math.min(limit, to);
      const next = start + Math.max(1, Math.min(cut - start - 1, to - start - 1, Math.floor(((cut - start) * room) / weight)));
      to = best === undefined ? next : Math.floor((best.end + limit) / 2);
    }
    if (best !== undefined && (to <= best.end || to >= limit)) return best;
  }
}

/** True where a part ends inside the word that it begins with, and that word is not too long for a part of its own. */
function mayWordFit(text: string, { start, end }: Span, farthest: number): boolean {
  if (end >= text.length || /\s/.test(text.slice(start, end).trim()) || /\s/.test(text.charAt(end - 1)) || /\s/.test(text.charAt(end)))
    return false;
  const blank = text.slice(end, farthest + 1).search(/\s/);
  return blank !== -1 || farthest >= text.length;
}

/** The best place to cut at or before `to`, behind `start`. */
function breakBefore(text: string, start: number, to: number): number {
  const middle = start + Math.floor((to - start) / 2);
  for (const border of [' | ', '\n']) {
    const at = text.lastIndexOf(border, to - border.length);
    if (at >= middle) return at + border.length;
  }
  // Rather a short part than half a word.
  const near = blankBefore(text, start, to);
  if (near !== undefined) return near;
  const around = text.slice(start, to + LOOK_AHEAD);
  const word = words.segment(around).containing(to - start)?.index ?? 0;
  if (word > 0) return start + word;
  const character = characters.segment(around).containing(to - start)?.index ?? 0;
  if (character > 0) return start + character;
  if (!isLowSurrogate(text, to)) return to;
  return to - 1 > start ? to - 1 : to + 1;
}

/** Behind the last blank of a stretch that has something else before it. */
function blankBefore(text: string, start: number, to: number): number | undefined {
  const from = start + (/\S/.exec(text.slice(start, to))?.index ?? to - start);
  for (let at = to; at > from; at--) if (/\s/.test(text.charAt(at - 1)) || (at === to && /\s/.test(text.charAt(at)))) return at;
  return undefined;
}

function isLowSurrogate(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff;
}
