import { LocalLiteError } from '../errors.ts';

/** Starts one worker and loads it; `onExit` is called once when it ends, for whatever reason. */
export type StartWorker<Worker> = (onExit: (error: LocalLiteError) => void) => Promise<Worker>;

/** What a group needs of a worker. */
export interface GroupMember {
  readonly alive: boolean;
  close(): Promise<void>;
}

/** Restarts after a crash wait this long, doubled each time up to the limit. */
export interface RestartPolicy {
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
  /** So many crashes within the window open the circuit: requests are refused at once until a restart succeeds. */
  readonly crashesToOpen: number;
  readonly windowMs: number;
}

const RESTART_POLICY: RestartPolicy = { firstDelayMs: 100, longestDelayMs: 15_000, crashesToOpen: 5, windowMs: 60_000 };

/** What a group tells whoever dispatches. */
export interface GroupEvents {
  /** A worker is idle: there is something to dispatch to. */
  readonly onIdle: () => void;
  /** Every worker is gone and the circuit is open, or still open after another failed restart: what waits must be rejected. */
  readonly onOpen: (error: LocalLiteError) => void;
  readonly onCrash: (error: LocalLiteError, restartInMs: number) => void;
}

/**
 * The worker processes of one model: idle ones are handed out, dead ones are restarted with back-off. After repeated crashes the circuit
 * opens and says so; one restart at a time then probes, and its success closes the circuit.
 */
export class WorkerGroup<Worker extends GroupMember> {
  readonly #start: StartWorker<Worker>;
  readonly #events: GroupEvents;
  readonly #policy: RestartPolicy;
  readonly #size: number;
  readonly #workers = new Set<Worker>();
  readonly #idle: Worker[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  #crashes: number[] = [];
  #delayMs: number;
  #closed = false;
  #openReason: string | undefined;

  constructor(options: { size: number; start: StartWorker<Worker>; events: GroupEvents; policy?: RestartPolicy }) {
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

  get workers(): readonly Worker[] {
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
    if (this.#openReason === undefined) return undefined;
    return new LocalLiteError('worker_crashed', `${this.#openReason}; it is refused until a restart succeeds`, {
      retryAfterSeconds: Math.ceil(this.#delayMs / 1000),
    });
  }

  /** Takes an idle worker; give it back with {@link release}. */
  take(): Worker | undefined {
    return this.#idle.pop();
  }

  release(worker: Worker): void {
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
    let known: Worker | undefined;
    const worker = await this.#start((error) => this.#forget(known, error));
    if (!worker.alive) throw new LocalLiteError('worker_crashed', 'the worker ended while it was being started');
    if (this.#closed) return worker.close();
    known = worker;
    this.#openReason = undefined;
    this.#workers.add(worker);
    this.#idle.push(worker);
    this.#events.onIdle();
  }

  #forget(worker: Worker | undefined, error: LocalLiteError): void {
    if (worker === undefined || this.#closed) return; // a failed start is reported by the start itself
    this.#workers.delete(worker);
    const at = this.#idle.indexOf(worker);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#noteCrash(error);
  }

  /** With no process left, a restart that fails or crashes that repeat open the circuit; only a worker that stays up closes it. */
  #judge(error: LocalLiteError, isRestart: boolean): void {
    if (this.#workers.size > 0) return;
    const crashes = this.#recentCrashes();
    if (isRestart) this.#openReason = `the model's processes could not be restarted (${error.message})`;
    else if (crashes >= this.#policy.crashesToOpen) {
      this.#openReason ??= `the model's processes ended ${crashes} times in ${this.#policy.windowMs / 1000} s`;
    }
  }

  #noteCrash(error: LocalLiteError, isRestart = false): void {
    this.#crashes.push(Date.now());
    this.#judge(error, isRestart);
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(delayMs * 2, this.#policy.longestDelayMs);
    this.#events.onCrash(error, delayMs);
    const open = this.openCircuit;
    if (open !== undefined) this.#events.onOpen(open);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (this.#closed) return;
      this.#launch().catch((failure: unknown) => {
        if (!this.#closed) this.#noteCrash(LocalLiteError.from(failure), true);
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
