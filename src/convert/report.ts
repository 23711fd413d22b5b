import { performance } from 'node:perf_hooks';
import { type Agreement, type Answers, agreement, answersOf } from './compare.ts';
import type { EncodedText, GraphRunner } from './run-graph.ts';

/** What a check of a finished graph found. */
export interface CheckedGraph {
  readonly batchInvariance: number;
  readonly tokensPerSecond: { readonly this: number; readonly fp32: number | undefined };
}

/** How a run over many texts is watched and stopped. */
export interface WatchOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (done: number) => void;
}

interface CheckOptions {
  readonly texts: readonly EncodedText[];
  readonly reference: GraphRunner | undefined;
  readonly signal: AbortSignal;
}

/** Texts a batch, of neighbouring lengths, as they run when they are served. */
const CHECK_BATCH = 16;
/** Texts that are run both alone and in a batch of mixed lengths, and the longest of them in tokens. */
const INVARIANCE_TEXTS = 12;
const INVARIANCE_TOKENS = 84;
/** Turns of a timing, and texts of one run. */
const TURNS = 5;
const TIMED_TEXTS = 16;

/** Compares a graph with itself in other batches, and takes its time in turns with the float32 graph's. */
export async function checkGraph(made: GraphRunner, { texts, reference, signal }: CheckOptions): Promise<CheckedGraph> {
  const sorted = byLength(texts);
  return { batchInvariance: await invarianceOf(made, sorted, signal), tokensPerSecond: await speeds(made, reference, sorted, signal) };
}

/** Agreement of a graph with the fp32 graph's answers, which {@link answersByLength} gave. */
export async function fidelityOf(
  made: GraphRunner,
  texts: readonly EncodedText[],
  expected: Answers,
  options: WatchOptions,
): Promise<Agreement> {
  return agreement(await answersByLength(made, texts, options), expected);
}

/** Answers to texts sorted by length. */
export function answersByLength(runner: GraphRunner, texts: readonly EncodedText[], options: WatchOptions): Promise<Answers> {
  return answersOf(runner, byLength(texts), { size: CHECK_BATCH, ...options });
}

function byLength(texts: readonly EncodedText[]): readonly EncodedText[] {
  return texts.toSorted((a, b) => a.ids.length - b.ids.length);
}

/** Worst cosine between texts alone and in one batch that holds shorter and longer ones. */
async function invarianceOf(runner: GraphRunner, sorted: readonly EncodedText[], signal: AbortSignal): Promise<number> {
  const short = sorted.filter(({ ids }) => ids.length <= INVARIANCE_TOKENS);
  const step = Math.max(1, Math.ceil(short.length / INVARIANCE_TEXTS));
  const mixed = short.filter((_, index) => (short.length - 1 - index) % step === 0);
  const together = await answersOf(runner, mixed, { size: mixed.length, signal });
  return agreement(await answersOf(runner, mixed, { size: 1, signal }), together).worstCosine;
}

async function speeds(
  made: GraphRunner,
  reference: GraphRunner | undefined,
  sorted: readonly EncodedText[],
  signal: AbortSignal,
): Promise<CheckedGraph['tokensPerSecond']> {
  const batch = middleOf(sorted);
  const tokens = batch.reduce((sum, { ids }) => sum + ids.length, 0);
  const runners = reference === undefined ? [made] : [made, reference];
  const [own = 0, fp32] = (await timesInTurns(runners, batch, signal)).map((seconds) => tokens / seconds);
  return { this: own, fp32 };
}

/** Median seconds of one run of each graph, taken in turns: the only fair way on a machine that is not idle. */
async function timesInTurns(
  runners: readonly GraphRunner[],
  batch: readonly EncodedText[],
  signal: AbortSignal,
): Promise<readonly number[]> {
  const times: number[][] = runners.map(() => []);
  for (let turn = 0; turn < TURNS; turn++) {
    signal.throwIfAborted();
    for (const [index, runner] of runners.entries()) {
      const begun = performance.now();
      await runner.run(batch);
      times[index]?.push((performance.now() - begun) / 1000);
    }
  }
  return times.map((list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.POSITIVE_INFINITY);
}

/** Texts of middling length, which hardly need padding. */
function middleOf(sorted: readonly EncodedText[]): readonly EncodedText[] {
  const from = Math.max(0, Math.floor((sorted.length - TIMED_TEXTS) / 2));
  return sorted.slice(from, from + TIMED_TEXTS);
}
