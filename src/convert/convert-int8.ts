import { join } from 'node:path';
import { buildGraph } from './build.ts';
import { gatherStatistics, observingProducts } from './calibrate.ts';
import { type Checked, type Conversion, check, modelPath, withReference, write } from './convert-check.ts';
import type { ConvertReport } from './convert-types.ts';
import { int8Products } from './int8.ts';
import { weightBits } from './int8-cpu.ts';
import { writeGraph } from './onnx-file.ts';
import { roundStatistics, type Statistics, shippedStatistics } from './statistics.ts';

/** Mean cosine to float32 that a conversion aims for: while it is missed, the worst layers go back to float. */
const FLOOR = 0.995;
/** Attempts at that, and the share of all layers that each gives back. */
const ATTEMPTS = 6;
const GIVEN_BACK = 0.15;
/** Layers that a report names. */
const NAMED_LAYERS = 5;

type Made = Checked & Pick<ConvertReport, 'keptInFloat' | 'worstLayers'>;

/** Makes the int8 graph, with as few layers left in float32 as fidelity allows. */
export async function makeInt8(conversion: Conversion): Promise<Made> {
  const statistics = await statisticsFor(conversion);
  return withReference(conversion, async (reference) => {
    let kept: ReadonlySet<string> = new Set();
    for (let attempt = 1; ; attempt++) {
      const errors = await writeInt8(conversion, statistics, kept);
      const worst = errors.toSorted((a, b) => b.relativeError - a.relativeError);
      const last = attempt === ATTEMPTS || worst.length === 0;
      const checked = await check(conversion, reference, ({ meanCosine }) => last || meanCosine >= FLOOR);
      if (checked !== undefined) return { ...checked, keptInFloat: [...kept], worstLayers: worst.slice(0, NAMED_LAYERS) };
      kept = new Set([...kept, ...worst.slice(0, givenBack(kept, errors)).map(({ layer }) => layer)]);
    }
  });
}

function givenBack(kept: ReadonlySet<string>, errors: LayerErrors): number {
  return Math.ceil((kept.size + errors.length) * GIVEN_BACK);
}

type LayerErrors = ConvertReport['worstLayers'];

async function writeInt8(conversion: Conversion, statistics: Statistics, keptInFloat: ReadonlySet<string>): Promise<LayerErrors> {
  const errors: { layer: string; relativeError: number }[] = [];
  const onLayer = (layer: string, relativeError: number) => errors.push({ layer, relativeError });
  const products = int8Products({ statistics, weightBits: weightBits(), keptInFloat, onLayer });
  await write(conversion, buildGraph(conversion.files, conversion.request, products), modelPath(conversion));
  return errors;
}

/** What comes with LocalLite, or what the texts show. */
async function statisticsFor(conversion: Conversion): Promise<Statistics> {
  const shipped = await shippedStatistics(conversion.request.id);
  return shipped ?? roundStatistics(await calibrate(conversion));
}

/** Runs the calibration texts through a float32 graph that observes every layer's input. */
export async function calibrate({ files, request, scratch, texts, signal, onProgress }: Conversion): Promise<Statistics> {
  const path = join(scratch, 'observing.onnx');
  onProgress({ phase: 'calibrating', done: 0 });
  await writeGraph(buildGraph(files, request, observingProducts()), path, { externalAbove: 0 });
  return gatherStatistics(path, texts.calibration, { signal, onProgress: (done) => onProgress({ phase: 'calibrating', done }) });
}
