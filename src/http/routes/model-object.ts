import type { LoadedModel, ModelSummary } from '../../gateway/gateway-types.ts';
import type { LoadedModelObject, ModelObject } from '../../wire/models.ts';

/** A model as OpenAI's wire shows it. */
export function toModelObject(summary: ModelSummary): ModelObject {
  return {
    id: summary.id,
    object: 'model',
    created: summary.installed === undefined ? 0 : Math.floor(Date.parse(summary.installed.installedAt) / 1000),
    owned_by: summary.id.split('/')[0] ?? summary.id,
    locallite: {
      alias: summary.alias ?? null,
      ...cardFacts(summary),
      installed: toInstalled(summary),
      loaded: summary.loaded === undefined ? null : toLoadedModel(summary.loaded),
    },
  };
}

function cardFacts(summary: ModelSummary): Omit<ModelObject['locallite'], 'alias' | 'installed' | 'loaded'> {
  const card = summary.card ?? summary.installed?.card;
  return {
    task: card?.task ?? null,
    modality: card?.modality ?? null,
    dimensions: card?.dimensions ?? null,
    matryoshka: card?.matryoshka ?? null,
    max_tokens: card?.maxTokens ?? null,
    pooling: card?.pooling ?? null,
    normalize: card?.normalize ?? null,
    prompts: card?.prompts ?? null,
    license: card?.license ?? null,
    languages: card?.languages ?? null,
    variants: card?.variants.map((variant) => variant.name) ?? [],
    scores: card?.scores ?? {},
    verified: card?.verified ?? null,
  };
}

function toInstalled({ installed }: ModelSummary): ModelObject['locallite']['installed'] {
  if (installed === undefined) return null;
  return { variant: installed.variant.name, source: installed.source, bytes: installed.bytes, installed_at: installed.installedAt };
}

/** A model in memory as our wire shows it. */
export function toLoadedModel(model: LoadedModel): LoadedModelObject {
  return {
    id: model.id,
    variant: model.variant,
    space: model.space,
    provider: model.provider,
    rejected: model.rejected.map(({ provider, reason }) => ({ provider, reason })),
    nodes_by_provider: model.nodesByProvider ?? null,
    workers: model.workers,
    memory_bytes: model.memoryBytes,
    users: model.users,
    idle_ms: model.idleMs,
    expires_in_ms: model.expiresInMs ?? null,
    pinned: model.pinned,
    load_ms: model.loadMs,
    self_test: model.selfTest === undefined ? null : { texts: model.selfTest.texts, worst_cosine: model.selfTest.worstCosine },
  };
}
