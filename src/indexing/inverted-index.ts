import { distance } from 'fastest-levenshtein';
import { analyze } from './analyze.ts';
import type { IndexHits, Keep, TextIndex, TextQuery } from './index-types.ts';
import { bestDocuments, type QueryTerm } from './max-score.ts';
import { Postings } from './postings.ts';

/** BM25's parameters; those of Anserini's regressions, which hold up over many collections. */
const K1 = 0.9;
const B = 0.4;
/** Worth of a word that was put in the place of an unknown one. */
const FUZZY_WEIGHT = 0.6;
const MOST_FUZZY = 3;
/** Share of deleted documents at which everything is written anew. */
const MOST_DEAD = 0.3;
const LEAST_TO_REWRITE = 1000;

interface Row {
  readonly chunk: number;
  readonly length: number;
  readonly terms: readonly string[];
}

/** Words of chunks in memory, scored by BM25 (Robertson and Zaragoza, 2009; the idf is Lucene's, which is never negative). */
export class InvertedIndex implements TextIndex {
  readonly kind = 'bm25';
  readonly #textOf: (chunk: number) => string | undefined;
  #terms = new Map<string, Postings>();
  /** By internal number; undefined where it was deleted. Terms are kept to find the postings of a deleted one. */
  #rows: (Row | undefined)[] = [];
  #numbers = new Map<number, number>();
  #totalLength = 0;

  /** @param textOf gives a chunk's text again, for phrases */
  constructor(textOf: (chunk: number) => string | undefined) {
    this.#textOf = textOf;
  }

  get size(): number {
    return this.#numbers.size;
  }

  get memoryBytes(): number {
    let bytes = this.#rows.length * 64;
    for (const [term, postings] of this.#terms) bytes += postings.memoryBytes + term.length * 2 + 64;
    return bytes;
  }

  upsert(rows: readonly { readonly chunk: number; readonly text: string }[]): void {
    this.remove(rows.map(({ chunk }) => chunk));
    for (const { chunk, text } of rows) this.#add(chunk, analyze(text));
  }

  #add(chunk: number, words: readonly string[]): void {
    const counts = new Map<string, number>();
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    const row = { chunk, length: words.length, terms: [...counts.keys()] };
    const number = this.#rows.push(row) - 1;
    this.#numbers.set(chunk, number);
    this.#totalLength += row.length;
    for (const [word, count] of counts) {
      let postings = this.#terms.get(word);
      if (postings === undefined) {
        postings = new Postings();
        this.#terms.set(word, postings);
      }
      // The average length changes with every document; without it the share is largest, and a bound may be too large.
      postings.push(number, count, count / (count + K1 * (1 - B)));
    }
  }

  remove(chunks: readonly number[]): number {
    let removed = 0;
    for (const chunk of chunks) {
      const number = this.#numbers.get(chunk);
      const row = number === undefined ? undefined : this.#rows[number];
      if (number === undefined || row === undefined) continue;
      this.#rows[number] = undefined;
      this.#numbers.delete(chunk);
      this.#totalLength -= row.length;
      for (const term of row.terms) {
        const postings = this.#terms.get(term);
        if (postings !== undefined && --postings.live === 0) this.#terms.delete(term);
      }
      removed++;
    }
    if (this.#rows.length > LEAST_TO_REWRITE && this.#rows.length - this.size > this.#rows.length * MOST_DEAD) this.#rewrite();
    return removed;
  }

  /** Gives internal numbers anew, without the deleted ones; the words themselves need not be read again. */
  #rewrite(): void {
    const moved = new Map<number, number>();
    const rows: Row[] = [];
    for (const [number, row] of this.#rows.entries()) if (row !== undefined) moved.set(number, rows.push(row) - 1);
    const terms = new Map<string, Postings>();
    for (const [term, old] of this.#terms) {
      const postings = new Postings();
      for (let index = 0; index < old.length; index++) {
        const number = moved.get(old.document(index));
        const count = old.count(index);
        if (number !== undefined) postings.push(number, count, count / (count + K1 * (1 - B)));
      }
      if (postings.length > 0) terms.set(term, postings);
    }
    this.#terms = terms;
    this.#rows = rows;
    this.#numbers = new Map(rows.map(({ chunk }, number) => [chunk, number]));
  }

  search(query: TextQuery, k: number, keep?: Keep): IndexHits {
    const phrases = query.phrases.map(analyze).filter((words) => words.length > 0);
    const wanted = phrases.length === 0 ? undefined : this.#withPhrases(phrases);
    const isKept = (number: number): boolean => {
      const row = this.#rows[number];
      return row !== undefined && (wanted === undefined || wanted.has(number)) && (keep === undefined || keep(row.chunk));
    };
    const average = this.size === 0 ? 1 : Math.max(1, this.#totalLength / this.size);
    const norm = (number: number): number => K1 * (1 - B + (B * (this.#rows[number]?.length ?? 0)) / average);
    const { chunks: numbers, scores } = bestDocuments(this.#termsOf(query), k, norm, isKept).hits();
    return { chunks: numbers.map((number) => this.#rows[number]?.chunk ?? 0), scores };
  }

  #termsOf({ text, fuzzy }: TextQuery): readonly QueryTerm[] {
    const counts = new Map<string, number>();
    for (const word of analyze(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
    const terms: QueryTerm[] = [];
    const isAllUnknown = [...counts.keys()].every((word) => !this.#terms.has(word));
    for (const [word, count] of counts) {
      const postings = this.#terms.get(word);
      if (postings !== undefined) terms.push({ postings, weight: count * this.#idf(postings) });
      else if (fuzzy || isAllUnknown)
        terms.push(...this.#similar(word).map((near) => ({ postings: near, weight: FUZZY_WEIGHT * count * this.#idf(near) })));
    }
    return terms;
  }

  #idf({ live }: Postings): number {
    return Math.log(1 + (this.size - live + 0.5) / (live + 0.5)) * (K1 + 1);
  }

  /** Known words that are one letter away, of long words two; the most frequent of the nearest. */
  #similar(word: string): readonly Postings[] {
    if (word.length < 4 || !/^\p{L}+$/u.test(word)) return [];
    const most = word.length < 8 ? 1 : 2;
    const found: { readonly postings: Postings; readonly edits: number }[] = [];
    for (const [term, postings] of this.#terms) {
      // Nearly all misspellings keep the first letter or the second.
      if (Math.abs(term.length - word.length) > most || (term[0] !== word[0] && term[1] !== word[1])) continue;
      const edits = distance(word, term);
      if (edits <= most) found.push({ postings, edits });
    }
    found.sort((a, b) => a.edits - b.edits || b.postings.live - a.postings.live);
    return found.slice(0, MOST_FUZZY).map(({ postings }) => postings);
  }

  /** Numbers of the documents that have every phrase, word for word. */
  #withPhrases(phrases: readonly (readonly string[])[]): ReadonlySet<number> {
    const words = [...new Set(phrases.flat())];
    const lists = words.map((word) => this.#terms.get(word));
    if (lists.some((list) => list === undefined)) return new Set();
    const [shortest, ...others] = lists.filter((list) => list !== undefined).sort((a, b) => a.length - b.length);
    const found = new Set<number>();
    for (let index = 0; index < (shortest?.length ?? 0); index++) {
      const number = shortest?.document(index) ?? 0;
      const isInAll = others.every((list) => {
        const at = list.seek(number, 0);
        return at < list.length && list.document(at) === number;
      });
      if (isInAll && this.#hasPhrases(number, phrases)) found.add(number);
    }
    return found;
  }

  #hasPhrases(number: number, phrases: readonly (readonly string[])[]): boolean {
    const row = this.#rows[number];
    const text = row === undefined ? undefined : this.#textOf(row.chunk);
    if (text === undefined) return false;
    // Terms hold no blanks, so a run of terms is a part of the joined text.
    const joined = ` ${analyze(text).join(' ')} `;
    return phrases.every((phrase) => joined.includes(` ${phrase.join(' ')} `));
  }

  close(): void {
    this.#terms.clear();
    this.#rows = [];
    this.#numbers.clear();
  }
}
