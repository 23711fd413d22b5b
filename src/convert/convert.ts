import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { LocalLiteError } from '../errors.ts';
import { loadTokenizer } from '../runtime/tokenizer.ts';
import { buildGraph, type ModelFiles, openModelFiles } from './build.ts';
import { type Conversion, check, modelPath, withReference, write } from './convert-check.ts';
import { makeInt8 } from './convert-int8.ts';
import { makeNpu } from './convert-npu.ts';
import { CONVERTER_VERSION, type ConvertProgress, type ConvertReport, type ConvertRequest } from './convert-types.ts';
import { FP32_PRODUCTS } from './fp32.ts';
import type { Graph } from './graph.ts';
import { Q4_PRODUCTS } from './q4.ts';
import type { EncodedText } from './run-graph.ts';
import { buildGpuGraph } from './target-gpu.ts';
import { encodeTextSets, type TextSets } from './text-sets.ts';

/** How a conversion is watched and stopped. */
export interface ConvertOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ConvertProgress) => void;
}

/** Above this many weights a conversion runs a third of the texts: they would take minutes. */
const MANY_WEIGHTS = 200_000_000;

/**
 * Makes a graph of a model's published weights, writes it as `model.onnx` into the request's `output`, and checks it against the float32
 * graph of the same weights. It keeps a core busy for seconds to minutes: give it a process of its own.
 *
 * Fidelity is the cosine of each text's vector (or term weights, or token vectors) to float32's; for a cross-encoder's logits the cosine of
 * vectors of eight texts' logits around their mean. A graph with several outputs answers for the one that agrees least.
 * @throws LocalLiteError model_unsupported, model_wrong_task or model_load_failed, naming what cannot be converted; disk_full; cancelled
 */
export async function convertModel(request: ConvertRequest, options: ConvertOptions): Promise<ConvertReport> {
  options.onProgress({ phase: 'reading', done: 0 });
  const files = openModelFiles(request.directory);
  try {
    const tokenizer = await loadTokenizer(request.directory);
    const texts = encodeTextSets(tokenizer, { pairs: request.tasks.includes('rerank'), maxTokens: request.maxTokens });
    options.onProgress({ phase: 'reading', done: 1 });
    return await convertFiles(files, request, { ...options, texts: fewerWhereLarge(files, texts) });
  } finally {
    files.close();
  }
}

function fewerWhereLarge({ weights }: ModelFiles, { calibration, heldOut }: TextSets): TextSets {
  const count = weights.names.reduce((sum, name) => sum + (weights.shape(name) ?? []).reduce((product, size) => product * size, 1), 0);
  const third = (texts: readonly EncodedText[]) => (count > MANY_WEIGHTS ? texts.filter((_, index) => index % 3 === 0) : texts);
  return { calibration: third(calibration), heldOut: third(heldOut) };
}

/**
 * {@link convertModel} on opened files and texts already encoded, for models without a tokenizer of their own.
 * @throws LocalLiteError as convertModel
 */
export async function convertFiles(
  files: ModelFiles,
  request: ConvertRequest,
  options: ConvertOptions & { readonly texts: TextSets },
): Promise<ConvertReport> {
  const begun = performance.now();
  const scratch = await mkdtemp(join(request.output, '.scratch-'));
  try {
    const made = await make({ files, request, scratch, ...options });
    const seconds = (performance.now() - begun) / 1000;
    const { precision, target } = request;
    return { converter: CONVERTER_VERSION, precision, target, family: files.family.name, ...made, seconds };
  } catch (error) {
    throw options.signal.aborted ? new LocalLiteError('cancelled', 'the conversion was cancelled', { cause: error }) : error;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

type Made = Omit<ConvertReport, 'converter' | 'precision' | 'target' | 'family' | 'seconds'>;

async function make(conversion: Conversion): Promise<Made> {
  const { request, files } = conversion;
  if (request.target === 'gpu') return makeOnce(conversion, buildGpuGraph(files, request));
  if (request.target === 'npu') return makeNpu(conversion);
  if (request.precision === 'fp16') throw unsupported('graphs in fp16 are made for the target gpu; for cpu there are fp32, int8 and q4');
  if (request.precision === 'int8') return makeInt8(conversion);
  return makeOnce(conversion, buildGraph(files, request, request.precision === 'q4' ? Q4_PRODUCTS : FP32_PRODUCTS));
}

/** A precision that knows no second attempt. */
async function makeOnce(conversion: Conversion, graph: Graph): Promise<Made> {
  await write(conversion, graph, modelPath(conversion));
  const always = () => true;
  const exact = conversion.request.precision === 'fp32';
  const checked = exact
    ? await check(conversion, undefined, always)
    : await withReference(conversion, (reference) => check(conversion, reference, always));
  if (checked === undefined) throw new LocalLiteError('internal', 'a graph that is always good enough was not checked');
  return { ...checked, keptInFloat: [], worstLayers: [] };
}

function unsupported(message: string): LocalLiteError {
  return new LocalLiteError('model_unsupported', message);
}
