import { mkdir } from 'node:fs/promises';
import { processEnvironment } from '../config/environment.ts';
import { loadConfig } from '../config/load.ts';
import type { Config, ConfigOptions } from '../config/settings.ts';
import { LocalLiteError } from '../errors.ts';
import type { ModelCard } from '../models/card.ts';
import { createCatalog, type ModelCatalog } from '../models/catalog.ts';
import { createModelStore } from '../models/store.ts';
import type { InstalledModel, ModelStore } from '../models/store-types.ts';
import { availableProviders } from '../runtime/available.ts';
import type { FakeGraph } from '../runtime/fake.ts';
import { chooseProviders, type ProviderChoice, type ProviderName } from '../runtime/providers.ts';
import { CoreSlots } from '../runtime/slots.ts';
import { silentTelemetry } from '../telemetry/create-telemetry.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { openAliases } from './aliases.ts';
import { type Engine, openEngine } from './engine.ts';
import type { EmbedRequest, EmbedResult, Gateway, ModelSummary, Models, TokenizeResult } from './gateway-types.ts';
import { createJobs } from './jobs.ts';
import { createNames, findInstalled, modelSettings, type ResolvedName } from './names.ts';
import { EnginePool, type Lease } from './pool.ts';

/** Everything is optional: without options a gateway reads the environment and the settings file, as the command line does. */
export interface GatewayOptions {
  /** Settings that win over environment and file, nested as in the settings file. */
  readonly settings?: ConfigOptions;
  /** Checked settings instead of all that; then `settings` is not read. */
  readonly config?: Config;
  /** Where logs, metrics and spans go; absent: nowhere. */
  readonly telemetry?: Telemetry;
  /** Other models than the shipped catalogue's. */
  readonly catalog?: ModelCatalog;
  readonly store?: ModelStore;
  /** Pretend graphs by model id (see `locallite/testing`). */
  readonly fakes?: ReadonlyMap<string, FakeGraph>;
}

/**
 * Builds a gateway in this process: the same engine, queue and results as behind HTTP, without a port. Close it when done.
 *
 * @throws LocalLiteError invalid_config
 * @example
 * await using gateway = await createGateway({ settings: { auto_pull: true } });
 * const { vectors } = await gateway.embed({ input: ['Hello world'] });
 */
export async function createGateway(options: GatewayOptions = {}): Promise<Gateway> {
  const config = options.config ?? loadConfig({ options: options.settings ?? {}, env: processEnvironment(), listens: false }).config;
  const telemetry = options.telemetry ?? silentTelemetry();
  const catalog = options.catalog ?? createCatalog();
  await mkdir(config.home, { recursive: true, mode: 0o700 });
  const store =
    options.store ?? createModelStore({ home: config.home, catalog, telemetry, settings: config, environment: processEnvironment() });
  const aliases = await openAliases(config.home, config.aliases);
  return new LocalGateway({ config, telemetry, catalog, store, aliases, fakes: options.fakes ?? new Map() });
}

interface Parts {
  readonly config: Config;
  readonly telemetry: Telemetry;
  readonly catalog: ModelCatalog;
  readonly store: ModelStore;
  readonly aliases: Awaited<ReturnType<typeof openAliases>>;
  readonly fakes: ReadonlyMap<string, FakeGraph>;
}

class LocalGateway implements Gateway {
  readonly config: Config;
  readonly telemetry: Telemetry;
  readonly aliases: Parts['aliases'];
  readonly jobs: ReturnType<typeof createJobs>;
  readonly models: Models;
  readonly #parts: Parts;
  readonly #names: ReturnType<typeof createNames>;
  readonly #pool: EnginePool;
  readonly #slots: CoreSlots;
  readonly #everLoaded = new Set<string>();
  /** What names stood for when their model was loaded; good as long as it is in memory, so that a request reads no file. */
  readonly #found = new Map<string, InstalledModel>();
  #available: Promise<readonly ProviderName[]> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.config = parts.config;
    this.telemetry = parts.telemetry;
    this.aliases = parts.aliases;
    this.jobs = createJobs(parts);
    this.#names = createNames(parts);
    this.#pool = new EnginePool({ budgetBytes: parts.config.memory_budget, telemetry: parts.telemetry });
    this.#slots = new CoreSlots(parts.config.threads);
    parts.telemetry.gauge('locallite_core_slots_busy', () => this.#slots.busy);
    this.models = {
      list: (scope) => this.#list(scope ?? 'installed'),
      show: (name) => this.#show(name),
      load: (name, options) => this.#load(name, options?.keepAlive, options?.signal),
      unload: (name) => this.#unload(this.#names.resolve(name)),
      remove: (name) => this.#remove(name),
      verify: (name) => parts.store.verify(name === undefined ? undefined : this.#names.resolve(name).id),
      loaded: () => this.#pool.loaded(),
    };
  }

  async embed(request: EmbedRequest): Promise<EmbedResult> {
    const started = performance.now();
    using lease = await this.#lease(request.model, request.keepAlive, request.signal);
    const { engine } = lease;
    const model = engine.card.id;
    const priority = request.priority ?? (request.input.length > this.config.batch.bulk_above ? 'bulk' : 'interactive');
    try {
      const embedded = await this.telemetry.span('locallite.embed', { model, inputs: request.input.length, priority }, () =>
        engine.embedder.embed(request.input, { ...request, lane: priority }),
      );
      const { tokenizeMs, queueMs, inferMs } = embedded;
      const timings = { tokenizeMs, queueMs, inferMs, totalMs: performance.now() - started };
      const { vectors, promptTokens, truncatedTokens } = embedded;
      return {
        model,
        space: engine.space,
        variant: engine.variant.name,
        provider: engine.provider,
        vectors,
        promptTokens,
        truncatedTokens,
        timings,
      };
    } catch (error) {
      if (LocalLiteError.is(error) && error.code === 'overloaded') this.telemetry.count('locallite_overloaded_total', 1, { model });
      throw error;
    }
  }

  async tokenize(request: Parameters<Gateway['tokenize']>[0]): Promise<TokenizeResult> {
    using lease = await this.#lease(request.model, undefined, undefined);
    const { tokenizer, card } = lease.engine;
    const options = { addSpecialTokens: request.addSpecialTokens ?? true };
    const tokens = await Promise.all(request.input.map((text) => tokenizer.spans(text, options)));
    return { model: card.id, exact: tokenizer.exact, tokens };
  }

  async detokenize(request: Parameters<Gateway['detokenize']>[0]): Promise<{ model: string; text: string }> {
    using lease = await this.#lease(request.model, undefined, undefined);
    const { tokenizer, card } = lease.engine;
    tokenizer.fromIds(request.tokens); // refuses ids that the vocabulary does not have
    return { model: card.id, text: tokenizer.decode(request.tokens, { skipSpecialTokens: request.skipSpecialTokens ?? true }) };
  }

  ready(): { ready: boolean; reason: string | undefined } {
    const { id } = this.#names.resolve(this.config.default_models.embed);
    if (this.#everLoaded.has(id)) return { ready: true, reason: undefined };
    return { ready: false, reason: `the default model ${id} is not loaded yet` };
  }

  async close(options: { readonly graceMs?: number } = {}): Promise<void> {
    const graceMs = options.graceMs ?? this.config.shutdown.grace * 1000;
    await Promise.all([this.jobs.close(), this.#pool.close(graceMs)]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #lease(name: string | undefined, keepAlive: number | undefined, signal: AbortSignal | undefined): Promise<Lease> {
    const model = await this.#installed(name ?? this.config.default_models.embed, signal);
    const { id, task } = model.card;
    if (task !== 'embed')
      throw new LocalLiteError('model_wrong_task', `${id} is a ${task} model and makes no embeddings`, { param: 'model' });
    const settings = modelSettings(this.config, id);
    const stay = {
      keepAlive: keepAlive ?? settings.keep_alive ?? this.config.keep_alive,
      pinned: settings.pinned ?? false,
      expectedBytes: (model.variant.memoryBytes ?? model.bytes) * this.#workersFor(id),
    };
    const lease = await this.#pool.acquire({ id, variant: model.variant.name }, stay, () => this.#open(model));
    this.#everLoaded.add(id);
    return lease;
  }

  /** The model a name stands for; pulled as a job first where the settings allow it. */
  async #installed(name: string, signal?: AbortSignal): Promise<InstalledModel> {
    const resolved = this.#names.resolve(name);
    const cacheKey = `${resolved.id}#${resolved.variant ?? ''}`;
    const known = this.#found.get(cacheKey);
    if (known !== undefined && this.#pool.has({ id: known.card.id, variant: known.variant.name })) return known;
    try {
      const found = await findInstalled(name, resolved, this.#parts);
      this.#found.set(cacheKey, found);
      return found;
    } catch (error) {
      if (!this.config.auto_pull || !LocalLiteError.is(error) || error.code !== 'model_not_found') throw error;
      await this.#pullNow(resolved, signal);
      return findInstalled(name, resolved, this.#parts);
    }
  }

  async #pullNow(resolved: ResolvedName, signal: AbortSignal | undefined): Promise<void> {
    for await (const job of this.jobs.watch(this.jobs.startPull(resolved.reference).id, signal)) {
      if (job.state === 'failed')
        throw new LocalLiteError('model_fetch_failed', job.error?.message ?? 'the pull failed', { param: 'model' });
      if (job.state === 'cancelled') throw new LocalLiteError('cancelled', `the pull of ${resolved.reference} was cancelled`);
    }
    if (signal?.aborted) throw new LocalLiteError('cancelled', 'the caller left while the model was being pulled');
  }

  async #open(model: InstalledModel): Promise<Engine> {
    const { batch, queue, inference, runtime } = this.config;
    return openEngine({
      model: { ...model, card: withSettings(model.card, modelSettings(this.config, model.card.id)) },
      choice: await this.#choose(model),
      workers: this.#workersFor(model.card.id),
      slots: this.#slots,
      telemetry: this.telemetry,
      limits: {
        maxPaddedTokens: batch.max_padded_tokens,
        maxBulkWaitMs: batch.max_wait,
        maxQueuedTokens: queue.max_tokens,
        batchTimeoutMs: inference.timeout * 1000,
        loadTimeoutMs: inference.load_timeout * 1000,
      },
      runtimePackage: runtime.package,
      providerLibrary: runtime.provider_library,
      fakes: this.#parts.fakes,
    });
  }

  async #choose(model: InstalledModel): Promise<ProviderChoice> {
    this.#available ??= availableProviders(this.config.runtime.package);
    const named = modelSettings(this.config, model.card.id).provider;
    const facts = { available: await this.#available, dtype: model.variant.dtype, platform: process.platform };
    return chooseProviders(named === undefined ? this.config.providers : [named], facts, this.config.provider_policy);
  }

  #workersFor(id: string): number {
    return Math.min(modelSettings(this.config, id).workers ?? this.config.threads, this.config.threads);
  }

  async #load(name: string, keepAlive: number | undefined, signal: AbortSignal | undefined): ReturnType<Models['load']> {
    using lease = await this.#lease(name, keepAlive, signal);
    const { card, variant } = lease.engine;
    const loaded = this.#pool.loaded().find((model) => model.id === card.id && model.variant === variant.name);
    if (loaded === undefined) throw new LocalLiteError('internal', `${card.id} was loaded and is gone`);
    return loaded;
  }

  async #unload({ id, variant }: ResolvedName): Promise<void> {
    const meant = this.#pool.loaded().filter((loaded) => loaded.id === id && (variant === undefined || loaded.variant === variant));
    for (const loaded of meant) await this.#pool.unload(loaded);
  }

  async #remove(name: string): Promise<{ freedBytes: number }> {
    const resolved = this.#names.resolve(name);
    await findInstalled(name, resolved, this.#parts);
    await this.#unload(resolved);
    return this.#parts.store.remove(resolved.id, resolved.variant);
  }

  async #list(scope: 'installed' | 'catalog'): Promise<readonly ModelSummary[]> {
    const installed = await this.#parts.store.list();
    const summaries = installed.map((model) => this.#summary(model.card, model));
    if (scope === 'installed') return summaries;
    const ids = new Set(installed.map((model) => model.card.id));
    return [
      ...summaries,
      ...this.#parts.catalog
        .list()
        .filter((card) => !ids.has(card.id))
        .map((card) => this.#summary(card, undefined)),
    ];
  }

  async #show(name: string): Promise<ModelSummary> {
    const resolved = this.#names.resolve(name);
    const known = this.#parts.catalog.find(resolved.id);
    const installed = await this.#parts.store.find(resolved.id, resolved.variant ?? modelSettings(this.config, resolved.id).variant);
    if (installed === undefined && known === undefined) await findInstalled(name, resolved, this.#parts);
    return this.#summary(installed?.card ?? known, installed);
  }

  #summary(card: ModelCard | undefined, installed: InstalledModel | undefined): ModelSummary {
    const id = card?.id ?? installed?.card.id ?? '';
    const loaded = this.#pool
      .loaded()
      .find((model) => model.id === id && (installed === undefined || model.variant === installed.variant.name));
    return {
      id,
      alias: card?.alias,
      card: card === undefined ? undefined : withSettings(card, modelSettings(this.config, id)),
      installed,
      loaded,
    };
  }
}

/** The card with what the settings say of this model; the vector space follows. */
function withSettings(card: ModelCard, settings: Config['models'][string]): ModelCard {
  return {
    ...card,
    pooling: settings.pooling ?? card.pooling,
    normalize: settings.normalize ?? card.normalize,
    maxTokens: settings.max_tokens ?? card.maxTokens,
    dimensions: settings.dimensions ?? card.dimensions,
    prompts: { query: settings.query_prompt ?? card.prompts.query, passage: settings.passage_prompt ?? card.prompts.passage },
  };
}
