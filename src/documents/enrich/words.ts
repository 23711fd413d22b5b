import type { Block } from '../document-types.ts';

/** Languages (ISO 639-1) that put no blanks between words. */
const UNSPACED = new Set(['zh', 'ja', 'th', 'lo', 'km', 'my']);
const WORD = /[\p{L}\p{N}][\p{L}\p{M}\p{N}]*(?:['’-][\p{L}\p{N}][\p{L}\p{M}\p{N}]*)*/gu;

/** A word as it stands in a text. */
export interface Word {
  readonly text: string;
  /** UTF-16 units. */
  readonly start: number;
}

/** Words of a text in their order; by the platform's dictionaries where the language puts no blanks between them. */
export function wordsOf(text: string, language?: string): readonly Word[] {
  if (language === undefined || !UNSPACED.has(language)) {
    return [...text.matchAll(WORD)].map((match) => ({ text: match[0], start: match.index }));
  }
  const segments = new Intl.Segmenter(language, { granularity: 'word' }).segment(text);
  return [...segments].flatMap(({ segment, index, isWordLike }) => (isWordLike === true ? [{ text: segment, start: index }] : []));
}

/** One spelling of a word, or of all words of a text, for comparing. */
export function foldWord(word: string): string {
  return word.normalize('NFKC').toLowerCase().replaceAll('’', "'");
}

/** Words of a text, folded. */
export function foldedWords(text: string): readonly string[] {
  return foldWord(text).match(WORD) ?? [];
}

/** Blocks that hold sentences of people: no code, no pictures. */
export function isProse({ kind }: Block): boolean {
  return kind !== 'code' && kind !== 'image';
}
