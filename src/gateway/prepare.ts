import { ERROR_TABLE, type ErrorCode, LocalLiteError } from '../errors.ts';
import { isCurrent, isFaithful, kindName, kindOf, type MadeKind, sameKind, WEIGHTS_VARIANT, weightsDigest } from '../models/made.ts';
import { formatReference, parseReference } from '../models/reference.ts';
import type { InstalledModel } from '../models/store-types.ts';
import { recipeOf } from './convert-job.ts';
import { type GatewayParts, settingsOf } from './gateway-parts.ts';
import type { ConvertOrder, Job, Jobs } from './gateway-types.ts';
import { findInstalled, type ResolvedName } from './names.ts';
import { floorWarning } from './variant-choice.ts';

type Parts = Pick<GatewayParts, 'config' | 'telemetry' | 'store' | 'names' | 'catalog' | 'modelSettings'>;

/** What a name comes down to: a variant that can be opened, or one that has to be made first. */
type Decision =
  | { readonly model: InstalledModel }
  | {
      readonly order: ConvertOrder;
      /** Runs if the conversion fails. */
      readonly instead: InstalledModel | undefined;
    };

/** What is there of a model that was named. */
interface Place {
  readonly installed: readonly InstalledModel[];
  readonly weights: InstalledModel | undefined;
  readonly resolved: ResolvedName;
}

/**
 * Finds the variant that a name stands for and has it made where it is not there yet: nothing is chosen twice, what is pinned stays, and
 * what a newer converter makes takes the place of the same kind.
 */
export class Preparation {
  readonly #parts: Parts;
  readonly #jobs: Pick<Jobs, 'startConvert' | 'watch'>;

  constructor(parts: Parts, jobs: Pick<Jobs, 'startConvert' | 'watch'>) {
    this.#parts = parts;
    this.#jobs = jobs;
  }

  /**
   * The variant to open. A caller who leaves does not stop the conversion.
   * @throws LocalLiteError model_not_found, cancelled, and what a conversion ends with
   */
  async find(name: string, resolved: ResolvedName, signal?: AbortSignal): Promise<InstalledModel> {
    const decision = await this.#decide(name, resolved);
    const model = 'model' in decision ? decision.model : await this.#make(decision, signal);
    this.#warn(model, resolved);
    return model;
  }

  /** Starts the conversion that the first use of a model would start; undefined where nothing is to be made. @throws LocalLiteError model_not_found */
  async start(name: string): Promise<Job | undefined> {
    const decision = await this.#decide(name, this.#parts.names.resolve(name));
    return 'order' in decision ? this.#jobs.startConvert(decision.order) : undefined;
  }

  async #decide(name: string, resolved: ResolvedName): Promise<Decision> {
    const named = this.#named(resolved);
    const installed = await this.#parts.store.variants(resolved.id);
    const weights = installed.find(({ variant }) => variant.kind === 'weights');
    if (named !== undefined) return this.#decideNamed(named, { name, installed, weights, resolved });
    const runnable = installed.filter(({ variant }) => variant.kind !== 'weights');
    const pinned = runnable.find((model) => model.pinned === true);
    if (pinned?.made !== undefined) return this.#ofKind(pinned.made.recipe, { installed, weights, resolved });
    if (pinned !== undefined) return { model: pinned };
    if (weights === undefined) return { model: await findInstalled(name, resolved, this.#parts) };
    return { order: orderOf(resolved, 'auto', 'cpu'), instead: runnable.find(({ made }) => made === undefined) };
  }

  async #decideNamed(variant: string, { name, ...place }: Place & { readonly name: string }): Promise<Decision> {
    const exact = place.installed.find((model) => model.variant.name === variant);
    if (exact !== undefined) return { model: this.#faithful(exact) };
    const kind = kindOf(variant);
    const isThere = kind !== undefined && place.installed.some(({ made }) => made !== undefined && sameKind(made.recipe, kind));
    if (kind !== undefined && (isThere || (place.weights !== undefined && isMadeOnDemand(kind)))) return this.#ofKind(kind, place);
    if (kind !== undefined && place.weights !== undefined) throw notMade(place.resolved, kind);
    return { model: await findInstalled(name, place.resolved, this.#parts) };
  }

  /** What was made of that kind as it is wanted now, or the order to make it. Without weights an older one has to do. */
  #ofKind({ precision, target }: MadeKind, { installed, weights, resolved }: Place): Decision {
    const candidates = installed.filter(({ made }) => made !== undefined && sameKind(made.recipe, { precision, target }));
    const digest = weights && weightsDigest(weights.files);
    const current = candidates.find(
      ({ made, card }) => made && isCurrent(made, recipeOf({ card }, { precision, target }, this.#parts), digest),
    );
    if (current !== undefined) return { model: current };
    const faithful = candidates.find((model) => this.#isFaithful(model));
    if (weights !== undefined) return { order: orderOf(resolved, precision, target), instead: faithful };
    const [first] = candidates;
    if (first === undefined) throw new LocalLiteError('internal', `nothing of the kind ${kindName({ precision, target })} is there`);
    return { model: this.#faithful(faithful ?? first) };
  }

  /** The variant asked for; the weights' own name asks for whatever is made of them. */
  #named(resolved: ResolvedName): string | undefined {
    const variant = resolved.variant ?? settingsOf(this.#parts, resolved.id).variant;
    return variant === WEIGHTS_VARIANT ? undefined : variant;
  }

  #isFaithful(model: InstalledModel): boolean {
    return model.made === undefined || isFaithful(model.made.recipe, recipeOf(model, model.made.recipe, this.#parts));
  }

  /** A made graph has pooling and the like built in: one that was made otherwise would answer with other vectors than the settings say. */
  #faithful(model: InstalledModel): InstalledModel {
    if (this.#isFaithful(model)) return model;
    throw new LocalLiteError(
      'model_load_failed',
      `${model.card.id}#${model.variant.name} was made with other pooling, normalisation, dimensions or max_tokens than the settings say now. Make it again: locallite convert ${model.card.id}`,
      { param: 'model' },
    );
  }

  async #make({ order, instead }: Extract<Decision, { order: ConvertOrder }>, signal: AbortSignal | undefined): Promise<InstalledModel> {
    const job = await this.#ended(this.#jobs.startConvert(order), signal);
    if (job.state === 'succeeded') {
      const { id } = this.#parts.names.resolve(order.reference);
      const made = await this.#parts.store.find(id, String(job.result?.['variant']));
      if (made !== undefined) return made;
    }
    const error = errorOf(job);
    if (instead === undefined || job.state === 'cancelled') throw error;
    this.#parts.telemetry.log.warn('variant_not_made', { model: instead.card.id, runs: instead.variant.name, reason: error.message });
    return instead;
  }

  async #ended(started: Job, signal: AbortSignal | undefined): Promise<Job> {
    let last = started;
    for await (const job of this.#jobs.watch(started.id, signal)) last = job;
    if (signal?.aborted) throw new LocalLiteError('cancelled', 'the caller left while the model was being converted');
    return last;
  }

  #warn({ card, variant }: InstalledModel, resolved: ResolvedName): void {
    if (this.#named(resolved) !== undefined) return;
    const hasWeights = card.variants.some(({ kind }) => kind === 'weights');
    const reason = floorWarning(card.alias, variant, this.#parts.config.convert.fidelity_floor, hasWeights);
    if (reason !== undefined) this.#parts.telemetry.log.warn('variant_under_floor', { model: card.id, variant: variant.name, reason });
  }
}

/** Requests may name these; graphs for other devices are for whoever runs the gateway to make. */
function isMadeOnDemand({ precision, target }: MadeKind): boolean {
  return target === 'cpu' && precision !== 'fp16';
}

function notMade({ id }: ResolvedName, { precision, target }: MadeKind): LocalLiteError {
  const command = `locallite convert ${id} --precision ${precision} --target ${target}`;
  return new LocalLiteError('model_not_found', `${id}#${kindName({ precision, target })} has not been made yet. Make it with: ${command}`, {
    param: 'model',
  });
}

function orderOf({ reference }: ResolvedName, precision: ConvertOrder['precision'], target: ConvertOrder['target']): ConvertOrder {
  return { reference: formatReference({ ...parseReference(reference), variant: undefined }), precision, target, pin: false };
}

function errorOf({ state, error, subject }: Job): LocalLiteError {
  if (state === 'cancelled') return new LocalLiteError('cancelled', `the conversion of ${subject} was cancelled`);
  const code = error?.code ?? 'internal';
  return new LocalLiteError(
    code in ERROR_TABLE ? (code as ErrorCode) : 'internal',
    error?.message ?? `what was made of ${subject} is not there`,
    { param: 'model' },
  );
}
