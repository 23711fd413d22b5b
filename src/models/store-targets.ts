import { LocalLiteError } from '../errors.ts';
import type { ModelCard, Pooling } from './card.ts';
import type { PullContext } from './fetch-variant.ts';
import { kindOf, WEIGHTS_VARIANT } from './made.ts';
import type { Manifest } from './manifest.ts';
import { addressOf, type Places, pullCard, wantedVariants } from './pull.ts';
import { type CardOverrides, pullUnlisted } from './pull-unlisted.ts';
import { type Reference, referenceId } from './reference.ts';
import type { InstalledModel } from './store-types.ts';

/** Settings of one model that matter to the store (`models."<id>"`). */
export interface StoredModelSettings {
  readonly variant?: string | undefined;
  readonly pooling?: Pooling | undefined;
  readonly normalize?: boolean | undefined;
  readonly max_tokens?: number | undefined;
  readonly dimensions?: number | undefined;
  readonly query_prompt?: string | undefined;
  readonly passage_prompt?: string | undefined;
}

/** Finds cards by name; the catalogue is one. */
export interface CardFinder {
  resolve(nameOrAlias: string): { readonly card: ModelCard; readonly variant: string | undefined } | undefined;
}

/** What a reference comes down to: which model, whether it is there, and how it is fetched. */
export interface PullTarget {
  readonly id: string;
  readonly key: string;
  installed(find: Find): Promise<InstalledModel | undefined>;
  pull(context: PullContext, places: Places): Promise<Manifest>;
}

/** @throws LocalLiteError model_not_found for a short name that no card has */
export function targetOf(catalog: CardFinder, reference: Reference, settingsOf: (id: string) => StoredModelSettings): PullTarget {
  const { source, id, revision } = reference;
  const entry = source === undefined || source === 'hub' ? catalog.resolve(id) : undefined;
  const ours = entry !== undefined && (revision === undefined || revision === entry.card.revision);
  if (ours) {
    const { card } = entry;
    const variant = reference.variant ?? entry.variant ?? settingsOf(card.id).variant;
    return {
      id: card.id,
      key: `${card.id}#${variant ?? ''}#${source ?? ''}`,
      installed: async (find) => {
        const model = await alreadyThere(find, card.id, variant);
        return model?.card.revision === card.revision ? model : undefined;
      },
      pull: (context, places) => pullCard(context, places, card, wantedVariants(card, variant), source),
    };
  }
  return unlistedTarget(reference, settingsOf);
}

function unlistedTarget(reference: Reference, settingsOf: (id: string) => StoredModelSettings): PullTarget {
  if (reference.source === undefined && !reference.id.includes('/')) {
    throw new LocalLiteError(
      'model_not_found',
      `there is no model named ${JSON.stringify(reference.id)} in the catalogue; a model of the hub is named owner/name`,
      {
        param: 'model',
      },
    );
  }
  const id = referenceId(reference);
  const own = settingsOf(id);
  const variant = reference.variant ?? own.variant;
  const address = { kind: reference.source ?? 'hub', id: reference.id, revision: reference.revision } as const;
  const overrides: CardOverrides = {
    pooling: own.pooling,
    normalize: own.normalize,
    maxTokens: own.max_tokens,
    dimensions: own.dimensions,
    queryPrompt: own.query_prompt,
    passagePrompt: own.passage_prompt,
  };
  return {
    id,
    key: JSON.stringify([address, variant]),
    installed: async (find) => {
      const model = await alreadyThere(find, id, variant);
      if (model === undefined) return undefined;
      const from = addressOf(model.source);
      const same =
        from.kind === address.kind && from.id === address.id && (address.revision === undefined || address.revision === from.revision);
      return same ? model : undefined;
    },
    pull: (context, places) => pullUnlisted(context, places, { id, address, variant, overrides }),
  };
}

type Find = (id: string, variant?: string) => Promise<InstalledModel | undefined>;

/**
 * What makes a pull needless. A variant that the card lists must be there itself; any other precision is made of the weights, so that
 * they are enough.
 */
async function alreadyThere(find: Find, id: string, variant: string | undefined): Promise<InstalledModel | undefined> {
  const model = await find(id, variant);
  if (variant === undefined || model?.variant.name === variant) return model;
  const enough = model ?? (kindOf(variant) === undefined ? undefined : await find(id, WEIGHTS_VARIANT));
  return enough?.card.variants.some(({ name }) => name === variant) === true ? undefined : enough;
}
