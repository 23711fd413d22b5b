import { LocalLiteError } from '../errors.ts';
import { analyze } from './analyze.ts';
import { Best } from './best.ts';
import { Dictionary } from './dictionary.ts';
import type { IndexHits, Keep, TextIndex, TextQuery } from './index-types.ts';
import { type Language, languageOfTag, languageOfWords, withoutFunctionWords } from './languages.ts';
import { type QueryTerm, TermScores } from './max-score.ts';
import { MOST_SLOTS, Postings, slotOf } from './postings.ts';
import { TextRows } from './text-rows.ts';

/** BM25's parameters; those of Anserini's regressions, which hold up over many collections. */
const K1 = 0.9;
const B = 0.4;
/** Worth of a word that was put in the place of an unknown one, for each letter it is away. */
const FUZZY_WEIGHT = 0.6;
const MOST_FUZZY = 3;
/** Worth of a whole identifier beside its parts, which tell most of it already. */
const EXTRA_WEIGHT = 0.5;
/** Share of removed slots at which everything is written anew. */
const MOST_DEAD = 0.3;
const LEAST_TO_REWRITE = 1000;
const DEFAULT_LANGUAGE: Language = 'english';

/** A passage to be indexed. */
export interface TextRow {
  readonly chunk: number;
  readonly text: string;
  readonly language?: string;
}

/**
 * Words of chunks in memory, scored by BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009; with
 * an inverse document frequency that is never negative: ln(1 + (N - n + 0.5) / (n + 0.5))).
 */
export class InvertedIndex implements TextIndex {
  readonly kind = 'bm25';
  readonly #dictionary = new Dictionary();
  readonly #scores = new TermScores();
  #postings = new Postings();
  #rows = new TextRows();
  #norms = new Float32Array();
  /** Whether lengths changed since the norms were worked out. */
  #isStale = true;
  #leastNorm = 0;

  get size(): number {
    return this.#rows.size;
  }

  get memoryBytes(): number {
    return this.#postings.memoryBytes + this.#dictionary.memoryBytes + this.#rows.memoryBytes + this.#norms.byteLength;
  }

  /** @throws LocalLiteError insufficient_memory (more than 16 million chunks) */
  upsert(rows: readonly TextRow[]): void {
    this.remove(rows.map(({ chunk }) => chunk));
    for (const row of rows) this.#add(row);
  }

  #add({ chunk, text, language: tag }: TextRow): void {
    if (this.#rows.count >= MOST_SLOTS) throw new LocalLiteError('insufficient_memory', `a text index holds ${MOST_SLOTS} passages`);
    const { words, extras } = analyze(text);
    const language = (tag === undefined ? undefined : languageOfTag(tag)) ?? languageOfWords(words) ?? this.#usualLanguage;
    const numbered = {
      words: words.map((word) => this.#dictionary.wordOf(word)),
      extras: extras.map((word) => this.#dictionary.wordOf(word)),
    };
    const slot = this.#rows.add(chunk, language, numbered);
    for (const [term, count] of this.#termCounts(language, numbered)) this.#postings.add(term, slot, count);
    this.#isStale = true;
  }

  /** Too short a text to tell is of the language that others are of. */
  get #usualLanguage(): Language {
    return this.#rows.languages[0] ?? DEFAULT_LANGUAGE;
  }

  #termCounts(
    language: Language,
    { words, extras }: { readonly words: readonly number[]; readonly extras: readonly number[] },
  ): ReadonlyMap<number, number> {
    const counts = new Map<number, number>();
    for (const list of [words, extras]) {
      for (const word of list) {
        const term = this.#dictionary.termOf(word, language, this.#postings);
        counts.set(term, (counts.get(term) ?? 0) + 1);
      }
    }
    return counts;
  }

  remove(chunks: readonly number[]): number {
    let removed = 0;
    for (const chunk of chunks) {
      const slot = this.#rows.slotOf(chunk);
      if (slot === undefined) continue;
      const numbered = { words: this.#rows.wordsAt(slot), extras: this.#rows.extrasAt(slot) };
      for (const term of this.#termCounts(this.#rows.languageAt(slot), numbered).keys()) this.#postings.forget(term);
      this.#rows.remove(slot);
      removed++;
    }
    if (removed > 0) this.#isStale = true;
    const dead = this.#rows.count - this.#rows.size;
    if (this.#rows.count > LEAST_TO_REWRITE && dead > this.#rows.count * MOST_DEAD) this.#rewrite();
    return removed;
  }

  /** Gives slots anew, without the removed ones. Texts need not be read again. */
  #rewrite(): void {
    const old = this.#rows;
    this.#rows = new TextRows();
    const postings = new Postings();
    this.#dictionary.forgetTerms();
    this.#postings = postings;
    for (let slot = 0; slot < old.count; slot++) {
      const chunk = old.chunkAt(slot);
      if (chunk === undefined) continue;
      const numbered = { words: old.wordsAt(slot), extras: old.extrasAt(slot) };
      const language = old.languageAt(slot);
      const added = this.#rows.add(chunk, language, numbered);
      for (const [term, count] of this.#termCounts(language, numbered)) postings.add(term, added, count);
    }
    this.#isStale = true;
  }

  search(query: TextQuery, k: number, keep?: Keep): IndexHits {
    const best = new Best(k);
    if (k === 0 || this.size === 0) return best.hits();
    this.#refreshNorms();
    const phrases = query.phrases.map((phrase) => analyze(phrase).words).filter((words) => words.length > 0);
    const having = phrases.length === 0 ? undefined : this.#slotsWith(phrases);
    const isKept = (slot: number): boolean => {
      const chunk = this.#rows.chunkAt(slot);
      return chunk !== undefined && (having === undefined || having.has(slot)) && (keep === undefined || keep(chunk));
    };
    const scoring = {
      postings: this.#postings,
      norms: this.#norms.subarray(0, this.#rows.count),
      leastNorm: this.#leastNorm,
      keep: isKept,
    };
    const { slots, sums } = this.#scores.score(this.#termsOf(query), k, scoring);
    for (const slot of slots) best.add(this.#rows.chunkAt(slot) ?? 0, sums[slot] ?? 0);
    return best.hits();
  }

  #refreshNorms(): void {
    if (!this.#isStale) return;
    const { count, averageLength } = this.#rows;
    if (this.#norms.length < count) this.#norms = new Float32Array(Math.ceil(count * 1.25));
    for (let slot = 0; slot < count; slot++) this.#norms[slot] = K1 * (1 - B + (B * this.#rows.lengthAt(slot)) / averageLength);
    this.#leastNorm = K1 * (1 - B);
    this.#isStale = false;
  }

  #termsOf({ text, fuzzy }: TextQuery): readonly QueryTerm[] {
    const { words, extras } = analyze(text);
    const { languages } = this.#rows;
    const weights = new Map<number, number>();
    const add = (word: string, worth: number): void => {
      const known = this.#termsFor(word, languages);
      const terms = known.length === 0 && fuzzy ? this.#similarTerms(word) : known;
      const idf = this.#idf(terms);
      for (const { term, weight } of terms) weights.set(term, (weights.get(term) ?? 0) + weight * worth * idf);
    };
    for (const word of withoutFunctionWords(words)) add(word, 1);
    for (const extra of extras) add(extra, EXTRA_WEIGHT);
    return [...weights].map(([term, weight]) => ({ term, weight }));
  }

  /** What a word stands for in the languages that are here, and wherever it was met as it is written. */
  #termsFor(word: string, languages: readonly Language[]): readonly QueryTerm[] {
    const known = this.#dictionary.find(word);
    const terms = new Set([
      ...this.#dictionary.findTerms(word, languages),
      ...(known === undefined ? [] : this.#dictionary.knownTerms(known)),
    ]);
    return [...terms].filter((term) => this.#postings.live(term) > 0).map((term) => ({ term, weight: 1 }));
  }

  /** Of the most frequent: a word that is cut to another stem in a few passages is no rare word for it. */
  #idf(terms: readonly QueryTerm[]): number {
    const having = terms.reduce((most, { term }) => Math.max(most, this.#postings.live(term)), 0);
    return Math.log(1 + (this.size - having + 0.5) / (having + 0.5)) * (K1 + 1);
  }

  /** Terms of the nearest known words; among equally near ones of the most frequent. */
  #similarTerms(word: string): readonly QueryTerm[] {
    const edits = new Map<number, number>();
    for (const near of this.#dictionary.similar(word)) {
      for (const term of this.#dictionary.knownTerms(near.word)) {
        if (this.#postings.live(term) > 0 && !edits.has(term)) edits.set(term, near.edits);
      }
    }
    return [...edits]
      .sort((a, b) => a[1] - b[1] || this.#postings.live(b[0]) - this.#postings.live(a[0]))
      .slice(0, MOST_FUZZY)
      .map(([term, distance]) => ({ term, weight: FUZZY_WEIGHT ** distance }));
  }

  /** Slots that have every phrase, word for word. */
  #slotsWith(phrases: readonly (readonly string[])[]): ReadonlySet<number> {
    const found = new Set<number>();
    const wanted: number[][] = [];
    for (const phrase of phrases) {
      const words = phrase.map((word) => this.#dictionary.find(word)).filter((word) => word !== undefined);
      if (words.length < phrase.length) return found;
      wanted.push(words);
    }
    for (const slot of this.#slotsOfRarest(wanted.flat())) {
      if (this.#rows.chunkAt(slot) === undefined) continue;
      const words = this.#rows.wordsAt(slot);
      if (wanted.every((phrase) => hasRun(words, phrase))) found.add(slot);
    }
    return found;
  }

  #slotsOfRarest(words: readonly number[]): ReadonlySet<number> {
    const countOf = (terms: readonly number[]): number => terms.reduce((sum, term) => sum + this.#postings.live(term), 0);
    const [rarest] = words.map((word) => this.#dictionary.knownTerms(word)).sort((a, b) => countOf(a) - countOf(b));
    const slots = new Set<number>();
    for (const term of rarest ?? []) for (const run of this.#postings.runs(term)) for (const entry of run) slots.add(slotOf(entry));
    return slots;
  }

  close(): void {
    this.#dictionary.clear();
    this.#postings = new Postings();
    this.#rows = new TextRows();
    this.#norms = new Float32Array();
  }
}

function hasRun(words: readonly number[], run: readonly number[]): boolean {
  const [first] = run;
  for (let at = words.indexOf(first ?? -1); at !== -1 && at + run.length <= words.length; at = words.indexOf(first ?? -1, at + 1)) {
    if (run.every((word, index) => words[at + index] === word)) return true;
  }
  return false;
}
