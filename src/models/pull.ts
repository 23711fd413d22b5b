import { LocalLiteError } from '../errors.ts';
import type { ModelCard, ModelSource, ModelVariant } from './card.ts';
import { type Candidate, fetchVariant, type PullContext } from './fetch-variant.ts';
import { install } from './install.ts';
import { kindOf } from './made.ts';
import type { Manifest } from './manifest.ts';
import { checkModelFile, isOptional } from './model-files.ts';
import { parseReference } from './reference.ts';
import { SourceFailure } from './sources/failure.ts';
import type { HubCache } from './sources/hub-cache.ts';
import type { Source, SourceAddress, SourceKind, SourcePlan } from './sources/source.ts';

/** Every place a model can come from. */
export interface Places {
  readonly sources: ReadonlyMap<SourceKind, Source>;
  readonly cache: HubCache;
  /** Leaves out everything that needs the network. */
  readonly offline: boolean;
}

/** One source that did not deliver, and why. */
interface Refusal {
  readonly what: string;
  readonly error: LocalLiteError;
}

/** The place that a card's `ref` names. @throws LocalLiteError invalid_request */
export function addressOf(ref: string): SourceAddress {
  const { source, id, revision } = parseReference(ref);
  return { kind: source ?? 'hub', id, revision };
}

/** Closes what a plan holds open. */
export async function closePlan(plan: SourcePlan): Promise<void> {
  if (plan.kind !== 'folder') await plan.client.close();
}

/** The variants to try, in order: the named one, or all that may run unasked. */
export function wantedVariants(card: ModelCard, name: string | undefined): readonly ModelVariant[] {
  if (name === undefined) {
    const unasked = card.variants.filter(({ batchInvariant }) => batchInvariant);
    return unasked.length > 0 ? unasked : card.variants;
  }
  const named = card.variants.filter((variant) => variant.name === name);
  if (named.length > 0) return named;
  // What no card lists may be made: then its weights are what is fetched.
  const weights = kindOf(name) === undefined ? [] : card.variants.filter(({ kind }) => kind === 'weights');
  if (weights.length > 0) return weights;
  const names = card.variants.map((variant) => variant.name).join(', ');
  throw new LocalLiteError('model_not_found', `${card.id} has no variant ${JSON.stringify(name)}; it has ${names}`, { param: 'model' });
}

/**
 * Installs the first variant that some source delivers, in the card's order; for each variant a Hugging Face cache on this
 * machine comes before anything that needs the network.
 * @throws LocalLiteError model_fetch_failed or offline, naming every source and its reason; disk_full, cancelled
 */
export async function pullCard(
  context: PullContext,
  places: Places,
  card: ModelCard,
  variants: readonly ModelVariant[],
  only?: SourceKind,
): Promise<Manifest> {
  const refusals: Refusal[] = [];
  // A host that cannot be reached at all is asked once a pull, not once a variant.
  const unreachable = new Map<SourceKind, LocalLiteError>();
  for (const variant of variants) {
    const sources = variant.sources.filter(({ ref }) => only === undefined || addressOf(ref).kind === only);
    const cached = await fromCache(context, places, card, variant, sources, refusals);
    if (cached !== undefined) return cached;
    for (const source of sources) {
      const { kind } = addressOf(source.ref);
      const known = unreachable.get(kind);
      try {
        if (known !== undefined) throw known;
        return await fromSource(context, places, { card, variant, source });
      } catch (error) {
        const refusal = refusalOf(error, `${source.ref} (${variant.name})`);
        if (kind !== 'https' && SourceFailure.isFailure(error) && error.kind === 'unreachable') unreachable.set(kind, error);
        refusals.push(refusal);
        context.telemetry.log.info('model_source_refused', {
          model: card.id,
          source: source.ref,
          variant: variant.name,
          reason: refusal.error.message,
        });
        context.meter.restart();
      }
    }
  }
  throw allRefused(card.id, refusals, only);
}

/** Faults of this machine or of the caller end the pull; only a source's own refusal lets the next one try. */
function refusalOf(error: unknown, what: string): Refusal {
  if (SourceFailure.isFailure(error)) return { what, error };
  throw error;
}

/** @throws SourceFailure, LocalLiteError */
async function fromSource(context: PullContext, places: Places, candidate: Candidate): Promise<Manifest> {
  for (const file of candidate.source.files) checkModelFile(file);
  const address = addressOf(candidate.source.ref);
  const source = places.sources.get(address.kind);
  if (source === undefined) throw new SourceFailure('refused', `LocalLite has no source ${address.kind}`);
  if (source.remote && places.offline) throw new SourceFailure('offline', 'offline mode is on');
  context.meter.phase('resolving', undefined);
  const plan = await source.resolve(address, candidate.source, context.signal);
  try {
    const staged = await fetchVariant(context, candidate, plan);
    context.meter.phase('installing', undefined);
    return await install(context, staged, context.signal);
  } finally {
    await closePlan(plan);
  }
}

async function fromCache(
  context: PullContext,
  places: Places,
  card: ModelCard,
  variant: ModelVariant,
  sources: readonly ModelSource[],
  refusals: Refusal[],
): Promise<Manifest | undefined> {
  for (const source of sources) {
    const address = addressOf(source.ref);
    if (address.kind !== 'hub') continue;
    try {
      for (const file of source.files) checkModelFile(file);
      const plan = await places.cache.resolve(address, source.files, isOptional);
      if (plan === undefined) continue;
      return await install(context, await fetchVariant(context, { card, variant, source }, plan), context.signal);
    } catch (error) {
      refusals.push(refusalOf(error, `Hugging Face cache of ${source.ref} (${variant.name})`));
    }
  }
  return undefined;
}

function allRefused(id: string, refusals: readonly Refusal[], only: SourceKind | undefined): LocalLiteError {
  if (refusals.length === 0) {
    return new LocalLiteError(
      'model_not_found',
      `${id} cannot be taken from ${only === undefined ? 'anywhere' : `${only}:`}; its card names no such source`,
    );
  }
  const lines = refusals.map(({ what, error }) => `${what}: ${error.message}`);
  const offline = refusals.every(({ error }) => error.code === 'offline');
  if (offline)
    return new LocalLiteError(
      'offline',
      `${id} is not installed, and offline mode is on; go online once and pull it, or use a copy by file:`,
    );
  const missing = refusals.every(({ error }) => SourceFailure.isFailure(error) && error.kind === 'missing');
  const code = missing && refusals.length > 0 ? 'model_not_found' : 'model_fetch_failed';
  const waits = refusals.map(({ error }) => error.retryAfterSeconds ?? 0);
  const wait = Math.max(...waits);
  const message = `${id} could not be fetched. Tried ${lines.join('; ')}`;
  return new LocalLiteError(code, message, { cause: refusals.at(-1)?.error, ...(wait > 0 ? { retryAfterSeconds: wait } : {}) });
}
