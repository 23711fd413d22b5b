import { CONVERTER_VERSION, type ConvertProgress, type ConvertRequest, type Precision } from '../convert/convert-types.ts';
import { LocalLiteError } from '../errors.ts';
import { cardFacts, kindOf, type MadeKind, type Recipe, WEIGHTS_VARIANT } from '../models/made.ts';
import { formatReference, parseReference } from '../models/reference.ts';
import type { InstalledModel, PullProgress } from '../models/store-types.ts';
import type { Logger } from '../telemetry/telemetry.ts';
import { runConverter } from './converter-process.ts';
import { type GatewayParts, settingsOf, withSettings } from './gateway-parts.ts';
import type { ConvertOrder } from './gateway-types.ts';
import { judge, precisionsToTry, thisMachine, type Verdict } from './variant-choice.ts';

/** How a conversion is followed and stopped. */
export interface ConversionWatch {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PullProgress | ConvertProgress) => void;
}

type Parts = Pick<GatewayParts, 'config' | 'telemetry' | 'store' | 'names' | 'modelSettings'>;

/** What a graph of a model must hold now, by its card and the settings. */
export function recipeOf(model: Pick<InstalledModel, 'card'>, kind: MadeKind, parts: Pick<GatewayParts, 'modelSettings'>): Recipe {
  const facts = cardFacts(withSettings(model.card, settingsOf(parts, model.card.id)));
  const { precision, target } = kind;
  // A lower limit than the card's needs no other graph.
  return { converter: CONVERTER_VERSION, precision, target, ...facts, maxTokens: Math.max(facts.maxTokens, model.card.maxTokens) };
}

/** What the converter is told to make of installed weights. */
export function requestOf(weights: InstalledModel, recipe: Recipe, output: string): ConvertRequest {
  const { converter: _version, ...wanted } = recipe;
  return { id: weights.card.id, directory: weights.directory, output, ...wanted };
}

/**
 * The order with what its name says: `name#int8` asks for int8 where nothing else is asked for.
 * @param name what the order's reference stands for, where that is an alias
 * @throws LocalLiteError invalid_request for a variant that is none of those that are made
 */
export function settledOrder(order: ConvertOrder, name = order.reference): ConvertOrder {
  const reference = parseReference(name);
  const { variant = WEIGHTS_VARIANT } = reference;
  const kind = kindOf(variant);
  if (kind === undefined && variant !== WEIGHTS_VARIANT) {
    throw new LocalLiteError(
      'invalid_request',
      `#${variant} is nothing that LocalLite makes; name fp32, fp16, int8 or q4, or leave it out`,
      { param: 'model' },
    );
  }
  return { ...order, ...(order.precision === 'auto' ? kind : {}), reference: formatReference({ ...reference, variant: undefined }) };
}

/** Turns published weights into variants that run: fetches the weights where they are missing, converts, chooses, pins. */
export class Conversions {
  readonly #parts: Parts;
  #last: Promise<void> = Promise.resolve();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Makes what is ordered and installs it.
   * @throws LocalLiteError model_unsupported where the model has no weights that LocalLite converts, and what pulling and converting throw
   */
  async run(order: ConvertOrder, watch: ConversionWatch): Promise<InstalledModel> {
    const weights = await this.weights(order.reference, watch);
    const { id } = weights.card;
    const made =
      order.precision === 'auto' ? await this.#choose(weights, order, watch) : await this.#make(weights, order.precision, order, watch);
    // What is laid out for another device does not run unasked.
    const mayRun = order.precision === 'auto' && order.target === 'cpu';
    const isOpen = mayRun && !(await this.#parts.store.variants(id)).some(({ pinned }) => pinned === true);
    if (order.pin || isOpen) await this.#parts.store.pin(id, made.variant.name);
    return made;
  }

  /** The installed weights of a model; pulled where they are missing. @throws LocalLiteError as {@link Conversions.run} */
  async weights(name: string, { signal, onProgress }: ConversionWatch): Promise<InstalledModel> {
    const { store, names } = this.#parts;
    const resolved = names.resolve(name);
    const there = await store.find(resolved.id, WEIGHTS_VARIANT);
    if (there !== undefined) return there;
    const reference = formatReference({ ...parseReference(resolved.reference), variant: WEIGHTS_VARIANT });
    try {
      return await store.pull(reference, { signal, onProgress });
    } catch (error) {
      if (!LocalLiteError.is(error) || !/has no variant "weights"/.test(error.message)) throw error;
      throw new LocalLiteError('model_unsupported', `${resolved.id} cannot be converted: it has no weights that LocalLite reads`, {
        param: 'model',
        cause: error,
      });
    }
  }

  /** What was made before the chosen one is kept, because it may be named. */
  #choose(weights: InstalledModel, order: ConvertOrder, watch: ConversionWatch): Promise<InstalledModel> {
    const { precision: wanted, fidelity_floor: floor } = this.#parts.config.convert;
    return firstChosen(precisionsToTry(wanted, thisMachine()), {
      make: (precision) => this.#make(weights, precision, order, watch),
      verdict: ({ made, variant }) =>
        made === undefined ? { chosen: false, reason: 'it was not made here' } : judge(made.report, variant, { floor, wanted }),
      signal: watch.signal,
      log: this.#parts.telemetry.log,
      model: weights.card.id,
    });
  }

  #make(
    weights: InstalledModel,
    precision: Precision,
    { target }: ConvertOrder,
    { signal, onProgress }: ConversionWatch,
  ): Promise<InstalledModel> {
    const recipe = recipeOf(weights, { precision, target }, this.#parts);
    const silenceMs = this.#parts.config.convert.timeout * 1000;
    const work = (folder: string, stop: AbortSignal) =>
      this.#inTurn(() => runConverter(requestOf(weights, recipe, folder), { signal: stop, onProgress, silenceMs }));
    return this.#parts.store.make(weights, recipe, work, { signal });
  }

  /** One conversion at a time: each keeps a core and hundreds of megabytes busy. One that was cancelled meanwhile ends when its turn comes. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work);
    this.#last = mine.then(
      () => undefined,
      () => undefined,
    );
    return mine;
  }
}

/** How one precision after the other is made and judged. */
interface Choosing<Made> {
  readonly make: (precision: Precision) => Promise<Made>;
  readonly verdict: (made: Made) => Verdict;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** For the log. */
  readonly model: string;
}

/**
 * The first of `precisions` that may run unasked. One that cannot be made does not keep the next from being tried.
 * @throws LocalLiteError what the last conversion ended with, when none is left; cancelled
 */
export async function firstChosen<Made>(precisions: readonly Precision[], choosing: Choosing<Made>): Promise<Made> {
  const { make, verdict, signal, log, model } = choosing;
  let failure: unknown;
  for (const precision of precisions) {
    try {
      const made = await make(precision);
      const { chosen, reason } = verdict(made);
      log.info(chosen ? 'variant_chosen' : 'variant_refused', { model, precision, reason });
      if (chosen) return made;
    } catch (error) {
      if (signal.aborted) throw error;
      failure = error;
      log.warn('conversion_failed', { model, precision, reason: LocalLiteError.from(error).message });
    }
  }
  throw failure ?? new LocalLiteError('internal', `nothing could be made of ${model}`);
}
