import { LocalLiteError } from '../errors.ts';
import type { EncoderFacts } from '../models/card.ts';

/**
 * The dimensions to cut vectors to; undefined when the full vector is wanted.
 * @throws LocalLiteError invalid_request for a size that the model was not trained to be cut to
 */
export function checkDimensions(
  wanted: number | undefined,
  { dimensions, matryoshka }: Pick<EncoderFacts, 'dimensions' | 'matryoshka'>,
): number | undefined {
  if (wanted === undefined || wanted === dimensions) return undefined;
  if (matryoshka === 'any' && wanted >= 1 && wanted < dimensions) return wanted;
  if (Array.isArray(matryoshka) && matryoshka.includes(wanted)) return wanted;
  const allowed = matryoshka === 'any' ? `1 to ${dimensions}` : [...new Set([dimensions, ...(matryoshka ?? [])])].join(', ');
  throw new LocalLiteError('invalid_request', `dimensions is ${wanted}; this model gives ${allowed}`, { param: 'dimensions' });
}
