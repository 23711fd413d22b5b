import { Pause } from '../chunk-pause.ts';
import type { ChunkMeta, Entity, EntityCount } from '../document-types.ts';
import { amountsIn } from './amounts.ts';
import { datesIn } from './dates.ts';
import type { Enricher } from './enrich-types.ts';
import { FORMS } from './identifiers.ts';

/** Of one chunk, and different values of a document. */
const MOST_OF_CHUNK = 200;
const MOST = 50;

/**
 * Dates, amounts of money, e-mail and web addresses, phone and account numbers, cards and identifiers (ISBN, ISSN, DOI, ORCID): by their
 * form, and by their check digits where they have some. What tells of a person is marked, and its types are the document's `pii`.
 */
export const entitiesEnricher: Enricher = {
  name: 'entities',
  async enrich({ chunks, facts }, { signal }) {
    const pause = new Pause();
    const counts = new Map<string, EntityCount>();
    const metas: ChunkMeta[] = [];
    let counted = 0;
    for (const { text, start, meta } of chunks) {
      const entities = entitiesIn(text, meta.language ?? facts.language).slice(0, MOST_OF_CHUNK);
      // Neighbours share text; what stands in both is one.
      for (const entity of entities) if (start + entity.start >= counted) add(counts, entity);
      counted = Math.max(counted, start + text.length);
      metas.push(entities.length === 0 ? {} : { entities });
      await pause.after(4 * text.length);
      signal?.throwIfAborted();
    }
    const all = [...counts.values()].sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
    const pii = [...new Set(all.filter(({ personal }) => personal).map(({ type }) => type))].sort();
    return { facts: { entities: all.slice(0, MOST), pii }, metas };
  },
};

function add(counts: Map<string, EntityCount>, { type, text, value = text, personal }: Entity): void {
  const key = `${type} ${value}`;
  counts.set(key, { type, value, personal, count: (counts.get(key)?.count ?? 0) + 1 });
}

/** All that is found in a text, in its order; nothing stands in two. `language` decides how dates are read. */
export function entitiesIn(text: string, language?: string): readonly Entity[] {
  const found: Entity[] = [];
  const taken = new Uint8Array(text.length);
  const take = (entity: Entity): void => {
    if (taken.subarray(entity.start, entity.end).includes(1)) return;
    taken.fill(1, entity.start, entity.end);
    found.push(entity);
  };
  for (const { type, personal, pattern, read } of FORMS) {
    for (const match of text.matchAll(pattern)) {
      const known = read(match[0]);
      if (known === undefined) continue;
      const part = match[0].slice(0, known.length);
      take({ type, text: part, start: match.index, end: match.index + part.length, value: known.value, personal });
    }
  }
  for (const one of datesIn(text, language)) take(plain('date', text, one));
  for (const one of amountsIn(text)) take(plain('amount', text, one));
  return found.sort((a, b) => a.start - b.start);
}

function plain(
  type: 'date' | 'amount',
  text: string,
  { start, end, value }: { readonly start: number; readonly end: number; readonly value?: string },
): Entity {
  return { type, text: text.slice(start, end), start, end, ...(value !== undefined && { value }), personal: false };
}
