import type { ModelCard } from '../models/card.ts';
import { vectorSpace } from '../models/space.ts';

/** Fingerprints of a model's spaces by dimensions (undefined = all of them), each computed once: every answer carries one. */
export function rememberedSpaces(card: ModelCard): (dimensions: number | undefined) => string {
  const spaces = new Map<number, string>();
  return (dimensions = card.dimensions) => {
    const known = spaces.get(dimensions) ?? vectorSpace(card, dimensions);
    spaces.set(dimensions, known);
    return known;
  };
}
