import { fitPiece } from './chunk-fit.ts';
import { type Lead, type Leads, NO_LEAD } from './chunk-lead.ts';
import type { Pause } from './chunk-pause.ts';
import type { Piece } from './chunk-pieces.ts';
import type { ChunkerSettings, TokenCounter } from './document-types.ts';

/** Pieces that make one passage. */
export interface Draft {
  readonly pieces: readonly Piece[];
  /** How many of the first pieces are repeated from the passage before. */
  readonly repeated: number;
  readonly lead: Lead;
  /** Of lead and text. */
  readonly tokens: number;
  /** Headings that it stands under, its own included. */
  readonly section: readonly string[];
}

/** What packing works with. */
export interface Packing {
  readonly text: string;
  readonly counter: TokenCounter;
  readonly leads: Leads;
  readonly settings: ChunkerSettings;
  readonly pause: Pause;
}

/** Cuts one section, which is a heading with all that stands below it, into passages that are as full as may be. */
export async function packSection(pieces: readonly Piece[], packing: Packing): Promise<readonly Draft[]> {
  const section = new Section([...pieces], packing);
  const drafts: Draft[] = [];
  while (!section.isDone) drafts.push(await section.next());
  return drafts;
}

/** Counts what is embedded of these pieces. */
export function measure(pieces: readonly Piece[], { text, counter, leads }: Packing): { readonly lead: Lead; readonly tokens: number } {
  const lead = leadOf(pieces, leads);
  return { lead, tokens: counter.count(lead.text + sliceOf(pieces, text)) };
}

class Section {
  readonly #pieces: Piece[];
  readonly #packing: Packing;
  readonly #path: readonly string[];
  /** First piece that no passage has yet. */
  #at = 0;
  #repeated = 0;

  constructor(pieces: Piece[], packing: Packing) {
    this.#pieces = pieces;
    this.#packing = packing;
    this.#path = pathOf(pieces.at(-1));
  }

  get isDone(): boolean {
    return this.#at >= this.#pieces.length;
  }

  async next(): Promise<Draft> {
    for (;;) {
      const draft = this.#largest() ?? (await this.#single());
      if (draft === undefined) continue;
      this.#at += draft.pieces.length - draft.repeated;
      this.#repeated = this.isDone ? 0 : this.#overlap(draft);
      const first = draft.pieces[0]?.start ?? 0;
      await this.#packing.pause.after((draft.pieces.at(-1)?.end ?? first) - first);
      return draft;
    }
  }

  /** As many pieces as fit by their weights, then fewer until they do by count; undefined where not even one does with what it repeats. */
  #largest(): Draft | undefined {
    let to = this.#untilFull();
    for (; to > this.#at; to--) {
      to = this.#withoutSticking(to);
      const draft = this.#draft(to);
      if (draft.tokens <= this.#packing.settings.maxTokens) return draft;
    }
    return undefined;
  }

  #untilFull(): number {
    const { settings, leads } = this.#packing;
    const from = this.#at - this.#repeated;
    const room = settings.maxTokens - leadOf(this.#pieces.slice(from, from + 1), leads).tokens;
    let weight = 0;
    let to = from;
    while (to < this.#pieces.length && weight + (this.#pieces[to]?.weight ?? 0) <= room) weight += this.#pieces[to++]?.weight ?? 0;
    return this.#leavingEnough(Math.max(to, Math.min(this.#at + 1, this.#pieces.length)), weight);
  }

  /** Gives the last passage some pieces of the one before, where it would be too small. */
  #leavingEnough(full: number, weightOfFull: number): number {
    const { minTokens } = this.#packing.settings;
    let rest = 0;
    for (let index = full; index < this.#pieces.length && rest < minTokens; index++) rest += this.#pieces[index]?.weight ?? 0;
    let to = full;
    let weight = weightOfFull;
    while (rest > 0 && rest < minTokens && to > this.#at + 1) {
      const last = this.#pieces[to - 1]?.weight ?? 0;
      if (weight - last < minTokens || weight - last < rest + last) break;
      weight -= last;
      rest += last;
      to--;
    }
    return to;
  }

  /** A heading goes with what follows it. */
  #withoutSticking(to: number): number {
    if (to >= this.#pieces.length) return to;
    let end = to;
    while (end > this.#at && this.#pieces[end - 1]?.sticks === true) end--;
    return end > this.#at ? end : to;
  }

  /** Nothing fits: without what is repeated, in smaller parts, without a lead. */
  async #single(): Promise<Draft | undefined> {
    const { text, counter, pause, settings } = this.#packing;
    if (this.#repeated > 0) {
      this.#repeated = 0;
      return undefined;
    }
    const draft = this.#draft(this.#at + 1);
    const [piece] = draft.pieces;
    if (piece === undefined) return draft;
    const room = Math.max(1, settings.maxTokens - draft.lead.tokens - (draft.tokens - settings.maxTokens));
    const parts = await fitPiece(text, piece, Math.max(1, Math.min(room, piece.weight - 1)), { counter, pause });
    const isSame = parts.length === 1 && parts[0]?.start === piece.start && parts[0].end === piece.end;
    if (isSame) return { ...draft, lead: NO_LEAD, tokens: counter.count(sliceOf(draft.pieces, text)) };
    this.#pieces.splice(this.#at, 1, ...parts.map((part) => ({ ...piece, ...part })));
    return undefined;
  }

  #draft(to: number): Draft {
    const pieces = this.#pieces.slice(this.#at - this.#repeated, to);
    return { pieces, repeated: this.#repeated, section: this.#path, ...measure(pieces, this.#packing) };
  }

  /** How many of the last sentences the next passage begins with. */
  #overlap({ pieces, repeated }: Draft): number {
    const { text, counter, settings } = this.#packing;
    const next = this.#pieces[this.#at];
    if (next === undefined || !isProse(next)) return 0;
    const most = Math.min(settings.overlapTokens, Math.floor(settings.maxTokens / 2));
    const own = pieces.slice(repeated);
    let count = 0;
    // A passage that is repeated whole would be there twice.
    for (let weight = 0; count < own.length - 1; count++) {
      const piece = own[own.length - 1 - count];
      weight += piece?.weight ?? 0;
      if (piece === undefined || weight > most || !isProse(piece)) break;
    }
    while (count > 0 && counter.count(sliceOf(own.slice(-count), text)) > most) count--;
    return count;
  }
}

function isProse({ block: { kind } }: Piece): boolean {
  return kind === 'text' || kind === 'footnote';
}

function leadOf([first]: readonly Piece[], leads: Leads): Lead {
  return first === undefined ? NO_LEAD : leads.of(first.block, first.isInside);
}

/** The text from the first to the last of these pieces. */
export function sliceOf(pieces: readonly Piece[], text: string): string {
  const [first] = pieces;
  return first === undefined ? '' : text.slice(first.start, pieces.at(-1)?.end);
}

/** Headings that a piece stands under; a heading stands under itself. */
export function pathOf(piece: Piece | undefined): readonly string[] {
  if (piece === undefined) return [];
  const { kind, path, text } = piece.block;
  return kind === 'heading' ? [...path, text] : path;
}
