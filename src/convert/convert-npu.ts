import { join } from 'node:path';
import { LocalLiteError } from '../errors.ts';
import { buildGraph } from './build.ts';
import { type Checked, type Conversion, modelPath, withReference, withRunner, write } from './convert-check.ts';
import type { ConvertReport } from './convert-types.ts';
import { writeGraph } from './onnx-file.ts';
import { gatherRanges, type Ranges, rangeProducts } from './qdq-ranges.ts';
import { fidelityOf } from './report.ts';
import { buildNpuGraph, npuLengths } from './target-npu.ts';

type Made = Checked & Pick<ConvertReport, 'keptInFloat' | 'worstLayers'>;

/**
 * Makes one graph a length (see npuLengths): `model.onnx` for the longest, `model-<tokens>.onnx` for the others. They hold the same weights
 * and differ in shape alone, so that the shortest is the one whose numbers are checked, on the held-out texts that fit. Speed and memory are
 * not measured: those of the processor say nothing about the device.
 * @throws LocalLiteError as buildNpuGraph
 */
export async function makeNpu(conversion: Conversion): Promise<Made> {
  const { files, request } = conversion;
  const ranges = request.precision === 'int8' ? await rangesOf(conversion) : new Map();
  const lengths = npuLengths(request.maxTokens);
  for (const tokens of lengths) {
    await write(conversion, buildNpuGraph(files, request, { tokens, ranges }), pathFor(conversion, tokens, lengths));
  }
  const [shortest = request.maxTokens] = lengths;
  const fidelity = await checkFidelity(conversion, shortest, pathFor(conversion, shortest, lengths));
  // One text a run: it has no neighbours.
  return { fidelity, batchInvariance: 1, tokensPerSecond: undefined, memoryBytes: undefined, keptInFloat: [], worstLayers: [] };
}

function pathFor(conversion: Conversion, tokens: number, lengths: readonly number[]): string {
  return tokens === lengths.at(-1) ? modelPath(conversion) : join(conversion.request.output, `model-${tokens}.onnx`);
}

/** Runs the calibration texts through a float32 graph that gives every layer's range. */
async function rangesOf({ files, request, scratch, texts, signal, onProgress }: Conversion): Promise<Ranges> {
  const path = join(scratch, 'ranges.onnx');
  onProgress({ phase: 'calibrating', done: 0 });
  await writeGraph(buildGraph(files, request, rangeProducts()), path, { externalAbove: 0 });
  return gatherRanges(path, texts.calibration, { signal, onProgress: (done) => onProgress({ phase: 'calibrating', done }) });
}

async function checkFidelity(conversion: Conversion, tokens: number, path: string): Promise<ConvertReport['fidelity']> {
  const heldOut = conversion.texts.heldOut.filter(({ ids }) => ids.length <= tokens);
  if (heldOut.length === 0) throw new LocalLiteError('internal', `no held-out text has ${tokens} tokens or fewer`);
  const { signal, onProgress } = conversion;
  return withReference({ ...conversion, texts: { ...conversion.texts, heldOut } }, (reference) =>
    withRunner(path, (made) =>
      fidelityOf(made, heldOut, reference.answers, {
        signal,
        onProgress: (done) => onProgress({ phase: 'checking', done: 0.5 + done / 2 }),
      }),
    ),
  );
}
