import type { LoadedModel, ModelSummary } from '../../gateway/gateway-types.ts';
import type { LoadedModelObject, ModelObject } from '../../wire/models.ts';

type InstalledModel = NonNullable<ModelSummary['installed']>;
type InstalledObject = NonNullable<ModelObject['locallite']['installed']>;

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
      installed: summary.installed === undefined ? null : toInstalled(summary.installed),
      installed_variants: (summary.variants ?? []).map(toInstalled),
      warning: summary.warning ?? null,
      loaded: summary.loaded === undefined ? null : toLoadedModel(summary.loaded),
      loaded_variants: (summary.loadedVariants ?? []).map(toLoadedModel),
    },
  };
}

function cardFacts(
  summary: ModelSummary,
): Omit<ModelObject['locallite'], 'alias' | 'installed' | 'installed_variants' | 'warning' | 'loaded' | 'loaded_variants'> {
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

function toInstalled(model: InstalledModel): InstalledObject {
  const { variant, made, source, bytes, installedAt } = model;
  const { fidelity } = variant;
  const speed = made?.report.tokensPerSecond;
  return {
    variant: variant.name,
    kind: variant.kind ?? 'graph',
    pinned: model.pinned ?? false,
    fidelity: fidelity === undefined ? null : { mean_cosine: fidelity.meanCosine, worst_cosine: fidelity.worstCosine, on: fidelity.on },
    tokens_per_second: speed === undefined ? null : { this: speed.this, fp32: speed.fp32 ?? null },
    memory_bytes: variant.memoryBytes ?? null,
    report: made === undefined ? null : toReport(made.report),
    source,
    bytes,
    installed_at: installedAt,
  };
}

function toReport(report: NonNullable<InstalledModel['made']>['report']): NonNullable<InstalledObject['report']> {
  const { converter, precision, target, family, seconds } = report;
  return {
    converter,
    precision,
    target,
    family,
    batch_invariance: report.batchInvariance ?? null,
    kept_in_float: [...report.keptInFloat],
    worst_layers: report.worstLayers.map(({ layer, relativeError }) => ({ layer, relative_error: relativeError })),
    seconds,
  };
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
