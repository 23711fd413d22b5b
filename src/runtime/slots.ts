/** Which work goes first: a person is waiting for `interactive`, nobody for `bulk`. */
export type Lane = 'interactive' | 'bulk';

interface Waiter {
  readonly lane: Lane;
  readonly grant: () => void;
}

/**
 * The gateway's core slots: every model leases one for each batch, so that cores are never oversubscribed and lanes hold across models.
 * Interactive waiters go first; after {@link CoreSlots.fairness} interactive grants in a row one bulk waiter gets its turn.
 */
export class CoreSlots {
  /** Interactive grants in a row before a waiting bulk batch is let in. */
  static readonly fairness = 4;
  readonly total: number;
  #busy = 0;
  #streak = 0;
  #waiters: Waiter[] = [];

  constructor(total: number) {
    this.total = total;
  }

  get busy(): number {
    return this.#busy;
  }

  /**
   * Calls `granted` with a one-time release as soon as a core is free: at once if one is free now. The caller decides only then what to
   * run, so that work which arrived meanwhile is considered. Returns a function that withdraws the wish (no effect once granted).
   */
  request(lane: Lane, granted: (release: () => void) => void): () => void {
    const waiter: Waiter = { lane, grant: () => granted(this.#lease()) };
    if (this.#busy < this.total) {
      this.#busy += 1;
      waiter.grant();
      return () => {};
    }
    this.#waiters.push(waiter);
    return () => {
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
    };
  }

  #lease(): () => void {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#busy -= 1;
      this.#grantNext();
    };
  }

  #grantNext(): void {
    if (this.#busy >= this.total || this.#waiters.length === 0) return;
    const bulkIsDue = this.#streak >= CoreSlots.fairness;
    const preferred = this.#waiters.find((waiter) => waiter.lane === (bulkIsDue ? 'bulk' : 'interactive')) ?? this.#waiters[0];
    if (preferred === undefined) return;
    this.#waiters = this.#waiters.filter((waiter) => waiter !== preferred);
    this.#streak = preferred.lane === 'interactive' ? this.#streak + 1 : 0;
    this.#busy += 1;
    preferred.grant();
  }
}
