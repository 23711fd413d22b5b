import { join } from 'node:path';
import { buildGraph, type ModelFiles } from './build.ts';
import type { Agreement, Answers } from './compare.ts';
import type { ConvertProgress, ConvertReport, ConvertRequest } from './convert-types.ts';
import { FP32_PRODUCTS } from './fp32.ts';
import type { Graph } from './graph.ts';
import { writeGraph } from './onnx-file.ts';
import { answersByLength, checkGraph, fidelityOf } from './report.ts';
import { type GraphRunner, openRunner } from './run-graph.ts';
import type { TextSets } from './text-sets.ts';

/** A conversion under way. */
export interface Conversion {
  readonly files: ModelFiles;
  readonly request: ConvertRequest;
  readonly texts: TextSets;
  /** Folder for graphs that are not kept. */
  readonly scratch: string;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ConvertProgress) => void;
}

/** The float32 graph of the same weights, open, and its answers to the held-out texts. */
export interface Reference {
  readonly runner: GraphRunner;
  readonly answers: Answers;
}

/** What checking adds to a report. */
export type Checked = Pick<ConvertReport, 'fidelity' | 'batchInvariance' | 'tokensPerSecond' | 'memoryBytes'>;

/** Where the graph of a conversion goes. */
export function modelPath({ request }: Conversion): string {
  return join(request.output, 'model.onnx');
}

/** Writes a graph and reports it as progress. */
export async function write({ signal, onProgress }: Conversion, graph: Graph, path: string): Promise<void> {
  signal.throwIfAborted();
  onProgress({ phase: 'writing', done: 0 });
  await writeGraph(graph, path);
  onProgress({ phase: 'writing', done: 1 });
}

/** Opens a graph for as long as `work` takes. */
export async function withRunner<T>(path: string, work: (runner: GraphRunner) => Promise<T>): Promise<T> {
  const runner = await openRunner(path);
  try {
    return await work(runner);
  } finally {
    await runner.close();
  }
}

/** Makes the float32 graph beside the conversion's own, runs the held-out texts, and keeps it open for as long as `work` takes. */
export async function withReference<T>(conversion: Conversion, work: (reference: Reference) => Promise<T>): Promise<T> {
  const { files, request, scratch, texts, signal, onProgress } = conversion;
  signal.throwIfAborted();
  const path = join(scratch, 'reference.onnx');
  // Weights in a file of their own are mapped into memory rather than read into it twice.
  await writeGraph(buildGraph(files, request, FP32_PRODUCTS), path, { externalAbove: 0 });
  return withRunner(path, async (runner) => {
    const answers = await answersByLength(runner, texts.heldOut, {
      signal,
      onProgress: (done) => onProgress({ phase: 'checking', done: done / 2 }),
    });
    return work({ runner, answers });
  });
}

/**
 * Opens the finished graph and checks it; without a reference where it is the float32 graph itself.
 * @param enough told how well the graph holds to the reference; where it says no, nothing else is checked
 * @returns undefined where `enough` said no
 */
export async function check(
  conversion: Conversion,
  reference: Reference | undefined,
  enough: (fidelity: Agreement) => boolean,
): Promise<Checked | undefined> {
  const { texts, signal, onProgress } = conversion;
  const before = process.memoryUsage.rss();
  return withRunner(modelPath(conversion), async (made) => {
    const watch = { signal, onProgress: (done: number) => onProgress({ phase: 'checking', done: 0.5 + done / 2.5 }) };
    const fidelity = reference && (await fidelityOf(made, texts.heldOut, reference.answers, watch));
    const memoryBytes = Math.max(0, process.memoryUsage.rss() - before) + BARE_PROCESS_BYTES;
    if (fidelity !== undefined && !enough(fidelity)) return undefined;
    const checked = await checkGraph(made, { texts: texts.heldOut, reference: reference?.runner, signal });
    onProgress({ phase: 'checking', done: 1 });
    return { ...checked, fidelity, memoryBytes };
  });
}

/** Resident bytes of a worker process before it opens a graph (Node 20 with ONNX Runtime loaded, Linux x64). */
const BARE_PROCESS_BYTES = 75_000_000;
