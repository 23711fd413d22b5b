import { PRECISIONS, TARGETS } from '../convert/convert-types.ts';
import { LocalLiteError } from '../errors.ts';
import { kindOf, WEIGHTS_VARIANT } from '../models/made.ts';

/** A variant that cannot be pinned because it is not there, and what is. */
export interface MissingVariant {
  /** As the user named the model, without a variant. */
  readonly name: string;
  readonly variant: string;
  readonly installed: readonly string[];
  /** Of the model's card: what is published. */
  readonly published: readonly string[];
}

/** Why a variant cannot be pinned, with the command that gets it: it has to be made, or pulled, or there is nothing of that name. */
export function pinRefusal({ name, variant, installed, published }: MissingVariant): LocalLiteError {
  const kind = kindOf(variant);
  const hasWeights = [...installed, ...published].includes(WEIGHTS_VARIANT);
  if (published.includes(variant) && variant !== WEIGHTS_VARIANT && (kind === undefined || !hasWeights)) {
    const message = `${name}#${variant} is not installed. Pull it with: locallite pull ${name}#${variant}; then pin it`;
    return new LocalLiteError('model_not_found', message, { param: 'variant' });
  }
  if (kind !== undefined && hasWeights) {
    const target = kind.target === 'cpu' ? '' : ` --target ${kind.target}`;
    const command = `locallite convert ${name} --precision ${kind.precision}${target} --pin`;
    return new LocalLiteError('model_not_found', `${name}#${variant} has not been made yet. Make it and let it run with: ${command}`, {
      param: 'variant',
    });
  }
  const runnable = [...new Set([...installed, ...published])].filter((one) => one !== WEIGHTS_VARIANT);
  const there = runnable.length === 0 ? '' : `: there ${runnable.length === 1 ? 'is' : 'are'} ${runnable.join(', ')}`;
  const layouts = TARGETS.filter((target) => target !== 'cpu').map((target) => `-${target}`);
  const made = hasWeights ? `; ${PRECISIONS.join(', ')} can be made (with ${layouts.join(' or ')} behind it for other devices)` : '';
  return new LocalLiteError('invalid_request', `${name} has no variant ${variant}${there}${made}`, { param: 'variant' });
}
