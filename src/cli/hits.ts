import type { SearchHitObject } from '../sdk/index.ts';
import { formatNumber } from './format.ts';
import { type Io, print, styled } from './io.ts';

/** Writes what a search found for people: where it stands, how well it fits, and the passage with the words that were looked for. */
export async function printHits(io: Io, hits: readonly SearchHitObject[]): Promise<void> {
  for (const [index, hit] of hits.entries()) await print(io, describe(io, hit, index + 1));
}

function describe(io: Io, { filename, score, locallite: facts }: SearchHitObject, number: number): string {
  const pages =
    facts.page === null
      ? []
      : [facts.last_page === facts.page || facts.last_page === null ? `page ${facts.page}` : `pages ${facts.page}-${facts.last_page}`];
  const place = [filename, ...facts.path.slice(-2), ...pages].join(' › ');
  const head = `${styled(io, 'bold', `${number}. ${place}`)} ${styled(io, 'dim', formatNumber(score, 3))}`;
  return `${head}\n${indented(highlighted(io, facts.snippet))}\n`;
}

function highlighted(io: Io, { text, highlights }: SearchHitObject['locallite']['snippet']): string {
  let shown = '';
  let from = 0;
  for (const { start, end } of highlights) {
    shown += `${text.slice(from, start)}${styled(io, 'yellow', text.slice(start, end))}`;
    from = end;
  }
  return shown + text.slice(from);
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `   ${line}`)
    .join('\n');
}
