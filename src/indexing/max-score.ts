import { Best } from './best.ts';
import type { Postings } from './postings.ts';

/** A term of a query with what it is worth. */
export interface QueryTerm {
  readonly postings: Postings;
  /** Inverse document frequency times the weight of the term in the query. */
  readonly weight: number;
}

/** Length of each document relative to the average, as BM25's `k1 * (1 - b + b * length / average)`. */
export type Norm = (document: number) => number;

interface Cursor extends QueryTerm {
  readonly bound: number;
  index: number;
}

/**
 * The k best documents by BM25 without scoring all: Turtle and Flood's MaxScore. Terms that even together cannot lift a document over the
 * worst that is kept are looked up only for documents that other terms found.
 */
export function bestDocuments(terms: readonly QueryTerm[], k: number, norm: Norm, keep: (document: number) => boolean): Best {
  const best = new Best(k);
  const cursors: Cursor[] = terms
    .filter(({ postings }) => postings.length > 0)
    .map((term) => ({ ...term, bound: term.weight * term.postings.bound, index: 0 }))
    .sort((a, b) => a.bound - b.bound);
  const sums: number[] = [];
  for (const { bound } of cursors) sums.push((sums.at(-1) ?? 0) + bound);
  let firstNeeded = 0;
  for (;;) {
    while (firstNeeded < cursors.length && (sums[firstNeeded] ?? 0) < best.threshold) firstNeeded++;
    const document = nextDocument(cursors, firstNeeded);
    if (document === undefined) return best;
    const isKept = keep(document);
    const length = norm(document);
    let score = 0;
    for (let number = firstNeeded; number < cursors.length; number++) {
      const cursor = cursors[number];
      if (cursor === undefined || cursor.postings.document(cursor.index) !== document || cursor.index >= cursor.postings.length) continue;
      if (isKept) score += shareOf(cursor, length);
      cursor.index++;
    }
    if (!isKept) continue;
    score = addOthers(score, { cursors, sums, firstNeeded, document, length, threshold: best.threshold });
    if (score >= best.threshold) best.add(document, score);
  }
}

function nextDocument(cursors: readonly Cursor[], from: number): number | undefined {
  let next: number | undefined;
  for (let number = from; number < cursors.length; number++) {
    const cursor = cursors[number];
    if (cursor === undefined || cursor.index >= cursor.postings.length) continue;
    const document = cursor.postings.document(cursor.index);
    if (next === undefined || document < next) next = document;
  }
  return next;
}

function addOthers(
  found: number,
  at: {
    readonly cursors: readonly Cursor[];
    readonly sums: readonly number[];
    readonly firstNeeded: number;
    readonly document: number;
    readonly length: number;
    readonly threshold: number;
  },
): number {
  let score = found;
  for (let number = at.firstNeeded - 1; number >= 0; number--) {
    if (score + (at.sums[number] ?? 0) < at.threshold) return score;
    const cursor = at.cursors[number];
    if (cursor === undefined) continue;
    cursor.index = cursor.postings.seek(at.document, cursor.index);
    if (cursor.index < cursor.postings.length && cursor.postings.document(cursor.index) === at.document)
      score += shareOf(cursor, at.length);
  }
  return score;
}

function shareOf({ postings, index, weight }: Cursor, length: number): number {
  const count = postings.count(index);
  return (weight * count) / (count + length);
}
