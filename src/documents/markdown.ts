import type { Block, ParsedDocument } from './document-types.ts';

/** A document as Markdown. */
export function toMarkdown({ blocks }: Pick<ParsedDocument, 'blocks'>): string {
  const parts = blocks.map(blockText).filter((part) => part !== '');
  return parts.length === 0 ? '' : `${parts.join('\n\n')}\n`;
}

function blockText(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return `${'#'.repeat(Math.min(6, Math.max(1, block.level ?? 1)))} ${block.text.replaceAll('\n', ' ')}`;
    case 'code':
      return fenced(block);
    case 'table':
      return block.rows === undefined ? block.text : table(block.rows);
    case 'image':
      return `![${block.text.replaceAll(/\s+/g, ' ')}]()`;
    case 'text':
    case 'list':
    case 'footnote':
      return block.text;
    default:
      return block.kind satisfies never;
  }
}

/** With a fence that is longer than any inside. */
function fenced({ text, language = '' }: Block): string {
  const longest = Math.max(2, ...[...text.matchAll(/`{3,}/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

/** Markdown's tables have a header always: the first row. */
function table(rows: readonly (readonly string[])[]): string {
  const width = Math.max(...rows.map((row) => row.length));
  const line = (row: readonly string[]): string =>
    `| ${Array.from({ length: width }, (_, index) => (row[index] ?? '').replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  const [header = [], ...others] = rows;
  return [line(header), `|${' --- |'.repeat(width)}`, ...others.map(line)].join('\n');
}
