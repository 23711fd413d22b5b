import { LocalLiteError } from '../errors.ts';

/**
 * What calibration saw of a layer's input, one value a channel, over all real tokens. Of a `normed` input the values themselves; of a `wide`
 * one each row divided by its {@link import('./int8-rows.ts').RowRange} first, because that is how it is quantised.
 */
export interface LayerStatistics {
  /** Largest magnitude; undefined for `wide` inputs, which no static scale is made of. */
  readonly largest: Float32Array | undefined;
  readonly mean: Float32Array;
  /** Mean of the squares. */
  readonly energy: Float32Array;
}

/** By {@link import('./products.ts').LinearLayer.name}. */
export type Statistics = ReadonlyMap<string, LayerStatistics>;

/** Statistics as they are kept in a file: per layer the codes of `largest`, `mean` and `energy`, base64. */
export interface StatisticsFile {
  readonly model: string;
  readonly layers: Readonly<Record<string, { readonly largest?: string; readonly mean: string; readonly energy: string }>>;
}

/** Steps an octave, of magnitudes that are kept as the logarithm in one byte: 2^-16 to 2^15.9, and 0 as such. */
const STEPS = 8;
const ZERO = 128;

/** Rounds statistics to one byte a value. A magnitude is never rounded down, so that nothing that calibration saw is clipped. */
export function encodeStatistics(model: string, statistics: Statistics): StatisticsFile {
  const layers = [...statistics].map(([name, { largest, mean, energy }]) => {
    const spread = energy.map(Math.sqrt);
    return [
      name,
      {
        ...(largest === undefined ? {} : { largest: toBase64(Uint8Array.from(largest, (value) => logCode(value, Math.ceil))) }),
        mean: toBase64(Uint8Array.from(mean, (value, index) => 128 + Math.round((127 * value) / (spread[index] || 1)))),
        energy: toBase64(Uint8Array.from(energy, (value) => logCode(value, Math.round))),
      },
    ] as const;
  });
  return { model, layers: Object.fromEntries(layers) };
}

/**
 * Reads what {@link encodeStatistics} wrote.
 * @throws LocalLiteError internal when a layer's lists differ in length
 */
export function decodeStatistics({ layers }: StatisticsFile): Statistics {
  return new Map(Object.entries(layers).map(([name, layer]) => [name, decodeLayer(name, layer)]));
}

function decodeLayer(name: string, layer: StatisticsFile['layers'][string]): LayerStatistics {
  const energy = Float32Array.from(fromBase64(layer.energy), logValue);
  const mean = Float32Array.from(fromBase64(layer.mean), (code, index) => ((code - 128) / 127) * Math.sqrt(energy[index] ?? 0));
  const largest = layer.largest === undefined ? undefined : Float32Array.from(fromBase64(layer.largest), logValue);
  if (mean.length !== energy.length || (largest !== undefined && largest.length !== energy.length)) {
    throw new LocalLiteError('internal', `the calibration statistics of ${name} contradict themselves`);
  }
  return { largest, mean, energy };
}

/** Rounds statistics as a file would, so that they give the same bytes whether they were shipped or just taken. */
export function roundStatistics(statistics: Statistics): Statistics {
  return decodeStatistics(encodeStatistics('', statistics));
}

function logCode(value: number, round: (value: number) => number): number {
  if (!(value > 2 ** -15.9)) return value > 0 ? 1 : 0;
  // A little less: a value that was rounded before keeps its code.
  return Math.min(255, round(Math.log2(value) * STEPS - 1e-3) + ZERO);
}

function logValue(code: number): number {
  return code === 0 ? 0 : 2 ** ((code - ZERO) / STEPS);
}

function toBase64(codes: Uint8Array): string {
  return Buffer.from(codes).toString('base64');
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}

/** Statistics that come with LocalLite, by model. Made by `scripts/calibrate.mjs`; loaded only when they are asked for. */
const SHIPPED: Readonly<Record<string, () => Promise<{ readonly default: StatisticsFile }>>> = {
  'sentence-transformers/all-minilm-l6-v2': () => import('./statistics/all-minilm-l6-v2.json', { with: { type: 'json' } }),
};

/** Statistics of a catalogue model; undefined where none are shipped, and the model is calibrated when it is converted. */
export async function shippedStatistics(id: string): Promise<Statistics | undefined> {
  const load = SHIPPED[id.toLowerCase()];
  return load === undefined ? undefined : decodeStatistics((await load()).default);
}
