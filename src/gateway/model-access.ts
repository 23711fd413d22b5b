import { LocalLiteError } from '../errors.ts';
import type { Task } from '../models/card.ts';
import type { InstalledModel } from '../models/store-types.ts';
import type { EngineOpener } from './engine-opener.ts';
import { type GatewayParts, settingsOf } from './gateway-parts.ts';
import type { Jobs } from './gateway-types.ts';
import type { ResolvedName } from './names.ts';
import type { EnginePool, Lease } from './pool.ts';
import type { Preparation } from './prepare.ts';
import { doesTask, wrongTask } from './wrong-task.ts';

/** Who wants a model, and for what. */
export interface AccessRequest {
  /** As the user wrote it. */
  readonly name: string;
  /** What it is to do; absent = whatever it does. */
  readonly task?: Task | undefined;
  /** Seconds it stays afterwards; absent = the setting. */
  readonly keepAlive?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Names whose models are remembered before all are forgotten: of one variant there are as many names as a client can think of. */
const MOST_REMEMBERED = 1_000;

/** From a name to a model in memory: found in the store, pulled first where the settings allow it, opened by the pool, leased. */
export class ModelAccess {
  readonly #parts: GatewayParts;
  readonly #jobs: Jobs;
  readonly #pool: EnginePool;
  readonly #opener: EngineOpener;
  readonly #preparation: Preparation;
  readonly #everLoaded = new Set<string>();
  /** What names stood for when their model was loaded; good as long as it is in memory, so that a request reads no file. */
  readonly #found = new Map<string, InstalledModel>();

  constructor(
    parts: GatewayParts,
    works: { readonly jobs: Jobs; readonly pool: EnginePool; readonly opener: EngineOpener; readonly preparation: Preparation },
  ) {
    this.#parts = parts;
    this.#jobs = works.jobs;
    this.#pool = works.pool;
    this.#opener = works.opener;
    this.#preparation = works.preparation;
  }

  /**
   * The model in memory until the lease is disposed.
   * @throws LocalLiteError model_not_found, model_wrong_task (before anything is loaded), and what pulling and opening throw
   */
  async lease({ name, task, keepAlive, signal }: AccessRequest): Promise<Lease> {
    const model = await this.#installed(name, signal);
    const { id } = model.card;
    if (task !== undefined && !doesTask(model.card, task)) throw await wrongTask(model.card, task, this.#parts);
    const settings = settingsOf(this.#parts, id);
    const stay = {
      keepAliveAsked: keepAlive !== undefined,
      keepAlive: keepAlive ?? settings.keep_alive ?? this.#parts.config.keep_alive,
      pinned: settings.pinned ?? false,
      expectedBytes: (model.variant.memoryBytes ?? model.bytes) * this.#opener.workersFor(model),
    };
    const lease = await this.#pool.acquire({ id, variant: model.variant.name }, stay, (stop) => this.#opener.open(model, stop));
    this.#everLoaded.add(id.toLowerCase());
    return lease;
  }

  /** Whether a model has been in memory since the gateway started or since it was {@link ModelAccess.forget forgotten}. */
  wasLoaded(id: string): boolean {
    return this.#everLoaded.has(id.toLowerCase());
  }

  /** To be called when a model has been removed. */
  forget(id: string): void {
    this.#everLoaded.delete(id.toLowerCase());
  }

  /** Names of a model are looked up anew: another variant of it is to run from now on. */
  lookUpAnew(id: string): void {
    for (const [name, model] of this.#found) if (model.card.id === id) this.#found.delete(name);
  }

  /** The model a name stands for; pulled and prepared as jobs first where the settings allow it. */
  async #installed(name: string, signal?: AbortSignal): Promise<InstalledModel> {
    const resolved = this.#parts.names.resolve(name);
    const cacheKey = `${resolved.id}#${resolved.variant ?? ''}`.toLowerCase();
    const known = this.#found.get(cacheKey);
    if (known !== undefined && this.#pool.has({ id: known.card.id, variant: known.variant.name })) return known;
    const found = await this.#findOrPull(name, resolved, signal);
    if (this.#found.size >= MOST_REMEMBERED) this.#found.clear();
    this.#found.set(cacheKey, found);
    return found;
  }

  async #findOrPull(name: string, resolved: ResolvedName, signal: AbortSignal | undefined): Promise<InstalledModel> {
    try {
      return await this.#preparation.find(name, resolved, signal);
    } catch (error) {
      if (!this.#parts.config.auto_pull || !LocalLiteError.is(error) || error.code !== 'model_not_found') throw error;
      // Any address or folder of this machine could be named in a request: such pulls are for whoever runs the gateway to start.
      if (!resolved.isPublic) throw error;
      await this.#pullNow(resolved, signal);
      return this.#preparation.find(name, resolved, signal);
    }
  }

  async #pullNow(resolved: ResolvedName, signal: AbortSignal | undefined): Promise<void> {
    for await (const job of this.#jobs.watch(this.#jobs.startPull(resolved.reference).id, signal)) {
      if (job.state === 'failed')
        throw new LocalLiteError('model_fetch_failed', job.error?.message ?? 'the pull failed', { param: 'model' });
      if (job.state === 'cancelled') throw new LocalLiteError('cancelled', `the pull of ${resolved.reference} was cancelled`);
    }
    if (signal?.aborted) throw new LocalLiteError('cancelled', 'the caller left while the model was being pulled');
  }
}
