/** Chunks with scores, best first. */
export interface RankedList {
  readonly chunks: readonly number[];
  readonly scores: readonly number[];
  /** Share of this list in the fused score. */
  readonly weight: number;
}

/** A chunk with its fused score, 0 to 1. */
export interface Fused {
  readonly chunk: number;
  readonly score: number;
}

/** Ranks count as 1 / (60 + rank), the constant of Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion" (SIGIR 2009). */
const RANK_CONSTANT = 60;

/** Reciprocal rank fusion; scores are divided by the best that was possible. Equal scores go by ascending chunk. */
export function fuseByRank(lists: readonly RankedList[]): readonly Fused[] {
  const best = lists.reduce((sum, { weight }) => sum + weight / (RANK_CONSTANT + 1), 0);
  return sumUp(lists, (_score, rank) => 1 / (RANK_CONSTANT + rank), best);
}

/**
 * Weighted sum of scores that are brought to one scale: each list's from its lowest (0) to its best (1), so a chunk that a list did not find
 * counts as little as the last one that it found. Equal scores go by ascending chunk.
 */
export function fuseByScore(lists: readonly RankedList[]): readonly Fused[] {
  const filled = lists.filter(({ chunks }) => chunks.length > 0);
  const total = lists.reduce((sum, { weight }) => sum + weight, 0);
  const scales = new Map(filled.map((list) => [list, scaleOf(list.scores)]));
  return sumUp(filled, (score, _rank, list) => (scales.get(list) ?? identity)(score), total);
}

const identity = (score: number): number => score;

function scaleOf(scores: readonly number[]): (score: number) => number {
  const [highest = 0] = scores;
  const lowest = scores.at(-1) ?? 0;
  // A list whose scores are all the same says nothing of their order: all are as good as its best.
  return highest === lowest ? () => 1 : (score) => (score - lowest) / (highest - lowest);
}

function sumUp(
  lists: readonly RankedList[],
  part: (score: number, rank: number, list: RankedList) => number,
  divisor: number,
): readonly Fused[] {
  const sums = new Map<number, number>();
  for (const list of lists) {
    for (const [index, chunk] of list.chunks.entries()) {
      sums.set(chunk, (sums.get(chunk) ?? 0) + list.weight * part(list.scores[index] ?? 0, index + 1, list));
    }
  }
  const fused = [...sums].map(([chunk, sum]) => ({ chunk, score: divisor === 0 ? 0 : sum / divisor }));
  return fused.sort((a, b) => b.score - a.score || a.chunk - b.chunk);
}
