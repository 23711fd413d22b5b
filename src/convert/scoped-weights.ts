import { LocalLiteError } from '../errors.ts';
import type { Weights } from '../models/weights.ts';

/** The same tensors with `prefix` taken off their names; others are hidden. Closing it closes the weights. */
export function scopedWeights(weights: Weights, prefix: string): Weights {
  if (prefix === '') return weights;
  return {
    names: weights.names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length)),
    shape: (name) => weights.shape(prefix + name),
    read: (name) => weights.read(prefix + name),
    close: () => weights.close(),
  };
}

/**
 * What stands before `anchor` in the names of a file, e.g. `bert.` or `0.auto_model.`: the shortest, where there are several.
 * @throws LocalLiteError model_unsupported where no name ends in `anchor`
 */
export function prefixOf(weights: Weights, anchor: string): string {
  const prefixes = weights.names
    .filter((name) => name === anchor || name.endsWith(`.${anchor}`))
    .map((name) => name.slice(0, name.length - anchor.length))
    .sort((a, b) => a.length - b.length);
  const [prefix] = prefixes;
  if (prefix !== undefined) return prefix;
  throw new LocalLiteError('model_unsupported', `the weights lack ${anchor}, which every model of this family has`);
}

/** The prefix of what stands beside the encoder: its own without the last part (`bert.` -> nothing, `0.auto_model.` -> `0.`). */
export function outerPrefix(prefix: string): string {
  return prefix.replace(/[^.]+\.$/, '');
}
