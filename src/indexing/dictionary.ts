import { distance } from 'fastest-levenshtein';
import type { Language } from './languages.ts';
import { LANGUAGES } from './languages.ts';
import type { Postings } from './postings.ts';
import { stem } from './stem.ts';

/** Letters a word must have to be taken for a misspelling of another, and from where on it may have two mistakes. */
const SHORTEST_FUZZY = 4;
const TWO_MISTAKES_FROM = 8;

/** A known word near an unknown one. */
export interface Similar {
  readonly word: number;
  readonly edits: number;
}

/** Numbers of words as they are written, and of the terms they stand for in each language. */
export class Dictionary {
  readonly #words = new Map<string, number>();
  readonly #spelling: string[] = [];
  /** By length and first letter. */
  readonly #alike = new Map<string, number[]>();
  readonly #terms = new Map<string, number>();
  /** By language: the term of each word plus one; 0 where it was never asked for. */
  readonly #termOf = new Map<Language, Uint32Array>();
  #letters = 0;

  get size(): number {
    return this.#spelling.length;
  }

  get memoryBytes(): number {
    let bytes = this.#letters * 2 + this.#spelling.length * 80 + this.#terms.size * 80;
    for (const terms of this.#termOf.values()) bytes += terms.byteLength;
    return bytes;
  }

  find(word: string): number | undefined {
    return this.#words.get(word);
  }

  spelling(word: number): string {
    return this.#spelling[word] ?? '';
  }

  wordOf(word: string): number {
    const known = this.#words.get(word);
    if (known !== undefined) return known;
    const number = this.#spelling.length;
    this.#words.set(word, number);
    this.#spelling.push(word);
    this.#letters += word.length;
    const key = likeness(word.length, word[0]);
    const alike = this.#alike.get(key);
    if (alike === undefined) this.#alike.set(key, [number]);
    else alike.push(number);
    return number;
  }

  /** The term of a word in a language, made in `postings` if it is new there. */
  termOf(word: number, language: Language, postings: Postings): number {
    const terms = this.#termsIn(language);
    const known = terms[word] ?? 0;
    if (known !== 0) return known - 1;
    const spelling = stem(this.spelling(word), language);
    let term = this.#terms.get(spelling);
    if (term === undefined) {
      term = postings.addTerm();
      this.#terms.set(spelling, term);
    }
    terms[word] = term + 1;
    return term;
  }

  #termsIn(language: Language): Uint32Array {
    const terms = this.#termOf.get(language) ?? new Uint32Array(256);
    if (terms.length >= this.size && this.#termOf.has(language)) return terms;
    const larger = new Uint32Array(Math.max(this.size, terms.length * 2));
    larger.set(terms);
    this.#termOf.set(language, larger);
    return larger;
  }

  /** Terms that a word may stand for in these languages. */
  findTerms(word: string, languages: readonly Language[]): readonly number[] {
    const found = new Set<number>();
    for (const language of languages) {
      const term = this.#terms.get(stem(word, language));
      if (term !== undefined) found.add(term);
    }
    return [...found];
  }

  /** Terms that a known word stands for in the languages in which it was met. */
  knownTerms(word: number): readonly number[] {
    const found = new Set<number>();
    for (const language of LANGUAGES) {
      const term = this.#termOf.get(language)?.[word] ?? 0;
      if (term !== 0) found.add(term - 1);
    }
    return [...found];
  }

  /** Before the postings are written anew: words keep their numbers, terms get new ones. */
  forgetTerms(): void {
    this.#terms.clear();
    this.#termOf.clear();
  }

  clear(): void {
    this.forgetTerms();
    this.#words.clear();
    this.#spelling.length = 0;
    this.#alike.clear();
    this.#letters = 0;
  }

  /**
   * Words that are one letter away (inserted, left out, or another, or two in the wrong order), of long words two; the nearest first.
   * The first letter must be right, as it nearly always is, or have changed places with the second.
   */
  similar(word: string): readonly Similar[] {
    if (word.length < SHORTEST_FUZZY || !/^\p{L}+$/u.test(word)) return [];
    const most = word.length < TWO_MISTAKES_FROM ? 1 : 2;
    const found: Similar[] = [];
    for (let length = word.length - most; length <= word.length + most; length++) {
      for (const number of this.#alike.get(likeness(length, word[0])) ?? []) {
        const edits = editsBetween(word, this.spelling(number));
        if (edits > 0 && edits <= most) found.push({ word: number, edits });
      }
    }
    if (word[0] !== word[1]) {
      for (const number of this.#alike.get(likeness(word.length, word[1])) ?? []) {
        if (isSwap(word, this.spelling(number))) found.push({ word: number, edits: 1 });
      }
    }
    return found.sort((a, b) => a.edits - b.edits);
  }
}

function likeness(length: number, first: string | undefined): string {
  return `${length}${first ?? ''}`;
}

/** Levenshtein's distance, with two neighbouring letters in the wrong order as one mistake. */
function editsBetween(a: string, b: string): number {
  return a.length === b.length && isSwap(a, b) ? 1 : distance(a, b);
}

function isSwap(a: string, b: string): boolean {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return a[at] === b[at + 1] && a[at + 1] === b[at] && a.slice(at + 2) === b.slice(at + 2);
}
