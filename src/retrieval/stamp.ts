import { LocalLiteError } from '../errors.ts';
import type { EditionRow } from '../state/state-types.ts';
import type { Inference } from './inference.ts';

/**
 * Checks that vectors of this space and variant may stand in (or be compared with) an edition's: another space never, another variant of
 * the same space where both are at or above the fidelity floor.
 * @returns warnings to hand on
 * @throws LocalLiteError index_mismatch, with the way out
 */
export async function checkStamp(
  edition: EditionRow,
  made: { readonly space: string; readonly variant: string },
  { fidelity, floor, collection }: { readonly fidelity: Inference['fidelity']; readonly floor: number; readonly collection: string },
): Promise<readonly string[]> {
  if (made.space !== edition.space) {
    throw new LocalLiteError(
      'index_mismatch',
      `the collection ${collection} holds vectors of another space than ${edition.model} now gives (its revision, pooling, prompts or dimensions changed); run \`locallite reindex ${collection}\``,
    );
  }
  if (made.variant === edition.variant) return [];
  const [now, then] = await Promise.all([fidelity(edition.model, made.variant), fidelity(edition.model, edition.variant)]);
  if (isFaithful(made.variant, now, floor) && isFaithful(edition.variant, then, floor)) {
    return [`the collection was indexed with ${edition.variant}, the query ran on ${made.variant}; both hold to full precision`];
  }
  throw new LocalLiteError(
    'index_mismatch',
    `the collection ${collection} was indexed with the variant ${edition.variant} of ${edition.model}, ${made.variant} runs now, and one of them is under the fidelity floor of ${floor}; run \`locallite reindex ${collection}\`, or pin ${edition.variant} (\`locallite pin ${edition.model} ${edition.variant}\`)`,
  );
}

function isFaithful(variant: string, meanCosine: number | undefined, floor: number): boolean {
  return variant.startsWith('fp32') || (meanCosine !== undefined && meanCosine >= floor);
}
