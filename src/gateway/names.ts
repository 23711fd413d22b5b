import { closest, distance } from 'fastest-levenshtein';
import type { Config } from '../config/settings.ts';
import { LocalLiteError } from '../errors.ts';
import type { ModelCatalog } from '../models/catalog.ts';
import { formatReference, parseReference, referenceId } from '../models/reference.ts';
import type { InstalledModel, ModelStore } from '../models/store-types.ts';
import type { OpenAliases } from './aliases.ts';

/** What a name stands for. */
export interface ResolvedName {
  /** Id of the model, as on its card. */
  readonly id: string;
  /** The variant that the name asks for. */
  readonly variant: string | undefined;
  /** What a pull would be told. */
  readonly reference: string;
  /** True for a name of the catalogue or the hub: such a model may be pulled on behalf of whoever asks for its vectors. */
  readonly isPublic: boolean;
}

/** Turns what users write into what it stands for. */
export interface Names {
  /** @throws LocalLiteError invalid_request for a malformed reference or aliases that lead in a circle */
  resolve(name: string): ResolvedName;
}

/** Settings of single models, by model id in lower case. */
export type ModelSettingsById = ReadonlyMap<string, Config['models'][string]>;

/** An alias may point to an alias; more hops than this are a circle. */
const MOST_HOPS = 8;
/** Names that are remembered before all are forgotten. */
const MOST_REMEMBERED = 1_000;

/** Turns what users write (ids, short names, aliases, references, other tools' names) into model ids. */
export function createNames(options: { readonly catalog: ModelCatalog; readonly aliases: OpenAliases }): Names {
  const follow = (name: string): string => {
    // The settings come first, whatever the case an alias is written in.
    const aliases = Object.entries(options.aliases.list()).sort(([, a], [, b]) => Number(a.from === 'file') - Number(b.from === 'file'));
    let current = name;
    for (let hop = 0; hop < MOST_HOPS; hop++) {
      const plain = current.toLowerCase().replace(/:latest$/, '');
      const next = aliases.find(([alias]) => alias.toLowerCase() === plain)?.[1].target;
      if (next === undefined || next === current) return current;
      current = next;
    }
    throw new LocalLiteError('invalid_request', `the alias ${name} leads in a circle`, { param: 'model' });
  };
  const work = (name: string): ResolvedName => {
    const reference = parseReference(follow(name));
    const isPublic = reference.source === undefined || reference.source === 'hub';
    const known = isPublic ? options.catalog.resolve(reference.id) : undefined;
    return {
      id: known?.card.id ?? referenceId(reference),
      variant: reference.variant ?? known?.variant,
      reference: formatReference(reference),
      isPublic,
    };
  };
  // Every request resolves its model's name, nearly always the same one.
  let resolved = new Map<string, ResolvedName>();
  let asOf = options.aliases.version();
  return {
    resolve(name) {
      if (asOf !== options.aliases.version() || resolved.size > MOST_REMEMBERED) {
        asOf = options.aliases.version();
        resolved = new Map();
      }
      const known = resolved.get(name) ?? work(name);
      resolved.set(name, known);
      return known;
    },
  };
}

/**
 * The settings of single models under the ids that their keys (ids, short names, aliases, references) stand for.
 * @throws LocalLiteError invalid_config when two keys stand for one model
 */
export function settingsById(models: Config['models'], names: Names): ModelSettingsById {
  const byId = new Map<string, { key: string; settings: Config['models'][string] }>();
  for (const [key, settings] of Object.entries(models)) {
    const id = names.resolve(key).id.toLowerCase();
    const other = byId.get(id);
    if (other !== undefined) {
      throw new LocalLiteError('invalid_config', `models: ${other.key} and ${key} are the same model (${id}); keep one of them`);
    }
    byId.set(id, { key, settings });
  }
  return new Map([...byId].map(([id, { settings }]) => [id, settings]));
}

/** The installed model a name stands for. @throws LocalLiteError model_not_found with the pull command, or the name that was meant */
export async function findInstalled(
  name: string,
  resolved: ResolvedName,
  parts: { readonly store: ModelStore; readonly catalog: ModelCatalog; readonly modelSettings: ModelSettingsById },
): Promise<InstalledModel> {
  const variant = resolved.variant ?? parts.modelSettings.get(resolved.id.toLowerCase())?.variant;
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
