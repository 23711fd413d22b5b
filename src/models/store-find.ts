import { kindOf, sameKind } from './made.ts';
import { isWeights, type Manifest } from './manifest.ts';

/** True for a manifest of that model, whatever the case of its id. */
export function isNamed(manifest: Manifest, id: string): boolean {
  return manifest.id.toLowerCase() === id.toLowerCase();
}

/**
 * Variants of one model in the order in which they are to run when none is named: the pinned one, what was made here, the card's order, and
 * only then what was made for other devices.
 */
export function byPreference(manifests: readonly Manifest[]): readonly Manifest[] {
  return [...manifests].sort((a, b) => rankOf(a) - rankOf(b) || converterOf(b) - converterOf(a));
}

function rankOf(manifest: Manifest): number {
  if (isWeights(manifest)) return Number.POSITIVE_INFINITY;
  if (manifest.pinned) return -2;
  if (manifest.made === undefined) return manifest.card.variants.findIndex(({ name }) => name === manifest.variant);
  return manifest.made.recipe.target === 'cpu' ? -1 : Number.MAX_SAFE_INTEGER;
}

/** What a variant's name stands for among those of one model: the one of exactly that name, otherwise what was made of that kind. */
export function byVariantName(manifests: readonly Manifest[], name: string): readonly Manifest[] {
  const exact = manifests.filter(({ variant }) => variant === name);
  const kind = kindOf(name);
  if (exact.length > 0 || kind === undefined) return exact;
  return manifests.filter(({ made }) => made !== undefined && sameKind(made.recipe, kind)).sort(usualFirst);
}

/** The newest; of those of one converter the one that is as the card says, whose name is the shorter. */
function usualFirst(a: Manifest, b: Manifest): number {
  return converterOf(b) - converterOf(a) || a.variant.length - b.variant.length;
}

function converterOf({ made }: Manifest): number {
  return made?.recipe.converter ?? 0;
}
