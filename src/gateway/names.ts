import { closest, distance } from 'fastest-levenshtein';
import type { Config } from '../config/settings.ts';
import { LocalLiteError } from '../errors.ts';
import type { ModelCatalog } from '../models/catalog.ts';
import { formatReference, parseReference, referenceId } from '../models/reference.ts';
import type { InstalledModel, ModelStore } from '../models/store-types.ts';
import type { Aliases } from './gateway-types.ts';

/** What a name stands for. */
export interface ResolvedName {
  /** Id of the model, as on its card. */
  readonly id: string;
  /** The variant that the name asks for. */
  readonly variant: string | undefined;
  /** What a pull would be told. */
  readonly reference: string;
}

/** An alias may point to an alias; more hops than this are a circle. */
const MOST_HOPS = 8;

/** Turns what users write (ids, short names, aliases, references, other tools' names) into model ids. */
export function createNames(options: { readonly catalog: ModelCatalog; readonly aliases: Aliases }): {
  resolve(name: string): ResolvedName;
} {
  const follow = (name: string): string => {
    const aliases = Object.entries(options.aliases.list());
    let current = name;
    for (let hop = 0; hop < MOST_HOPS; hop++) {
      const plain = current.toLowerCase().replace(/:latest$/, '');
      const next = aliases.find(([alias]) => alias.toLowerCase() === plain)?.[1].target;
      if (next === undefined || next === current) return current;
      current = next;
    }
    throw new LocalLiteError('invalid_request', `the alias ${name} leads in a circle`, { param: 'model' });
  };
  return {
    resolve(name) {
      const target = follow(name);
      const reference = parseReference(target);
      const known = reference.source === undefined || reference.source === 'hub' ? options.catalog.resolve(reference.id) : undefined;
      return {
        id: known?.card.id ?? referenceId(reference),
        variant: reference.variant ?? known?.variant,
        reference: formatReference(reference),
      };
    },
  };
}

/** The settings of one model, whatever the case its id is written in. */
export function modelSettings(config: Config, id: string): Config['models'][string] {
  const key = Object.keys(config.models).find((name) => name.toLowerCase() === id.toLowerCase());
  return (key === undefined ? undefined : config.models[key]) ?? {};
}

/** The installed model a name stands for. @throws LocalLiteError model_not_found with the pull command, or the name that was meant */
export async function findInstalled(
  name: string,
  resolved: ResolvedName,
  parts: { readonly store: ModelStore; readonly catalog: ModelCatalog; readonly config: Config },
): Promise<InstalledModel> {
  const variant = resolved.variant ?? modelSettings(parts.config, resolved.id).variant;
  const installed = await parts.store.find(resolved.id, variant);
  if (installed !== undefined) return installed;
  const what = variant === undefined ? name : `${name} (variant ${variant})`;
  const known = parts.catalog.find(resolved.id) !== undefined || resolved.id.includes('/');
  const advice = known ? `Pull it with: locallite pull ${resolved.reference}` : suggestion(name, parts.catalog);
  throw new LocalLiteError('model_not_found', `the model ${what} is not installed. ${advice}`, { param: 'model' });
}

function suggestion(name: string, catalog: ModelCatalog): string {
  const nearest = closest(
    name.toLowerCase(),
    catalog.names().map((other) => other.toLowerCase()),
  );
  const isNear = distance(name.toLowerCase(), nearest) <= Math.max(2, name.length / 4);
  return isNear ? `Did you mean ${nearest}? "locallite list --all" shows what there is.` : '"locallite list --all" shows what there is.';
}
