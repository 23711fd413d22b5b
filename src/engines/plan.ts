/** What a batch may be at most, and what it should be about. */
export interface BatchLimits {
  /** Hard bound on rows x longest row: it bounds memory. One row alone is always allowed. */
  readonly maxPaddedTokens: number;
  /** Where a batch stops growing: rows x longest row worth about one scheduling interval of a worker. */
  readonly targetPaddedTokens: number;
  /** Padding accepted once the batch is no longer tiny, as a share of rows x longest row. */
  readonly maxPaddingShare: number;
}

/** Below this many padded tokens a batch is tiny: one call's fixed cost outweighs some padding. */
const TINY_TOKENS = 48;

/**
 * Chooses the rows of one batch from a queue sorted by length: a window [from, to) around `anchor` (the row whose turn it is), grown
 * towards whichever neighbour wastes less, because padding is paid for: cost = longest x rows. Pure.
 */
export function planBatch(sortedLengths: readonly number[], anchor: number, limits: BatchLimits): { from: number; to: number } {
  let from = anchor;
  let to = anchor + 1;
  let real = sortedLengths[anchor] ?? 0;
  for (;;) {
    const next = cheaperNeighbour(sortedLengths, from, to);
    if (next === undefined) return { from, to };
    const longest = sortedLengths[Math.max(to - 1, next)] ?? 0;
    const padded = longest * (to - from + 1);
    const total = real + (sortedLengths[next] ?? 0);
    if (padded > Math.min(limits.maxPaddedTokens, limits.targetPaddedTokens)) return { from, to };
    if (padded > TINY_TOKENS && 1 - total / padded > limits.maxPaddingShare) return { from, to };
    if (next < from) from = next;
    else to = next + 1;
    real = total;
  }
}

/** The neighbour of the window that adds less padding; a tie goes to the longer row, so that rows of one length stay together. */
function cheaperNeighbour(sortedLengths: readonly number[], from: number, to: number): number | undefined {
  const longest = sortedLengths[to - 1] ?? 0;
  const shorter = from > 0 ? longest - (sortedLengths[from - 1] ?? 0) : Number.POSITIVE_INFINITY;
  const longer = to < sortedLengths.length ? ((sortedLengths[to] ?? 0) - longest) * (to - from) : Number.POSITIVE_INFINITY;
  if (shorter === Number.POSITIVE_INFINITY && longer === Number.POSITIVE_INFINITY) return undefined;
  return longer <= shorter ? to : from - 1;
}

/** Which lane the next batch comes from. */
export interface LaneState {
  readonly interactiveWaiting: boolean;
  /** Milliseconds the oldest bulk row has waited; undefined when none waits. */
  readonly oldestBulkMs: number | undefined;
  /** Interactive batches since the last bulk one. */
  readonly interactiveStreak: number;
}

/**
 * Interactive first; a bulk row that has waited longer than `maxWaitMs` gets every fifth batch, so that no flood of short requests
 * starves it. Pure.
 */
export function chooseLane(state: LaneState, maxWaitMs: number): 'interactive' | 'bulk' | undefined {
  if (state.oldestBulkMs === undefined) return state.interactiveWaiting ? 'interactive' : undefined;
  if (!state.interactiveWaiting) return 'bulk';
  return state.oldestBulkMs > maxWaitMs && state.interactiveStreak >= 4 ? 'bulk' : 'interactive';
}
