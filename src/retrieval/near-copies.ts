import { estimate, NEAR_COPY, shinglesOf } from '../documents/enrich/minhash.ts';
import type { DocumentRow, State } from '../state/state-types.ts';
import type { StoredFacts } from './retrieval-types.ts';

/** Earlier documents that are compared with one; they met by chance only where texts are much alike. */
const MOST_COMPARED = 32;
/** Share of the shorter passage's words that stand in the other where both say the same: copies are often cut elsewhere. */
const MOST_COMMON = 0.8;

/**
 * Id of the file in the same collection, taken in before, of which a document is a near copy: what the database says decides, so the answer
 * is the same after a restart, and right again when the first one goes. Undefined for documents that were not signed.
 */
export async function findDuplicateOf(document: DocumentRow, state: Pick<State, 'documentsMeeting'>): Promise<string | undefined> {
  const signature = signatureIn(document);
  if (signature === undefined) return undefined;
  const earlier = await state.documentsMeeting(document.id, MOST_COMPARED);
  return earlier.find((other) => estimate(signature, signatureIn(other) ?? '') >= NEAR_COPY)?.fileId;
}

function signatureIn({ facts }: DocumentRow): string | undefined {
  return facts === '' ? undefined : (JSON.parse(facts) as Partial<StoredFacts>).signature;
}

/** Passages of a result, each with those that say nearly the same as it. */
export interface Collapsed<T> {
  readonly kept: T;
  readonly copies: readonly T[];
}

/** Lets passages give way to a better one that says nearly the same; looks until `most` are kept. */
export function collapse<T>(items: readonly T[], textOf: (item: T) => string, most: number): readonly Collapsed<T>[] {
  const groups: { readonly kept: T; readonly copies: T[]; readonly shingles: ReadonlySet<number> }[] = [];
  for (const item of items) {
    const shingles = shinglesOf(textOf(item));
    const better = groups.find((group) => saysTheSame(group.shingles, shingles));
    if (better !== undefined) better.copies.push(item);
    else if (groups.length >= most) break;
    else groups.push({ kept: item, copies: [], shingles });
  }
  return groups.map(({ kept, copies }) => ({ kept, copies }));
}

function saysTheSame(a: ReadonlySet<number>, b: ReadonlySet<number>): boolean {
  const [small, large] = a.size < b.size ? [a, b] : [b, a];
  let common = 0;
  for (const shingle of small) if (large.has(shingle)) common++;
  return small.size > 0 && common / small.size >= MOST_COMMON;
}
