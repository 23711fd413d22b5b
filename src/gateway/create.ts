import { mkdir } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
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
import { createFallbackTokenizer } from '../runtime/tokenizer-fallback.ts';
import type { Tokenizer, TokenSpan } from '../runtime/tokenizer-types.ts';
import { silentTelemetry } from '../telemetry/create-telemetry.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { openAliases } from './aliases.ts';
import { type Engine, openEngine } from './engine.ts';
import type {
  EmbedRequest,
  EmbedResult,
  Gateway,
  LoadedModel,
  ModelSummary,
  Models,
  TokenizeRequest,
  TokenizeResult,
} from './gateway-types.ts';
import { createJobs } from './jobs.ts';
import { createNames, findInstalled, type ModelSettingsById, type Names, type ResolvedName, settingsById } from './names.ts';
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
  const aliases = await openAliases(config.home, config.aliases);
  const names = createNames({ catalog, aliases });
  const modelSettings = settingsById(config.models, names);
  const settings = { ...config, models: Object.fromEntries(modelSettings) };
  const store = options.store ?? createModelStore({ home: config.home, catalog, telemetry, settings, environment: processEnvironment() });
  const fakes = options.fakes ?? new Map<string, FakeGraph>();
  return new LocalGateway({ config, telemetry, catalog, store, aliases, names, modelSettings, fakes });
}

interface Parts {
  readonly config: Config;
  readonly telemetry: Telemetry;
  readonly catalog: ModelCatalog;
  readonly store: ModelStore;
  readonly aliases: Awaited<ReturnType<typeof openAliases>>;
  readonly names: Names;
  readonly modelSettings: ModelSettingsById;
  readonly fakes: ReadonlyMap<string, FakeGraph>;
}

class LocalGateway implements Gateway {
  readonly config: Config;
  readonly telemetry: Telemetry;
  readonly aliases: Parts['aliases'];
  readonly jobs: ReturnType<typeof createJobs>;
  readonly models: Models;
  readonly #parts: Parts;
  readonly #names: Names;
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
    this.#names = parts.names;
    this.jobs = createJobs({ ...parts, referenceOf: (name) => this.#names.resolve(name).reference });
    this.#pool = new EnginePool({ budgetBytes: parts.config.memory_budget, telemetry: parts.telemetry });
    this.#slots = new CoreSlots(parts.config.threads);
    parts.telemetry.gauge('locallite_core_slots_busy', () => this.#slots.busy);
    this.models = {
      list: (scope) => this.#list(scope ?? 'installed'),
      show: (name) => this.#show(name),
      load: (name, options) => this.#load(name, options?.keepAlive, options?.signal),
      unload: (name) => this.#unload(name),
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
        space: engine.space(request.dimensions),
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

  async tokenize(request: TokenizeRequest): Promise<TokenizeResult> {
    const name = request.model ?? this.config.default_models.embed;
    const tokenizer = await this.#tokenizerOf(name, request.signal);
    if (tokenizer === undefined) return this.#estimate(name, request);
    const options = { addSpecialTokens: request.addSpecialTokens ?? true };
    const tokens: (readonly TokenSpan[])[] = [];
    for (const text of request.input) {
      // Others get a turn between two texts.
      if (tokens.length > 0) await nextTurn();
      if (request.signal?.aborted) throw new LocalLiteError('cancelled', 'the caller left before all texts were tokenised');
      tokens.push(await tokenizer.exact.spans(text, options));
    }
    return { model: tokenizer.model, exact: true, counts: tokens.map((spans) => spans.length), tokens };
  }

  async detokenize(request: Parameters<Gateway['detokenize']>[0]): Promise<{ model: string; text: string }> {
    using lease = await this.#lease(request.model, undefined, undefined);
    const { tokenizer, card } = lease.engine;
    return { model: card.id, text: tokenizer.decode(request.tokens, { skipSpecialTokens: request.skipSpecialTokens ?? true }) };
  }

  ready(): { ready: boolean; reason: string | undefined } {
    const { id } = this.#names.resolve(this.config.default_models.embed);
    if (this.#everLoaded.has(id.toLowerCase())) return { ready: true, reason: undefined };
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
    const settings = this.#settingsOf(id);
    const stay = {
      keepAliveAsked: keepAlive !== undefined,
      keepAlive: keepAlive ?? settings.keep_alive ?? this.config.keep_alive,
      pinned: settings.pinned ?? false,
      expectedBytes: (model.variant.memoryBytes ?? model.bytes) * this.#workersFor(id),
    };
    const lease = await this.#pool.acquire({ id, variant: model.variant.name }, stay, (stop) => this.#open(model, stop));
    this.#everLoaded.add(id.toLowerCase());
    return lease;
  }

  /** The model a name stands for; pulled as a job first where the settings allow it. */
  async #installed(name: string, signal?: AbortSignal): Promise<InstalledModel> {
    const resolved = this.#names.resolve(name);
    const cacheKey = `${resolved.id}#${resolved.variant ?? ''}`.toLowerCase();
    const known = this.#found.get(cacheKey);
    if (known !== undefined && this.#pool.has({ id: known.card.id, variant: known.variant.name })) return known;
    try {
      const found = await findInstalled(name, resolved, this.#parts);
      this.#found.set(cacheKey, found);
      return found;
    } catch (error) {
      if (!this.config.auto_pull || !LocalLiteError.is(error) || error.code !== 'model_not_found') throw error;
      // Any address or folder of this machine could be named in a request: such pulls are for whoever runs the gateway to start.
      if (!resolved.isPublic) throw error;
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

  async #open(model: InstalledModel, signal: AbortSignal): Promise<Engine> {
    const { batch, queue, inference, runtime } = this.config;
    return openEngine({
      model,
      card: withSettings(model.card, this.#settingsOf(model.card.id)),
      signal,
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
    const named = this.#settingsOf(model.card.id).provider;
    const facts = { available: await this.#available, dtype: model.variant.dtype, platform: process.platform };
    const choice = chooseProviders(named === undefined ? this.config.providers : [named], facts, this.config.provider_policy);
    if (this.config.runtime.provider_library !== undefined && !choice.order.includes('qnn')) {
      const why = choice.rejected.find(({ provider }) => provider === 'qnn')?.reason ?? 'it is not among the providers wanted';
      throw new LocalLiteError('provider_unavailable', `runtime.provider_library is for qnn, and qnn will not run: ${why}`);
    }
    return choice;
  }

  #settingsOf(id: string): Config['models'][string] {
    return this.#parts.modelSettings.get(id.toLowerCase()) ?? {};
  }

  #workersFor(id: string): number {
    return Math.min(this.#settingsOf(id).workers ?? this.config.threads, this.config.threads);
  }

  async #load(name: string, keepAlive: number | undefined, signal: AbortSignal | undefined): ReturnType<Models['load']> {
    using lease = await this.#lease(name, keepAlive, signal);
    const { card, variant } = lease.engine;
    const loaded = this.#pool.loaded().find((model) => model.id === card.id && model.variant === variant.name);
    if (loaded === undefined) throw new LocalLiteError('internal', `${card.id} was loaded and is gone`);
    return loaded;
  }

  async #unload(name: string): Promise<void> {
    const resolved = this.#names.resolve(name);
    const loaded = this.#loadedAs(resolved);
    if (loaded.length === 0) await findInstalled(name, resolved, this.#parts);
    for (const model of loaded) await this.#pool.unload(model);
  }

  #loadedAs({ id, variant }: ResolvedName): readonly LoadedModel[] {
    const isIt = (loaded: LoadedModel): boolean =>
      loaded.id.toLowerCase() === id.toLowerCase() && (variant === undefined || loaded.variant === variant);
    return this.#pool.loaded().filter(isIt);
  }

  async #remove(name: string): Promise<{ freedBytes: number }> {
    const resolved = this.#names.resolve(name);
    const { card } = await findInstalled(name, resolved, this.#parts);
    for (const model of this.#loadedAs(resolved)) await this.#pool.unload(model);
    const removed = await this.#parts.store.remove(card.id, resolved.variant);
    if ((await this.#parts.store.find(card.id)) === undefined) this.#everLoaded.delete(card.id.toLowerCase());
    return removed;
  }

  async #list(scope: 'installed' | 'catalog'): Promise<readonly ModelSummary[]> {
    const installed = await this.#parts.store.list();
    const loaded = this.#pool.loaded();
    const summaries = installed.map((model) => this.#summary(model.card, model, loaded));
    if (scope === 'installed') return summaries;
    const ids = new Set(installed.map((model) => model.card.id));
    const others = this.#parts.catalog.list().filter((card) => !ids.has(card.id));
    return [...summaries, ...others.map((card) => this.#summary(card, undefined, loaded))];
  }

  async #show(name: string): Promise<ModelSummary> {
    const resolved = this.#names.resolve(name);
    const known = this.#parts.catalog.find(resolved.id);
    const installed = await this.#parts.store.find(resolved.id, resolved.variant ?? this.#settingsOf(resolved.id).variant);
    const card = installed?.card ?? known ?? (await findInstalled(name, resolved, this.#parts)).card;
    return this.#summary(card, installed, this.#pool.loaded());
  }

  #summary(card: ModelCard, installed: InstalledModel | undefined, loaded: readonly LoadedModel[]): ModelSummary {
    const { id, alias } = card;
    const running = loaded.find((model) => model.id === id && (installed === undefined || model.variant === installed.variant.name));
    return { id, alias, card: withSettings(card, this.#settingsOf(id)), installed, loaded: running };
  }

  /** The exact tokenizer of an installed model; undefined for one that the catalogue knows and the store does not have. */
  async #tokenizerOf(name: string, signal: AbortSignal | undefined): Promise<{ model: string; exact: Tokenizer } | undefined> {
    try {
      using lease = await this.#lease(name, undefined, signal);
      return { model: lease.engine.card.id, exact: lease.engine.tokenizer };
    } catch (error) {
      const isKnown = this.#parts.catalog.find(this.#names.resolve(name).id) !== undefined;
      if (isKnown && LocalLiteError.is(error) && error.code === 'model_not_found') return undefined;
      throw error;
    }
  }

  #estimate(name: string, { input }: TokenizeRequest): TokenizeResult {
    const tokenizer = createFallbackTokenizer();
    return { model: this.#names.resolve(name).id, exact: false, counts: input.map((text) => tokenizer.count(text)), tokens: [] };
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
