import type { Config } from '../config/settings.ts';
import { LocalLiteError } from '../errors.ts';
import type { InstalledModel } from '../models/store-types.ts';
import { availableProviders } from '../runtime/available.ts';
import { chooseProviders, type ProviderChoice, type ProviderName } from '../runtime/providers.ts';
import type { CoreSlots } from '../runtime/slots.ts';
import { openEngine } from './engine.ts';
import type { Engine } from './engine-types.ts';
import { type GatewayParts, settingsOf, withSettings } from './gateway-parts.ts';

/** A copy of an OCR model takes hundreds of megabytes, and a page has work for so many. */
const MOST_OCR_WORKERS = 4;

/** Opens engines as the settings want them: providers, workers, limits. */
export class EngineOpener {
  readonly #parts: GatewayParts;
  readonly #slots: CoreSlots;
  #available: Promise<readonly ProviderName[]> | undefined;

  constructor(parts: GatewayParts, slots: CoreSlots) {
    this.#parts = parts;
    this.#slots = slots;
  }

  /** @throws LocalLiteError as {@link openEngine} */
  async open(model: InstalledModel, signal: AbortSignal): Promise<Engine> {
    const { config, telemetry, fakes } = this.#parts;
    const { batch, queue, inference, runtime } = config;
    return openEngine({
      model,
      card: withSettings(model.card, settingsOf(this.#parts, model.card.id)),
      signal,
      choice: await this.#choose(model),
      workers: this.workersFor(model),
      slots: this.#slots,
      telemetry,
      limits: {
        maxPaddedTokens: batch.max_padded_tokens,
        maxBulkWaitMs: batch.max_wait,
        maxQueuedTokens: queue.max_tokens,
        batchTimeoutMs: inference.timeout * 1000,
        loadTimeoutMs: inference.load_timeout * 1000,
      },
      runtimePackage: runtime.package,
      providerLibrary: runtime.provider_library,
      fakes,
    });
  }

  /** Processes that hold a copy of a model: its workers, or the gateway alone for a static one. */
  workersFor({ card, variant }: InstalledModel): number {
    const { threads } = this.#parts.config;
    if (variant.kind === 'static') return 1;
    const most = card.task === 'ocr' ? Math.min(threads, MOST_OCR_WORKERS) : threads;
    return Math.min(settingsOf(this.#parts, card.id).workers ?? most, threads);
  }

  async #choose(model: InstalledModel): Promise<ProviderChoice> {
    const { config } = this.#parts;
    this.#available ??= availableProviders(config.runtime.package);
    const named = settingsOf(this.#parts, model.card.id).provider;
    const facts = { available: await this.#available, dtype: model.variant.dtype, platform: process.platform };
    const choice = chooseProviders(named === undefined ? config.providers : [named], facts, config.provider_policy);
    checkProviderLibrary(config, choice);
    return choice;
  }
}

function checkProviderLibrary(config: Config, choice: ProviderChoice): void {
  if (config.runtime.provider_library === undefined || choice.order.includes('qnn')) return;
  const why = choice.rejected.find(({ provider }) => provider === 'qnn')?.reason ?? 'it is not among the providers wanted';
  throw new LocalLiteError('provider_unavailable', `runtime.provider_library is for qnn, and qnn will not run: ${why}`);
}
