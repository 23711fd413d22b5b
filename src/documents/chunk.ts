import { LocalLiteError } from '../errors.ts';
import { Leads } from './chunk-lead.ts';
import { mergeSmall } from './chunk-merge.ts';
import { type Draft, type Packing, packSection, pathOf, sliceOf } from './chunk-pack.ts';
import { Pause } from './chunk-pause.ts';
import { type Piece, piecesOf } from './chunk-pieces.ts';
import type { Block, Chunk, ChunkerSettings, ParsedDocument, TokenCounter } from './document-types.ts';

type Source = Pick<ParsedDocument, 'text' | 'blocks' | 'metadata'>;

/** Below that a lead and one character may not fit together. */
const LEAST_TOKENS = 8;

/**
 * Cuts a document into passages: whole sentences, rows and lines, under one heading, never of more tokens than allowed (counted by the
 * embedding model's own tokenizer, on what is embedded). Every passage is a part of the document's text, to the character; together they
 * are all of it but blanks. Lets other work of the process pass every few milliseconds.
 * @throws LocalLiteError invalid_request for settings that are no whole numbers in their range
 */
export async function chunkDocument(document: Source, counter: TokenCounter, settings: ChunkerSettings): Promise<readonly Chunk[]> {
  check(settings);
  const { text, metadata } = document;
  const packing: Packing = { text, counter, settings, leads: new Leads(metadata, counter, settings), pause: new Pause() };
  const drafts: Draft[] = [];
  for await (const section of sectionsOf(document, packing)) {
    for (const draft of await packSection(section, packing)) drafts.push(draft);
  }
  const merged = await mergeSmall(drafts, packing);
  return merged.map((draft, ordinal) => chunkOf(draft, ordinal, text));
}

/** Chunker settings as JSON with keys in one order: equal settings, equal text. */
export function canonicalChunker({ contextHeader, maxTokens, minTokens, overlapTokens }: ChunkerSettings): string {
  return JSON.stringify({ contextHeader, maxTokens, minTokens, overlapTokens });
}

function check({ maxTokens, overlapTokens, minTokens }: ChunkerSettings): void {
  const refuse = (name: string, value: number, least: number): never => {
    throw new LocalLiteError('invalid_request', `${name} is ${value}; it must be a whole number from ${least}`, { param: name });
  };
  if (!Number.isInteger(maxTokens) || maxTokens < LEAST_TOKENS) refuse('max_tokens', maxTokens, LEAST_TOKENS);
  if (!Number.isInteger(overlapTokens) || overlapTokens < 0) refuse('overlap_tokens', overlapTokens, 0);
  if (!Number.isInteger(minTokens) || minTokens < 0) refuse('min_tokens', minTokens, 0);
}

/** Pieces of a document by its headings; a heading with nothing below it goes with the next. */
async function* sectionsOf(document: Source, packing: Packing): AsyncGenerator<readonly Piece[]> {
  const { text, counter, settings, leads, pause } = packing;
  const { language } = document.metadata;
  let section: Piece[] = [];
  let previous = 0;
  for (const block of blocksOf(document)) {
    if (block.kind === 'heading' && section.some(({ block: { kind } }) => kind !== 'heading')) {
      yield section;
      section = [];
    }
    const room = settings.maxTokens - leads.of(block, true).tokens;
    for (const piece of await piecesOf(block, { text, language, counter, pause, room, previous })) section.push(piece);
    previous = block.end;
  }
  if (section.length > 0) yield section;
}

/** A text without blocks is one. */
function blocksOf({ text, blocks }: Source): readonly Block[] {
  if (blocks.length > 0 || text === '') return blocks;
  return [{ kind: 'text', text, order: 0, start: 0, end: text.length, path: [] }];
}

function chunkOf({ pieces, lead, tokens }: Draft, ordinal: number, text: string): Chunk {
  const pages = [...new Set(pieces.flatMap(({ block: { page } }) => (page === undefined ? [] : [page])))];
  return {
    ordinal,
    text: sliceOf(pieces, text),
    start: pieces[0]?.start ?? 0,
    end: pieces.at(-1)?.end ?? 0,
    lead: lead.text,
    tokens,
    path: commonPath(pieces),
    ...(pages.length > 0 && { page: Math.min(...pages), lastPage: Math.max(...pages) }),
    kinds: [...new Set(pieces.map(({ block: { kind } }) => kind))],
    meta: {},
  };
}

/** Headings that all pieces stand under; those that begin the passage are among them. */
function commonPath(pieces: readonly Piece[]): readonly string[] {
  const content = pieces.filter(({ block: { kind } }) => kind !== 'heading');
  const [first, ...others] = new Set((content.length > 0 ? content : pieces.slice(-1)).map(pathOf));
  if (first === undefined) return [];
  const length = first.findIndex((heading, index) => others.some((path) => path[index] !== heading));
  return length === -1 ? first : first.slice(0, length);
}
