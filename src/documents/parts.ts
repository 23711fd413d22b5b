import type { DraftBlock, ParsedContent } from './document-types.ts';

/** Blocks of a part (an attachment, a member of an archive) under a heading with its name; its own headings come below that one. */
export function partBlocks(name: string, { blocks }: ParsedContent, level = 1): readonly DraftBlock[] {
  return [{ kind: 'heading', level, text: name }, ...lowered(blocks, level)];
}

/** Blocks with their headings `by` levels lower. */
export function lowered(blocks: readonly DraftBlock[], by: number): readonly DraftBlock[] {
  return blocks.map((block) => (block.kind === 'heading' ? { ...block, level: Math.min(6, (block.level ?? 1) + by) } : block));
}
