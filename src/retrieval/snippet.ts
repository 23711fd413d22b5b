import { areForms, wordsOf } from './query-text.ts';
import type { SearchHit } from './retrieval-types.ts';

/** Characters of a snippet, about. */
const LENGTH = 280;
/** Words too frequent to show why a passage was found. */
const PLAIN = new Set(
  'a an and are as at be by for from has have in is it of on or that the this to was were what when where which who why with how do does did can'.split(
    ' ',
  ),
);

type Snippet = SearchHit['snippet'];

/** The sentences of a passage that have most of the query's words, with the places of these words in the snippet. */
export function makeSnippet(text: string, queries: readonly string[]): Snippet {
  const wanted = [...new Set(queries.flatMap((query) => wordsOf(query).map(({ word }) => word)))].filter((word) => !PLAIN.has(word));
  const found = wordsOf(text).filter(({ word }) => wanted.some((one) => areForms(word, one)));
  const { start, end } = bestPart(text, found);
  const highlights = found
    .filter((word) => word.start >= start && word.end <= end)
    .map((word) => ({ start: word.start - start, end: word.end - start }));
  return { text: text.slice(start, end), highlights };
}

/** Whole sentences from the one with most different words on, as far as the length goes. */
function bestPart(text: string, found: ReturnType<typeof wordsOf>): { start: number; end: number } {
  if (text.length <= LENGTH) return trimmed(text, 0, text.length);
  const sentences = sentencesOf(text);
  let best = { start: 0, end: Math.min(text.length, LENGTH), words: -1 };
  for (const [index, { start }] of sentences.entries()) {
    const end = endOfPart(sentences, index, text.length);
    const words = new Set(found.filter((word) => word.start >= start && word.end <= end).map(({ word }) => word)).size;
    if (words > best.words) best = { start, end, words };
  }
  return trimmed(text, best.start, best.end);
}

function endOfPart(sentences: readonly { start: number; end: number }[], from: number, limit: number): number {
  const start = sentences[from]?.start ?? 0;
  let end = sentences[from]?.end ?? limit;
  for (let next = from + 1; next < sentences.length; next++) {
    const candidate = sentences[next]?.end ?? end;
    if (candidate - start > LENGTH) break;
    end = candidate;
  }
  return Math.min(end, start + LENGTH, limit);
}

function sentencesOf(text: string): readonly { start: number; end: number }[] {
  return [...new Intl.Segmenter(undefined, { granularity: 'sentence' }).segment(text)].map(({ segment, index }) => ({
    start: index,
    end: index + segment.length,
  }));
}

function trimmed(text: string, start: number, end: number): { start: number; end: number } {
  const part = text.slice(start, end);
  const left = part.length - part.trimStart().length;
  return { start: start + left, end: start + Math.max(left, part.trimEnd().length) };
}
