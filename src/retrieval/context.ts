import type { TokenCounter } from '../documents/document-types.ts';
import type { ContextBlock, SearchHit } from './retrieval-types.ts';
import { stitch } from './stitch.ts';

/**
 * Ready blocks for a prompt within a budget of tokens, in the order of the hits: hits of one document that touch each other become one
 * block. A block that does not fit is left out, and smaller ones behind it may still come.
 */
export function makeContext(hits: readonly SearchHit[], budget: number, counter: TokenCounter): readonly ContextBlock[] {
  const blocks: ContextBlock[] = [];
  let left = budget;
  for (const group of touching(hits)) {
    const [first] = group;
    if (first === undefined) continue;
    const text = first.windowText !== undefined && group.length === 1 ? first.windowText : stitch(group);
    const source = sourceOf(first);
    // The number, the source and the line breaks are read by the model too.
    const tokens = counter.count(`[${blocks.length + 1}] ${source}\n${text}\n\n`);
    if (tokens > left) continue;
    left -= tokens;
    const hitNumbers = group.map((hit) => hits.indexOf(hit));
    blocks.push({
      number: blocks.length + 1,
      text,
      tokens,
      source,
      fileId: first.fileId,
      start: first.start,
      end: group.at(-1)?.end ?? first.end,
      hits: hitNumbers,
    });
  }
  return blocks;
}

/** Hits in groups of neighbours, each group in the order of the text; groups in the order of their best hit. */
function touching(hits: readonly SearchHit[]): readonly (readonly SearchHit[])[] {
  const groups: SearchHit[][] = [];
  for (const hit of hits) {
    const group = groups.find((one) => one.some((other) => other.fileId === hit.fileId && Math.abs(other.ordinal - hit.ordinal) <= 1));
    if (group === undefined) groups.push([hit]);
    else group.push(hit);
  }
  return groups.map((group) => group.sort((a, b) => a.ordinal - b.ordinal));
}

/** `title > heading > heading, page 3`. */
export function sourceOf({
  title,
  fileName,
  path,
  page,
  lastPage,
}: Pick<SearchHit, 'title' | 'fileName' | 'path' | 'page' | 'lastPage'>): string {
  const names = [title ?? fileName, ...path.filter((heading) => heading !== title)].join(' > ');
  if (page === undefined) return names;
  return lastPage === undefined || lastPage === page ? `${names}, page ${page}` : `${names}, pages ${page}-${lastPage}`;
}
