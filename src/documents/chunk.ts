import { type Piece, piecesOf } from './chunk-pieces.ts';
import type { Block, Chunk, ChunkerSettings, ParsedDocument, TokenCounter } from './document-types.ts';

type Source = Pick<ParsedDocument, 'text' | 'blocks' | 'metadata'>;

/** Share of a chunk that title and headings may take. */
const MOST_LEAD = 1 / 3;

/**
 * Cuts a document into passages: whole sentences, rows and lines, under one heading, never of more tokens than allowed (counted by the
 * embedding model's own tokenizer, on what is embedded). Every passage is a part of the document's text, to the character.
 */
export async function chunkDocument(document: Source, counter: TokenCounter, settings: ChunkerSettings): Promise<readonly Chunk[]> {
  const packer = new Packer(document, counter, settings);
  for (const block of document.blocks) await packer.add(block);
  return packer.finish();
}

/** Chunker settings as JSON with keys in one order: equal settings, equal text. */
export function canonicalChunker({ contextHeader, maxTokens, minTokens, overlapTokens }: ChunkerSettings): string {
  return JSON.stringify({ contextHeader, maxTokens, minTokens, overlapTokens });
}

class Packer {
  readonly #document: Source;
  readonly #counter: TokenCounter;
  readonly #settings: ChunkerSettings;
  readonly #chunks: Chunk[] = [];
  #open: Piece[] = [];
  #tokens = 0;
  #lead = { text: '', tokens: 0 };

  constructor(document: Source, counter: TokenCounter, settings: ChunkerSettings) {
    this.#document = document;
    this.#counter = counter;
    this.#settings = settings;
  }

  async add(block: Block): Promise<void> {
    if (this.#open.length > 0 && this.#isNewSection(block)) this.#flush([]);
    const pieces = await piecesOf(block, this.#document, this.#counter, this.#room(block));
    for (const piece of pieces) this.#take(piece);
  }

  finish(): readonly Chunk[] {
    this.#flush([]);
    return this.#chunks;
  }

  /** Small sections stay together with the next as long as that does not lie above them. */
  #isNewSection(block: Block): boolean {
    if (block.kind !== 'heading') return false;
    const depth = Math.min(...this.#open.map(({ block: { path } }) => path.length));
    return this.#tokens >= this.#settings.minTokens || block.path.length < depth;
  }

  #room(block: Block): number {
    return Math.max(1, this.#settings.maxTokens - this.#leadOf(block).tokens);
  }

  #take(piece: Piece): void {
    if (this.#open.length === 0) this.#begin(piece);
    else if (this.#lead.tokens + this.#tokens + piece.tokens > this.#settings.maxTokens) this.#flush(this.#overlap(piece), piece);
    this.#open.push(piece);
    this.#tokens += piece.tokens;
  }

  #begin(piece: Piece): void {
    this.#lead = this.#leadOf(piece.block, piece);
  }

  /** Last sentences of the open chunk that the next begins with. */
  #overlap(next: Piece): readonly Piece[] {
    const kept: Piece[] = [];
    let tokens = 0;
    const room = Math.min(this.#settings.overlapTokens, this.#room(next.block) - next.tokens);
    for (const piece of this.#open.toReversed()) {
      if (piece.block.kind !== 'text' || next.block.kind !== 'text' || tokens + piece.tokens > room || !isSamePath(piece.block, next.block))
        break;
      kept.unshift(piece);
      tokens += piece.tokens;
    }
    // A chunk that only repeats would never end.
    return kept.length === this.#open.length ? [] : kept;
  }

  /** Writes the open chunk; a heading at its end goes with what follows it. */
  #flush(overlap: readonly Piece[], next?: Piece): void {
    const moved: Piece[] = [];
    while (next !== undefined && this.#open.length > 1 && this.#open.at(-1)?.block.kind === 'heading')
      moved.unshift(...this.#open.splice(-1));
    if (this.#open.length > 0) this.#write(this.#open);
    const kept = moved.length > 0 ? moved : overlap;
    this.#open = [...kept];
    this.#tokens = kept.reduce((sum, { tokens }) => sum + tokens, 0);
    const first = this.#open[0] ?? next;
    if (first !== undefined) this.#begin(first);
  }

  /** Counts once more what is embedded: tokens of parts do not always add up. What is too much becomes a chunk of its own. */
  #write(pieces: readonly Piece[]): void {
    const [first] = pieces;
    const last = pieces.at(-1);
    if (first === undefined || last === undefined) return;
    const { text, start, end } = trimmed(this.#document.text, first.start, last.end);
    if (text === '') return;
    const lead = this.#leadOf(first.block, first).text;
    const tokens = this.#counter.count(lead + text);
    if (tokens > this.#settings.maxTokens && pieces.length > 1) {
      const middle = Math.ceil(pieces.length / 2);
      this.#write(pieces.slice(0, middle));
      this.#write(pieces.slice(middle));
      return;
    }
    if (tokens > this.#settings.maxTokens) {
      this.#writeHalves(first, { text, start, end });
      return;
    }
    this.#push({ text, start, end, lead, tokens, pieces });
  }

  /** A single piece whose tokens change when it stands alone: halved between characters until it fits. */
  #writeHalves(piece: Piece, { text, start, end }: { readonly text: string; readonly start: number; readonly end: number }): void {
    const characters = [...new Intl.Segmenter().segment(text)];
    if (characters.length < 2) {
      this.#push({ text, start, end, lead: '', tokens: this.#counter.count(text), pieces: [piece] });
      return;
    }
    const middle = start + (characters[Math.floor(characters.length / 2)]?.index ?? 1);
    this.#write([{ ...piece, start, end: middle }]);
    this.#write([{ ...piece, start: middle, end }]);
  }

  #push(made: {
    readonly text: string;
    readonly start: number;
    readonly end: number;
    readonly lead: string;
    readonly tokens: number;
    readonly pieces: readonly Piece[];
  }): void {
    const { text, start, end, lead, tokens, pieces } = made;
    const blocks = [...new Set(pieces.map(({ block }) => block))];
    const pages = blocks.flatMap(({ page }) => (page === undefined ? [] : [page]));
    this.#chunks.push({
      ordinal: this.#chunks.length,
      text,
      start,
      end,
      lead,
      tokens,
      path: pathOf(blocks),
      ...(pages.length > 0 && { page: Math.min(...pages), lastPage: Math.max(...pages) }),
      kinds: [...new Set(blocks.map(({ kind }) => kind))],
      meta: {},
    });
  }

  /** What is put before a chunk that begins here: title and headings, and the header of a table that was cut above. */
  #leadOf(block: Block, piece?: Piece): { readonly text: string; readonly tokens: number } {
    const most = Math.floor(this.#settings.maxTokens * MOST_LEAD);
    const header = piece === undefined ? '' : tableHeader(block, piece);
    const title = this.#document.metadata.title;
    const names = this.#settings.contextHeader
      ? [...(title === undefined ? [] : [title]), ...block.path.filter((heading) => heading !== title)]
      : [];
    // Of a deep path the nearest headings count most; of a long one as many as fit.
    for (let from = 0; from <= names.length; from++) {
      const text = [names.slice(from).join(' > '), header]
        .filter((part) => part !== '')
        .map((part) => `${part}\n`)
        .join('');
      const tokens = text === '' ? 0 : this.#counter.count(text);
      if (tokens <= most) return { text, tokens };
    }
    return { text: '', tokens: 0 };
  }
}

function tableHeader({ kind, rows, headerRows = 0, start }: Block, piece: Piece): string {
  if (kind !== 'table' || rows === undefined || piece.start === start) return '';
  return rows
    .slice(0, headerRows)
    .map((row) => row.join(' | '))
    .join('\n');
}

function isSamePath(a: Block, b: Block): boolean {
  return a.path.length === b.path.length && a.path.every((heading, index) => heading === b.path[index]);
}

/** Headings that all blocks stand under; a heading that begins the chunk is one of them. */
function pathOf(blocks: readonly Block[]): readonly string[] {
  const paths = blocks.map(({ kind, path, text }) => (kind === 'heading' ? [...path, text] : path));
  const [first = [], ...others] = paths;
  const length = first.findIndex((heading, index) => others.some((path) => path[index] !== heading));
  return length === -1 ? first : first.slice(0, length);
}

function trimmed(text: string, start: number, end: number): { readonly text: string; readonly start: number; readonly end: number } {
  const part = text.slice(start, end);
  const from = start + (part.length - part.trimStart().length);
  const to = from + part.trim().length;
  return { text: text.slice(from, to), start: from, end: to };
}
