import type { Block, DraftBlock } from './document-types.ts';

/** Text and blocks of a document. */
export interface Assembled {
  readonly text: string;
  readonly blocks: readonly Block[];
}

/** Works out of drafts what every {@link Block} says: its place in the text, which is all of them joined by blank lines, and the headings above it. */
export function assemble(drafts: readonly DraftBlock[]): Assembled {
  const blocks: Block[] = [];
  const parts: string[] = [];
  const headings: { readonly level: number; readonly text: string }[] = [];
  let start = 0;
  for (const draft of drafts) {
    const text = tidy(draft);
    if (text === '') continue;
    const level = draft.level ?? 1;
    if (draft.kind === 'heading') while ((headings.at(-1)?.level ?? 0) >= level) headings.pop();
    blocks.push({ ...draft, text, order: blocks.length, start, end: start + text.length, path: headings.map((heading) => heading.text) });
    if (draft.kind === 'heading') headings.push({ level, text });
    parts.push(text);
    start += text.length + SEPARATOR.length;
  }
  return { text: parts.join(SEPARATOR), blocks };
}

const SEPARATOR = '\n\n';

/** Control characters say nothing and break what reads them; a half of a surrogate pair breaks more. Code keeps its indentation. */
function tidy({ kind, text }: DraftBlock): string {
  const clean = text
    .toWellFormed()
    .replaceAll(/\r\n?/g, '\n')
    .replaceAll(/(?![\n\t])\p{Cc}/gu, '');
  return kind === 'code' ? clean.replace(/^(?:[ \t]*\n)+/, '').trimEnd() : clean.trim();
}
