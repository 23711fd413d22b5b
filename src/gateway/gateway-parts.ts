import type { Config } from '../config/settings.ts';
import type { ModelCard } from '../models/card.ts';
import type { ModelCatalog } from '../models/catalog.ts';
import type { ModelStore } from '../models/store-types.ts';
import type { FakeGraph } from '../runtime/fake.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { OpenAliases } from './aliases.ts';
import type { ModelSettingsById, Names } from './names.ts';

/** What a gateway is built from; each of its parts takes what it needs of this. */
export interface GatewayParts {
  readonly config: Config;
  readonly telemetry: Telemetry;
  readonly catalog: ModelCatalog;
  readonly store: ModelStore;
  readonly aliases: OpenAliases;
  readonly names: Names;
  readonly modelSettings: ModelSettingsById;
  readonly fakes: ReadonlyMap<string, FakeGraph>;
}

/** What the settings say of one model. */
export function settingsOf({ modelSettings }: Pick<GatewayParts, 'modelSettings'>, id: string): Config['models'][string] {
  return modelSettings.get(id.toLowerCase()) ?? {};
}

/** The card with what the settings say of this model; the vector space follows. */
export function withSettings(card: ModelCard, settings: Config['models'][string]): ModelCard {
  return {
    ...card,
    pooling: settings.pooling ?? card.pooling,
    normalize: settings.normalize ?? card.normalize,
    maxTokens: settings.max_tokens ?? card.maxTokens,
    dimensions: settings.dimensions ?? card.dimensions,
    prompts: { query: settings.query_prompt ?? card.prompts.query, passage: settings.passage_prompt ?? card.prompts.passage },
  };
}
