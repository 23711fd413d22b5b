import type { TextQuery } from '../indexing/index-types.ts';

/** Phrases of one query that are looked at. */
const MOST_PHRASES = 16;

/** Takes a query apart: what stands in double quotes (straight or typographic) must be there word for word. */
export function readQuery(query: string, fuzzy: boolean): TextQuery {
  const phrases = [...query.matchAll(/"([^"]+)"|“([^”]+)”|„([^“”]+)[“”]/gu)]
    .map((match) => (match[1] ?? match[2] ?? match[3] ?? '').trim())
    .filter((phrase) => phrase !== '');
  return { text: query.replaceAll(/["“”„]/gu, ' '), phrases: phrases.slice(0, MOST_PHRASES), fuzzy };
}

/** Words of a text with their places, folded for comparison: lower case, without diacritics. */
export function wordsOf(text: string): readonly { readonly word: string; readonly start: number; readonly end: number }[] {
  return [...text.matchAll(/[\p{L}\p{N}\p{M}]+/gu)].map(({ 0: found, index }) => ({
    word: fold(found),
    start: index,
    end: index + found.length,
  }));
}

function fold(word: string): string {
  return word.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase();
}

/** True when two folded words are likely forms of one: equal, or alike but for a short ending. */
export function areForms(a: string, b: string): boolean {
  if (a === b) return true;
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  if (short.length < 4 || long.length - short.length > 3) return false;
  // `answers`, `answered`, `answering`: the same but for the last letters; `study`, `studies`: the last letter of the short one changes.
  return long.startsWith(short) || (short.length > 4 && long.startsWith(short.slice(0, -1)));
}
