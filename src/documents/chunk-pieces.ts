import type { Block, ParsedDocument, TokenCounter } from './document-types.ts';

/** The smallest parts that a document is cut into: sentences, rows, lines, items. */
export interface Piece {
  readonly start: number;
  readonly end: number;
  readonly tokens: number;
  readonly block: Block;
  /** False where it is a part of a sentence, row or line that is too large by itself. */
  readonly isWhole: boolean;
}

type Span = { readonly start: number; readonly end: number };

/** Pieces of a block, none of more tokens than `most`. */
export async function piecesOf(
  block: Block,
  document: Pick<ParsedDocument, 'text' | 'metadata'>,
  counter: TokenCounter,
  most: number,
): Promise<readonly Piece[]> {
  const tokens = await counter.spans(block.text);
  const whole = borders(block, document.metadata.language);
  const pieces: Piece[] = [];
  let token = 0;
  for (const { start, end } of whole) {
    const first = token;
    while (token < tokens.length && (tokens[token]?.start ?? 0) < end) token++;
    for (const part of fitted({ start, end }, tokens.slice(first, token), most)) {
      pieces.push({ ...part, start: block.start + part.start, end: block.start + part.end, block });
    }
  }
  return pieces;
}

/** Where a block may be cut, as offsets into its text. */
function borders({ kind, text }: Block, language: string | undefined): readonly Span[] {
  if (kind === 'heading' || kind === 'image') return [{ start: 0, end: text.length }];
  if (kind === 'text' || kind === 'footnote') return sentences(text, language);
  const lines: Span[] = [];
  let start = 0;
  for (const line of text.split('\n')) {
    const end = Math.min(text.length, start + line.length + 1);
    if (line.trim() !== '') lines.push({ start, end });
    start += line.length + 1;
  }
  return lines;
}

function sentences(text: string, language: string | undefined): readonly Span[] {
  const locale = language !== undefined && isLocale(language) ? language : 'en';
  const segments = new Intl.Segmenter(locale, { granularity: 'sentence' }).segment(text);
  return [...segments].map(({ index, segment }) => ({ start: index, end: index + segment.length }));
}

function isLocale(language: string): boolean {
  try {
    return Intl.Segmenter.supportedLocalesOf(language).length > 0;
  } catch {
    return false;
  }
}

/** One part where it fits, several that end between words where it does not. */
function fitted(
  span: Span,
  tokens: readonly Span[],
  most: number,
): readonly (Span & { readonly tokens: number; readonly isWhole: boolean })[] {
  if (tokens.length <= most) return [{ ...span, tokens: tokens.length, isWhole: true }];
  const parts: (Span & { readonly tokens: number; readonly isWhole: boolean })[] = [];
  let start = span.start;
  for (let first = 0; first < tokens.length; ) {
    const last = breakBefore(tokens, first, Math.min(tokens.length, first + most));
    const end = last >= tokens.length ? span.end : (tokens[last]?.start ?? span.end);
    if (end > start) parts.push({ start, end, tokens: last - first, isWhole: false });
    start = Math.max(start, end);
    first = last;
  }
  return parts;
}

/** The last token before `end` that begins a word; a word that is too long by itself is cut between its tokens. */
function breakBefore(tokens: readonly Span[], first: number, end: number): number {
  if (end >= tokens.length) return end;
  for (let at = end; at > first + 1; at--) if ((tokens[at]?.start ?? 0) > (tokens[at - 1]?.end ?? 0)) return at;
  return end;
}
