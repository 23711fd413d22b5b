import { LocalLiteError } from '../errors.ts';
import type { ModelCard, Task } from './card.ts';
import { ARCTIC_CARDS } from './catalog/arctic.ts';
import { BGE_CARDS } from './catalog/bge.ts';
import { E5_CARDS } from './catalog/e5.ts';
import { GTE_CARDS } from './catalog/gte.ts';
import { JINA_CARDS } from './catalog/jina.ts';
import { MINILM_CARDS } from './catalog/minilm.ts';
import { MORE_CARDS } from './catalog/more.ts';
import { MPNET_CARDS } from './catalog/mpnet.ts';
import { OTHER_NAMES, type OtherName } from './catalog/names.ts';
import { NOMIC_CARDS } from './catalog/nomic.ts';
import { OCR_CARDS } from './catalog/ocr.ts';
import { RERANKER_CARDS } from './catalog/rerankers.ts';
import { STATIC_CARDS } from './catalog/static.ts';
import { TOKEN_CARDS } from './catalog/token-models.ts';

/** Every card that LocalLite ships, by family; the default model comes first. */
export const CATALOG_CARDS: readonly ModelCard[] = [
  ...MINILM_CARDS,
  ...MPNET_CARDS,
  ...BGE_CARDS,
  ...E5_CARDS,
  ...GTE_CARDS,
  ...NOMIC_CARDS,
  ...ARCTIC_CARDS,
  ...JINA_CARDS,
  ...MORE_CARDS,
  ...RERANKER_CARDS,
  ...TOKEN_CARDS,
  ...STATIC_CARDS,
  ...OCR_CARDS,
];

/** A name looked up: its card, and the variant if the name stands for one (fastembed's `…-Q`). */
export interface CatalogEntry {
  readonly card: ModelCard;
  readonly variant: string | undefined;
}

/** What exists: cards by name. Says nothing of what is installed. */
export interface ModelCatalog {
  /** The card of an id, an alias or another tool's name, whatever its case; undefined for a name the catalogue does not know. */
  find(nameOrAlias: string): ModelCard | undefined;
  /** As `find`, with the variant that a name such as `nomic-ai/nomic-embed-text-v1.5-Q` stands for. */
  resolve(nameOrAlias: string): CatalogEntry | undefined;
  /** All cards, or those of one task, in catalogue order. */
  list(task?: Task): readonly ModelCard[];
  /** Every name that `find` knows, as written in the catalogue: for suggestions. */
  names(): readonly string[];
}

/**
 * Builds the catalogue over `cards` (default: all that LocalLite ships).
 * @throws LocalLiteError conflict when two cards claim one name
 */
export function createCatalog(cards: readonly ModelCard[] = CATALOG_CARDS, otherNames: readonly OtherName[] = OTHER_NAMES): ModelCatalog {
  const byName = new Map<string, CatalogEntry>();
  const names: string[] = [];
  const add = (name: string, entry: CatalogEntry): void => {
    const key = name.toLowerCase();
    const taken = byName.get(key);
    if (taken !== undefined)
      throw new LocalLiteError('conflict', `the name ${name} belongs to ${taken.card.id}, ${entry.card.id} cannot have it too`);
    byName.set(key, entry);
    names.push(name);
  };
  for (const card of cards) for (const name of [card.id, card.alias]) add(name, { card, variant: undefined });
  for (const { name, id, variant } of otherNames) {
    const card = byName.get(id.toLowerCase())?.card;
    if (card !== undefined) add(name, { card, variant });
  }
  const resolve = (name: string): CatalogEntry | undefined => byName.get(name.toLowerCase());
  return {
    find: (name) => resolve(name)?.card,
    resolve,
    list: (task) => (task === undefined ? cards : cards.filter((card) => card.task === task)),
    names: () => names,
  };
}
