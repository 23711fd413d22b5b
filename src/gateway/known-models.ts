import { LocalLiteError } from '../errors.ts';
import type { ModelCard } from '../models/card.ts';
import { kindOf, sameKind } from '../models/made.ts';
import type { InstalledModel, VerifyReport } from '../models/store-types.ts';
import { type GatewayParts, settingsOf, withSettings } from './gateway-parts.ts';
import type { Job, LoadedModel, ModelSummary, Models } from './gateway-types.ts';
import type { ModelAccess } from './model-access.ts';
import { findInstalled, type ResolvedName } from './names.ts';
import { pinRefusal } from './pin-refusal.ts';
import type { EnginePool } from './pool.ts';
import type { Preparation } from './prepare.ts';
import { floorWarning } from './variant-choice.ts';

/** The models a gateway knows, has and runs. */
export class KnownModels implements Models {
  readonly #parts: GatewayParts;
  readonly #pool: EnginePool;
  readonly #access: ModelAccess;
  readonly #preparation: Preparation;

  constructor(parts: GatewayParts, works: { readonly pool: EnginePool; readonly access: ModelAccess; readonly preparation: Preparation }) {
    this.#parts = parts;
    this.#pool = works.pool;
    this.#access = works.access;
    this.#preparation = works.preparation;
  }

  async list(scope: 'installed' | 'catalog' = 'installed'): Promise<readonly ModelSummary[]> {
    const groups = groupedById(await this.#parts.store.list());
    const summaries = await Promise.all([...groups].map(([id, variants]) => this.#installedSummary(id, variants)));
    if (scope === 'installed') return summaries;
    const others = this.#parts.catalog.list().filter((card) => !groups.has(card.id));
    return [...summaries, ...others.map((card) => this.#summary(card, undefined, []))];
  }

  async show(name: string): Promise<ModelSummary> {
    const resolved = this.#parts.names.resolve(name);
    const known = this.#parts.catalog.find(resolved.id);
    const variants = await this.#parts.store.variants(resolved.id);
    const installed = await this.#runs(resolved, variants);
    const card = installed?.card ?? known ?? (await findInstalled(name, resolved, this.#parts)).card;
    return this.#summary(card, installed, variants);
  }

  /** What a name would run; the weights where that has yet to be made of them. */
  async #runs(
    { id, variant }: Pick<ResolvedName, 'id' | 'variant'>,
    variants: readonly InstalledModel[],
  ): Promise<InstalledModel | undefined> {
    const wanted = variant ?? settingsOf(this.#parts, id).variant;
    const found = wanted === undefined ? variants[0] : await this.#parts.store.find(id, wanted);
    const isMade = wanted !== undefined && kindOf(wanted) !== undefined;
    return found ?? (isMade ? variants.find((model) => model.variant.kind === 'weights') : undefined);
  }

  async #installedSummary(id: string, variants: readonly InstalledModel[]): Promise<ModelSummary> {
    const installed = (await this.#runs({ id, variant: undefined }, variants)) ?? variants[0];
    if (installed === undefined) throw new LocalLiteError('internal', `${id} is installed without a variant`);
    return this.#summary(installed.card, installed, variants);
  }

  prepare(name: string): Promise<Job | undefined> {
    return this.#preparation.start(name);
  }

  async pin(name: string, variant: string | undefined): Promise<void> {
    const { id } = (await this.#pinnable(name, variant)).card;
    await this.#parts.store.pin(id, variant);
    this.#access.lookUpAnew(id);
  }

  async #pinnable(name: string, variant: string | undefined): Promise<InstalledModel> {
    const resolved = { ...this.#parts.names.resolve(name), variant };
    const installed = await this.#parts.store.variants(resolved.id);
    const card = this.#parts.catalog.find(resolved.id) ?? installed[0]?.card;
    if (variant === undefined || card === undefined) return await this.#installed(name, resolved);
    const found = await this.#parts.store.find(resolved.id, variant);
    if (found !== undefined) return found;
    const published = card.variants.map((one) => one.name);
    throw pinRefusal({ name, variant, installed: installed.map((one) => one.variant.name), published });
  }

  async load(name: string, options: { readonly keepAlive?: number; readonly signal?: AbortSignal } = {}): Promise<LoadedModel> {
    using lease = await this.#access.lease({ name, ...options });
    const { card, variant } = lease.engine;
    const loaded = this.#pool.loaded().find((model) => model.id === card.id && model.variant === variant.name);
    if (loaded === undefined) throw new LocalLiteError('internal', `${card.id} was loaded and is gone`);
    return loaded;
  }

  async unload(name: string): Promise<void> {
    const resolved = this.#parts.names.resolve(name);
    const loaded = await this.#loadedAs(resolved);
    if (loaded.length === 0) await this.#installed(name, resolved);
    for (const model of loaded) await this.#pool.unload(model);
  }

  async remove(name: string): Promise<{ freedBytes: number }> {
    const { store, names } = this.#parts;
    const resolved = names.resolve(name);
    const { card } = await this.#installed(name, resolved);
    for (const model of await this.#loadedAs(resolved)) await this.#pool.unload(model);
    const removed = await store.remove(card.id, resolved.variant);
    if ((await store.find(card.id)) === undefined) this.#access.forget(card.id);
    return removed;
  }

  verify(name?: string): Promise<readonly VerifyReport[]> {
    return this.#parts.store.verify(name === undefined ? undefined : this.#parts.names.resolve(name).id);
  }

  loaded(): readonly LoadedModel[] {
    return this.#pool.loaded();
  }

  /** What is installed under a name: any variant where it names none, whatever the settings would run. @throws LocalLiteError model_not_found */
  async #installed(name: string, resolved: ResolvedName): Promise<InstalledModel> {
    const [any] = resolved.variant === undefined ? await this.#parts.store.variants(resolved.id) : [];
    return any ?? findInstalled(name, resolved, this.#parts);
  }

  /** What of a model is in memory under a name; `#int8` is whatever was made of that kind where no variant is called just so. */
  async #loadedAs({ id, variant }: ResolvedName): Promise<readonly LoadedModel[]> {
    const loaded = this.#pool.loaded().filter((model) => model.id.toLowerCase() === id.toLowerCase());
    if (variant === undefined) return loaded;
    const installed = await this.#parts.store.variants(id);
    const kind = installed.some((model) => model.variant.name === variant) ? undefined : kindOf(variant);
    const ofKind = installed.filter(({ made }) => kind !== undefined && made !== undefined && sameKind(made.recipe, kind));
    const names = new Set([variant, ...ofKind.map((model) => model.variant.name)]);
    return loaded.filter((model) => names.has(model.variant));
  }

  #summary(card: ModelCard, installed: InstalledModel | undefined, variants: readonly InstalledModel[]): ModelSummary {
    const { id, alias } = card;
    const running = this.#pool.loaded().filter((model) => model.id === id);
    const loaded = running.find((model) => model.variant === installed?.variant.name) ?? running[0];
    const hasWeights = card.variants.some(({ kind }) => kind === 'weights');
    const warning = installed && floorWarning(alias, installed.variant, this.#parts.config.convert.fidelity_floor, hasWeights);
    return {
      id,
      alias,
      card: withSettings(card, settingsOf(this.#parts, id)),
      installed,
      variants,
      ...(warning === undefined ? {} : { warning }),
      loaded,
      loadedVariants: running,
    };
  }
}

/** Models of one id together, in the order of the list. */
function groupedById(models: readonly InstalledModel[]): ReadonlyMap<string, readonly InstalledModel[]> {
  const groups = new Map<string, InstalledModel[]>();
  for (const model of models) groups.set(model.card.id, [...(groups.get(model.card.id) ?? []), model]);
  return groups;
}
