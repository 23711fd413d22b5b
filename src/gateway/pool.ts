import { LocalLiteError } from '../errors.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { Engine } from './engine-types.ts';
import type { LoadedModel } from './gateway-types.ts';

/** Keeps an engine in memory until it is disposed. */
export interface Lease extends Disposable {
  readonly engine: Engine;
}

/** How long a model stays and whether it may be unloaded to make room. */
export interface StayPolicy {
  /** Seconds after the last request; negative = for ever. */
  readonly keepAlive: number;
  /** Whether a request asked for that time. Otherwise it is the setting, which does not undo what a request asked for before. */
  readonly keepAliveAsked: boolean;
  readonly pinned: boolean;
  /** Rough bytes it will need, as far as known. */
  readonly expectedBytes: number;
}

/** What an engine is kept under: the same model in two variants is in memory twice. */
export interface EngineKey {
  readonly id: string;
  readonly variant: string;
}

/** Brings a model into memory; gives up when the signal aborts. */
export type OpenEngine = (signal: AbortSignal) => Promise<Engine>;

interface Entry {
  readonly id: string;
  readonly variant: string;
  readonly opening: Promise<Engine>;
  engine: Engine | undefined;
  /** What it is counted with until it can be measured. */
  readonly expectedBytes: number;
  users: number;
  lastUsed: number;
  keepAlive: number;
  readonly pinned: boolean;
  timer: NodeJS.Timeout | undefined;
  unwatch: (() => void)[];
  closing: Promise<void> | undefined;
}

/**
 * What is in memory. Two callers of one model share one load, a lease keeps a model, a failed load is forgotten, and models that nobody
 * uses make room, least recently used first, when the measured memory would exceed the budget.
 */
export class EnginePool {
  readonly #budgetBytes: number;
  readonly #telemetry: Telemetry;
  readonly #entries = new Map<string, Entry>();
  /** Aborts what is still opening when the grace of closing is over. */
  readonly #stopping = new AbortController();
  #closed = false;

  constructor(options: { budgetBytes: number; telemetry: Telemetry }) {
    this.#budgetBytes = options.budgetBytes;
    this.#telemetry = options.telemetry;
    options.telemetry.gauge('locallite_models_loaded', () => this.#openCount());
  }

  /**
   * Leases the engine under `key`, opening it if it is not there.
   * @throws LocalLiteError what `open` throws; insufficient_memory; overloaded when the budget is held by models in use
   */
  async acquire(key: EngineKey, stay: StayPolicy, open: OpenEngine): Promise<Lease> {
    await this.#entries.get(nameOf(key))?.closing;
    // Asked only now: the pool may have been closed meanwhile, and nobody would close what opens after that.
    if (this.#closed) throw new LocalLiteError('shutting_down', 'the gateway is stopping');
    const entry = this.#entries.get(nameOf(key)) ?? this.#add(key, stay, open);
    entry.users += 1;
    if (stay.keepAliveAsked) entry.keepAlive = stay.keepAlive;
    this.#stopTimer(entry);
    try {
      const engine = await entry.opening;
      const refusal = engine.refusal();
      if (refusal !== undefined) throw refusal;
      return { engine, [Symbol.dispose]: once(() => this.#release(entry)) };
    } catch (error) {
      this.#release(entry);
      throw error;
    }
  }

  loaded(): readonly LoadedModel[] {
    return [...this.#entries.values()].flatMap((entry) => (entry.engine === undefined ? [] : [describe(entry, entry.engine)]));
  }

  #openCount(): number {
    return [...this.#entries.values()].filter(({ engine }) => engine !== undefined).length;
  }

  /** Whether that engine is in memory or on its way. */
  has(key: EngineKey): boolean {
    return this.#entries.get(nameOf(key))?.closing === undefined && this.#entries.has(nameOf(key));
  }

  /** Unloads a model that nobody uses. @throws LocalLiteError model_in_use */
  async unload(key: EngineKey): Promise<void> {
    const entry = this.#entries.get(nameOf(key));
    if (entry === undefined) return;
    const { id } = key;
    if (entry.users > 0)
      throw new LocalLiteError('model_in_use', `${id} is serving ${entry.users} request(s); try again when they are done`);
    await this.#close(entry, 'request');
  }

  /** Unloads everything: accepted work has `graceMs` to finish. */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    const timer = setTimeout(() => {
      this.#stopping.abort();
      for (const { engine } of this.#entries.values()) engine?.kill();
    }, graceMs);
    await Promise.all([...this.#entries.values()].map((entry) => this.#close(entry, 'request')));
    clearTimeout(timer);
  }

  #add(key: EngineKey, stay: StayPolicy, open: OpenEngine): Entry {
    const entry: Entry = {
      ...key,
      // Not before the entry is in the list: it counts there from the start.
      opening: Promise.resolve()
        .then(() => this.#makeRoom(entry))
        .then(() => open(this.#stopping.signal)),
      engine: undefined,
      expectedBytes: stay.expectedBytes,
      users: 0,
      lastUsed: Date.now(),
      keepAlive: stay.keepAlive,
      pinned: stay.pinned,
      timer: undefined,
      unwatch: [],
      closing: undefined,
    };
    this.#entries.set(nameOf(entry), entry);
    entry.opening.then(
      (engine) => this.#opened(entry, engine),
      (error: unknown) => this.#failed(entry, error),
    );
    return entry;
  }

  #opened(entry: Entry, engine: Engine): void {
    const labels = { model: entry.id };
    entry.engine = engine;
    entry.unwatch = [
      this.#telemetry.gauge('locallite_queue_tokens', () => engine.queuedTokens(), labels),
      this.#telemetry.gauge('locallite_model_memory_bytes', () => engine.memoryBytes(), labels),
    ];
    this.#telemetry.count('locallite_model_loads_total', 1, { ...labels, outcome: 'ok' });
    this.#telemetry.observe('locallite_model_load_seconds', engine.loadMs / 1000, labels);
    this.#telemetry.log.info('model_loaded', loadReport(entry.id, engine));
    // What was expected may have been wrong: measure, and make room behind it.
    this.#makeRoom(entry).catch((error: unknown) => {
      this.#telemetry.log.warn('memory_budget_exceeded', { model: entry.id, reason: LocalLiteError.from(error).message });
    });
  }

  #failed(entry: Entry, error: unknown): void {
    this.#entries.delete(nameOf(entry));
    const { code, message } = LocalLiteError.from(error);
    this.#telemetry.count('locallite_model_loads_total', 1, { model: entry.id, outcome: code });
    this.#telemetry.log.error('model_load_failed', { model: entry.id, code, reason: message });
  }

  #release(entry: Entry): void {
    entry.users -= 1;
    entry.lastUsed = Date.now();
    if (entry.users > 0 || entry.keepAlive < 0 || entry.engine === undefined || this.#closed) return;
    this.#stopTimer(entry);
    entry.timer = setTimeout(
      () => {
        if (entry.users === 0) void this.#close(entry, 'idle');
      },
      Math.min(entry.keepAlive * 1000, LONGEST_TIMER_MS),
    );
    entry.timer.unref();
  }

  #stopTimer(entry: Entry): void {
    clearTimeout(entry.timer);
    entry.timer = undefined;
  }

  /** Unloads what nobody uses until everything else fits together with `entry`, which counts with what it is expected to need or has. */
  async #makeRoom(entry: Entry): Promise<void> {
    const needed = entry.engine?.memoryBytes() ?? entry.expectedBytes;
    if (needed > this.#budgetBytes) {
      throw new LocalLiteError(
        'insufficient_memory',
        `${entry.id} needs about ${mebibytes(needed)} and memory_budget is ${mebibytes(this.#budgetBytes)}`,
      );
    }
    while (this.#usedBytes() > this.#budgetBytes) {
      const victim = this.#leastRecentlyUsed(entry);
      if (victim !== undefined) {
        await this.#close(victim, 'memory');
        continue;
      }
      const held = mebibytes(this.#usedBytes() - needed);
      throw new LocalLiteError('overloaded', `${held} of memory_budget ${mebibytes(this.#budgetBytes)} are held by models in use`, {
        retryAfterSeconds: 5,
      });
    }
  }

  #leastRecentlyUsed(keep: Entry): Entry | undefined {
    const idle = [...this.#entries.values()].filter(
      (entry) => entry !== keep && entry.users === 0 && !entry.pinned && entry.engine !== undefined && entry.closing === undefined,
    );
    return idle.sort((a, b) => a.lastUsed - b.lastUsed)[0];
  }

  #usedBytes(): number {
    return [...this.#entries.values()].reduce((sum, { engine, expectedBytes }) => sum + (engine?.memoryBytes() ?? expectedBytes), 0);
  }

  #close(entry: Entry, reason: 'idle' | 'memory' | 'request'): Promise<void> {
    entry.closing ??= this.#shutDown(entry, reason);
    return entry.closing;
  }

  async #shutDown(entry: Entry, reason: string): Promise<void> {
    this.#stopTimer(entry);
    const engine = await entry.opening.catch(() => undefined);
    for (const stop of entry.unwatch) stop();
    await engine?.close();
    if (this.#entries.get(nameOf(entry)) === entry) this.#entries.delete(nameOf(entry));
    this.#telemetry.count('locallite_model_evictions_total', 1, { model: entry.id, reason });
    this.#telemetry.log.info('model_unloaded', { model: entry.id, reason });
  }
}

/** setTimeout takes 31 bits. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

function nameOf({ id, variant }: EngineKey): string {
  return `${id}#${variant}`;
}

function describe(entry: Entry, engine: Engine): LoadedModel {
  const idleMs = entry.users > 0 ? 0 : Date.now() - entry.lastUsed;
  return {
    id: entry.id,
    variant: engine.variant.name,
    space: engine.space(undefined),
    provider: engine.provider,
    rejected: engine.rejected,
    nodesByProvider: engine.nodesByProvider,
    workers: engine.workers,
    memoryBytes: engine.memoryBytes(),
    users: entry.users,
    idleMs,
    expiresInMs: entry.keepAlive < 0 || entry.users > 0 ? undefined : Math.max(0, entry.keepAlive * 1000 - idleMs),
    pinned: entry.pinned,
    loadMs: engine.loadMs,
    selfTest: engine.selfTest,
  };
}

function loadReport(id: string, engine: Engine): Record<string, unknown> {
  const { variant, provider, rejected, nodesByProvider, workers, loadMs, selfTest } = engine;
  return {
    model: id,
    variant: variant.name,
    provider,
    nodes: nodesByProvider,
    rejected,
    workers,
    load_ms: Math.round(loadMs),
    self_test: selfTest,
  };
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (!done) action();
    done = true;
  };
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
