import { foldWord } from './words.ts';

/** Words of a phrase at most. */
const LONGEST = 3;
/** Share of its words that a phrase may have in common with a better one. */
const MOST_COMMON = 0.6;
/** A word that is longer is no word. */
const LONGEST_WORD = 40;

/** A phrase with how little it says about the document: the best have the smallest numbers. */
export interface Phrase {
  /** Folded words with one blank between two. */
  readonly key: string;
  /** As it is written most often. */
  readonly text: string;
  readonly score: number;
}

interface Term {
  readonly key: string;
  readonly isStop: boolean;
  count: number;
  /** Times it is written in capitals, or with a capital that does not begin a sentence. */
  acronyms: number;
  names: number;
  readonly sentences: number[];
  readonly before: Map<Term, number>;
  readonly after: Map<Term, number>;
}

interface Candidate {
  readonly terms: readonly Term[];
  count: number;
  readonly spellings: Map<string, number>;
}

/** Words and phrases of a text, counted as they come. */
export class Vocabulary {
  readonly terms = new Map<string, Term>();
  readonly candidates = new Map<string, Candidate>();
  sentences = 0;
  readonly #stopWords: ReadonlySet<string>;

  constructor(stopWords: ReadonlySet<string>) {
    this.#stopWords = stopWords;
  }

  /** Words of one sentence, in runs without a sign between them. */
  addSentence(runs: readonly (readonly string[])[]): void {
    let isFirst = true;
    for (const run of runs) {
      const terms = run.map((word) => {
        const term = this.#count(word, isFirst);
        isFirst = false;
        return term;
      });
      this.#link(terms);
      this.#propose(terms, run);
    }
    this.sentences++;
  }

  #count(word: string, isFirst: boolean): Term {
    const key = foldWord(word);
    let term = this.terms.get(key);
    if (term === undefined) {
      const isStop = this.#stopWords.has(key) || key.length < 2 || (key.length < 3 && /^\p{Script=Latin}+$/u.test(key));
      term = { key, isStop, count: 0, acronyms: 0, names: 0, sentences: [], before: new Map(), after: new Map() };
      this.terms.set(key, term);
    }
    term.count++;
    if (/^\p{Lu}{2,}$/u.test(word)) term.acronyms++;
    else if (!isFirst && /^\p{Lu}/u.test(word)) term.names++;
    if (term.sentences.at(-1) !== this.sentences) term.sentences.push(this.sentences);
    return term;
  }

  #link(terms: readonly Term[]): void {
    for (let index = 1; index < terms.length; index++) {
      const [left, right] = [terms[index - 1], terms[index]];
      if (left === undefined || right === undefined) continue;
      left.after.set(right, (left.after.get(right) ?? 0) + 1);
      right.before.set(left, (right.before.get(left) ?? 0) + 1);
    }
  }

  #propose(terms: readonly Term[], words: readonly string[]): void {
    for (let start = 0; start < terms.length; start++) {
      for (let end = start + 1; end <= Math.min(terms.length, start + LONGEST); end++) {
        const parts = terms.slice(start, end);
        if (canBegin(parts[0]) && canBegin(parts.at(-1)) && parts.every(isPossible)) this.#add(parts, words.slice(start, end).join(' '));
      }
    }
  }

  #add(terms: readonly Term[], text: string): void {
    const key = terms.map((term) => term.key).join(' ');
    let candidate = this.candidates.get(key);
    if (candidate === undefined) {
      candidate = { terms, count: 0, spellings: new Map() };
      this.candidates.set(key, candidate);
    }
    candidate.count++;
    candidate.spellings.set(text, (candidate.spellings.get(text) ?? 0) + 1);
  }
}

function canBegin(term: Term | undefined): boolean {
  return term !== undefined && !term.isStop;
}

/** Numbers and encoded data are no part of a phrase. */
function isPossible({ key }: Term): boolean {
  return key.length <= LONGEST_WORD && !/^\p{N}/u.test(key);
}

/**
 * The phrases that say most about a text, by YAKE (Campos et al., "YAKE! Keyword extraction from single documents using multiple local
 * features", Information Sciences 509, 2020), without those that repeat the words of a better one.
 */
export function bestPhrases(vocabulary: Vocabulary, most: number): readonly Phrase[] {
  const scoreOf = termScores(vocabulary);
  const scored = [...vocabulary.candidates]
    .filter(([, candidate]) => isUsual(candidate, vocabulary))
    .map(([key, candidate]): Phrase & { readonly terms: readonly Term[] } => ({
      key,
      terms: candidate.terms,
      text: usualSpelling(candidate),
      score: phraseScore(candidate, scoreOf),
    }));
  scored.sort((a, b) => a.score - b.score || (a.key < b.key ? -1 : 1));
  const chosen: (typeof scored)[number][] = [];
  for (const phrase of scored) {
    if (chosen.length >= most) break;
    if (!chosen.some((better) => saysTheSame(better.terms, phrase.terms))) chosen.push(phrase);
  }
  return chosen.map(({ key, text, score }) => ({ key, text, score }));
}

/** What is met once is no phrase where another word that says nothing joins it, or where a part of it is met again. */
function isUsual({ terms, count }: Candidate, { candidates }: Vocabulary): boolean {
  if (count > 1 || terms.length === 1) return true;
  if (terms.some(({ isStop }) => isStop)) return false;
  const parts = terms.length < LONGEST ? [] : [terms.slice(1), terms.slice(0, -1)];
  return !parts.some((part) => (candidates.get(part.map(({ key }) => key).join(' '))?.count ?? 0) > 1);
}

function saysTheSame(a: readonly Term[], b: readonly Term[]): boolean {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  const common = short.filter((term) => long.some((other) => areAlike(term.key, other.key))).length;
  return common / short.length > MOST_COMMON;
}

/** The same word, or a form of it that differs in its last letters. */
function areAlike(a: string, b: string): boolean {
  if (a === b) return true;
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short.length >= 4 && long.length - short.length <= 2 && long.startsWith(short);
}

function usualSpelling({ spellings }: Candidate): string {
  const [best] = [...spellings].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  return best?.[0] ?? '';
}

/** How little each word says (S(t) of the paper). */
function termScores({ terms, sentences }: Vocabulary): (term: Term) => number {
  const telling = [...terms.values()].filter(({ isStop }) => !isStop);
  const counts = telling.map(({ count }) => count);
  const mean = sum(counts) / Math.max(1, counts.length);
  const deviation = Math.sqrt(sum(counts.map((count) => (count - mean) ** 2)) / Math.max(1, counts.length));
  const most = [...terms.values()].reduce((best, { count }) => Math.max(best, count), 1);
  const known = new Map<Term, number>();
  return (term) => {
    const found = known.get(term) ?? termScore(term, { usual: mean + deviation || 1, most, sentences });
    known.set(term, found);
    return found;
  };
}

function termScore(
  term: Term,
  { usual, most, sentences }: { readonly usual: number; readonly most: number; readonly sentences: number },
): number {
  const casing = Math.max(term.acronyms, term.names) / (1 + Math.log(term.count));
  const position = Math.log(Math.log(3 + median(term.sentences)));
  const frequency = term.count / usual;
  const share = term.count / most;
  const relatedness = 1 + variety(term.before) * share + variety(term.after) * share;
  const spread = term.sentences.length / Math.max(1, sentences);
  return (position * relatedness) / (casing + frequency / relatedness + spread / relatedness);
}

/** Different neighbours of a word for each time it has one: near 1 for words that go with any other. */
function variety(neighbours: ReadonlyMap<Term, number>): number {
  return neighbours.size / Math.max(1, sum([...neighbours.values()]));
}

function phraseScore({ terms, count }: Candidate, scoreOf: (term: Term) => number): number {
  let product = 1;
  let total = 0;
  for (const [index, term] of terms.entries()) {
    // A word between two others that only joins them counts by how usual that is.
    const factor = term.isStop ? looseness(terms[index - 1], term, terms[index + 1]) : scoreOf(term);
    product *= term.isStop ? 1 + factor : factor;
    total += term.isStop ? -factor : factor;
  }
  return product / (count * (1 + Math.max(0, total)));
}

function looseness(before: Term | undefined, term: Term, after: Term | undefined): number {
  const left = before === undefined ? 0 : (before.after.get(term) ?? 0) / before.count;
  const right = after === undefined ? 0 : (after.before.get(term) ?? 0) / after.count;
  return 1 - left * right;
}

function median(numbers: readonly number[]): number {
  const middle = Math.floor(numbers.length / 2);
  const upper = numbers[middle] ?? 0;
  return numbers.length % 2 === 1 ? upper : ((numbers[middle - 1] ?? 0) + upper) / 2;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
