import { LocalLiteError } from '../errors.ts';
import type { WorkerProcess } from './worker.ts';

/** Starts one worker and loads it; `onExit` is called once when it ends, for whatever reason. */
export type StartWorker = (onExit: (error: LocalLiteError) => void) => Promise<WorkerProcess>;

/** Restarts after a crash wait this long, doubled each time up to the limit. */
export interface RestartPolicy {
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
  /** So many crashes within the window open the circuit: requests are refused at once until a probe succeeds. */
  readonly crashesToOpen: number;
  readonly windowMs: number;
}

const RESTART_POLICY: RestartPolicy = { firstDelayMs: 100, longestDelayMs: 15_000, crashesToOpen: 5, windowMs: 60_000 };

/** What a group tells whoever dispatches. */
export interface GroupEvents {
  /** A worker is idle: there is something to dispatch to. */
  readonly onIdle: () => void;
  /** Every worker is gone and the circuit is open: what waits must be rejected. */
  readonly onOpen: (error: LocalLiteError) => void;
  readonly onCrash: (error: LocalLiteError, restartInMs: number) => void;
}

/**
 * The worker processes of one model: idle ones are handed out, dead ones are restarted with back-off. After repeated crashes the circuit
 * opens and says so; one restart at a time then probes, and its success closes the circuit.
 */
export class WorkerGroup {
  readonly #start: StartWorker;
  readonly #events: GroupEvents;
  readonly #policy: RestartPolicy;
  readonly #size: number;
  readonly #workers = new Set<WorkerProcess>();
  readonly #idle: WorkerProcess[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  #crashes: number[] = [];
  #delayMs: number;
  #closed = false;

  constructor(options: { size: number; start: StartWorker; events: GroupEvents; policy?: RestartPolicy }) {
    this.#size = options.size;
    this.#start = options.start;
    this.#events = options.events;
    this.#policy = options.policy ?? RESTART_POLICY;
    this.#delayMs = this.#policy.firstDelayMs;
  }

  /** Starts every worker; rejects (and leaves none behind) when the first attempt of any fails. */
  async open(): Promise<void> {
    const started = await Promise.allSettled(Array.from({ length: this.#size }, () => this.#launch()));
    const failure = started.find((result) => result.status === 'rejected');
    if (failure === undefined) return;
    await this.close();
    throw LocalLiteError.from(failure.reason, 'model_load_failed');
  }

  get workers(): readonly WorkerProcess[] {
    return [...this.#workers];
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  get size(): number {
    return this.#size;
  }

  /** The error that requests get while the circuit is open; undefined while it is closed. */
  get openCircuit(): LocalLiteError | undefined {
    if (this.#workers.size > 0 || this.#recentCrashes() < this.#policy.crashesToOpen) return undefined;
    return new LocalLiteError(
      'worker_crashed',
      `the model's processes ended ${this.#recentCrashes()} times in ${this.#policy.windowMs / 1000} s; it is refused until a restart succeeds`,
      { retryAfterSeconds: Math.ceil(this.#delayMs / 1000) },
    );
  }

  /** Takes an idle worker; give it back with {@link release}. */
  take(): WorkerProcess | undefined {
    return this.#idle.pop();
  }

  release(worker: WorkerProcess): void {
    if (!worker.alive || this.#closed) return;
    this.#delayMs = this.#policy.firstDelayMs;
    this.#idle.push(worker);
    this.#events.onIdle();
  }

  /** Stops every worker and every planned restart. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.workers.map((worker) => worker.close()));
  }

  async #launch(): Promise<void> {
    let known: WorkerProcess | undefined;
    const worker = await this.#start((error) => this.#forget(known, error));
    if (!worker.alive) throw new LocalLiteError('worker_crashed', 'the worker ended while it was being started');
    if (this.#closed) return worker.close();
    known = worker;
    this.#workers.add(worker);
    this.#idle.push(worker);
    this.#events.onIdle();
  }

  #forget(worker: WorkerProcess | undefined, error: LocalLiteError): void {
    if (worker === undefined || this.#closed) return; // a failed start is reported by the start itself
    this.#workers.delete(worker);
    const at = this.#idle.indexOf(worker);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#noteCrash(error);
  }

  #noteCrash(error: LocalLiteError): void {
    this.#crashes.push(Date.now());
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(delayMs * 2, this.#policy.longestDelayMs);
    this.#events.onCrash(error, delayMs);
    const open = this.openCircuit;
    if (open !== undefined) this.#events.onOpen(open);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (this.#closed) return;
      this.#launch().catch((failure: unknown) => {
        if (!this.#closed) this.#noteCrash(LocalLiteError.from(failure));
      });
    }, delayMs);
    timer.unref();
    this.#timers.add(timer);
  }

  #recentCrashes(): number {
    const since = Date.now() - this.#policy.windowMs;
    this.#crashes = this.#crashes.filter((at) => at >= since);
    return this.#crashes.length;
  }
}
