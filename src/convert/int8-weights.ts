import type { LayerStatistics } from './statistics.ts';

/** A linear layer's weights, [outputs, inputs] as PyTorch keeps them. */
export interface Matrix {
  readonly values: Float32Array;
  readonly outputs: number;
  readonly inputs: number;
}

/** Weights as the int8 product takes them. */
export interface QuantisedWeights {
  /** [inputs, outputs]. */
  readonly values: Int8Array;
  /** One an output. */
  readonly scales: Float32Array;
  /** What rounding the weights takes away from each output on average, given the means of the inputs. */
  readonly correction: Float32Array;
  /** Expected squares, over all outputs of a row: of the output itself, and of what rounding the weights does to it. */
  readonly power: number;
  readonly lost: number;
  /** Sum of the smoothed weights' squares: times a twelfth of the activations' squared step it is what rounding the activations does. */
  readonly squares: number;
}

/** What is known of the inputs, one value a channel; all optional. */
export interface InputFacts {
  /** Multiplies the weights first: the activations are divided by it. */
  readonly smoothing?: Float32Array;
  readonly mean?: Float32Array | undefined;
  /** Mean squares. */
  readonly energy?: Float32Array | undefined;
}

/**
 * Symmetric int8 with a scale for each output.
 * @param largest largest magnitude of an integer: 127, or 63 where products would not fit
 */
export function quantiseWeights(matrix: Matrix, largest: number, facts: InputFacts): QuantisedWeights {
  const { outputs, inputs } = matrix;
  const values = new Int8Array(outputs * inputs);
  const scales = new Float32Array(outputs);
  const correction = new Float32Array(outputs);
  const sums = { power: 0, lost: 0, squares: 0 };
  const row = new Float32Array(inputs);
  for (let output = 0; output < outputs; output++) {
    const scale = Math.fround(smoothedRow(matrix, output, facts.smoothing, row) / largest) || 1;
    let missing = 0;
    for (let input = 0; input < inputs; input++) {
      const value = row[input] ?? 0;
      const code = Math.round(value / scale);
      values[input * outputs + output] = code;
      const smoothing = facts.smoothing?.[input] ?? 1;
      const difference = (value - code * scale) / smoothing;
      const energy = facts.energy?.[input] ?? 0;
      missing += difference * (facts.mean?.[input] ?? 0);
      sums.power += (value / smoothing) ** 2 * energy;
      sums.lost += difference * difference * energy;
      sums.squares += value * value;
    }
    scales[output] = scale;
    correction[output] = missing;
  }
  return { values, scales, correction, ...sums };
}

/** Fills `row` with the smoothed weights of one output; the largest magnitude among them. */
function smoothedRow({ values, inputs }: Matrix, output: number, smoothing: Float32Array | undefined, row: Float32Array): number {
  let most = 0;
  for (let input = 0; input < inputs; input++) {
    const value = (values[output * inputs + input] ?? 0) * (smoothing?.[input] ?? 1);
    row[input] = value;
    if (value > most) most = value;
    else if (-value > most) most = -value;
  }
  return most;
}

/**
 * Expected error of a quantised layer's output relative to the output: the square root of the ratio of mean squares, roundings taken to be
 * independent and inputs uncorrelated. Good for telling layers apart.
 * @param step of the activations, in the unit of `energy`
 */
export function relativeError({ power, lost, squares }: QuantisedWeights, step: number): number {
  return power === 0 ? 0 : Math.sqrt((lost + (squares * step * step) / 12) / power);
}

/** A static quantisation of activations: each channel is divided by `smoothing`, then all of them by `scale`. */
export interface Smoothing {
  readonly smoothing: Float32Array;
  readonly scale: number;
}

/** Exponents that are tried: 1 gives every channel of the activations the same range, 0.5 shares the burden evenly with the weights. */
const EXPONENTS = [0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1];
/** Outputs that the choice of an exponent looks at. */
const SAMPLED_OUTPUTS = 256;
const LEAST = 1e-5;

/**
 * Moves the burden of uneven channels from the activations to the weights (SmoothQuant, arXiv 2211.10438): channel k is divided by
 * t_k = a_k^e / w_k^(1 - e), a_k the largest activation and w_k the largest weight of the channel. The exponent is the one with the least
 * expected error of the product, rounding of activations and of weights together.
 */
export function chooseSmoothing(matrix: Matrix, { largest, energy }: LayerStatistics): Smoothing {
  const sample = sampleOutputs(matrix);
  const weights = largestWeights(matrix);
  let best: { smoothing: Smoothing; error: number } | undefined;
  for (const exponent of EXPONENTS) {
    const smoothing = smoothingOf(largest ?? energy.map(Math.sqrt), weights, exponent);
    const error = expectedError(sample, smoothing, energy);
    if (best === undefined || error < best.error) best = { smoothing, error };
  }
  return best?.smoothing ?? { smoothing: new Float32Array(matrix.inputs).fill(1), scale: 1 };
}

function smoothingOf(activations: Float32Array, weights: Float32Array, exponent: number): Smoothing {
  const smoothing = activations.map((value, channel) => {
    const ratio = Math.max(value, LEAST) ** exponent / Math.max(weights[channel] ?? 0, LEAST) ** (1 - exponent);
    // Sixteenths of an octave: so coarse that the last bit of another machine's power function does not show.
    return 2 ** (Math.round(Math.log2(ratio) * 16) / 16);
  });
  const widest = activations.reduce((most, value, channel) => Math.max(most, value / (smoothing[channel] ?? 1)), LEAST);
  return { smoothing, scale: Math.fround(widest / 127) };
}

/** Expected square error of a row's product: rounding to a step s has variance s² / 12 in each of activations and weights. */
function expectedError({ values, outputs, inputs }: Matrix, { smoothing, scale }: Smoothing, energy: Float32Array): number {
  let weightSquares = 0;
  let squaredScales = 0;
  for (let output = 0; output < outputs; output++) {
    let most = 0;
    for (let input = 0; input < inputs; input++) {
      const value = Math.abs((values[output * inputs + input] ?? 0) * (smoothing[input] ?? 1));
      if (value > most) most = value;
      weightSquares += value * value;
    }
    squaredScales += (most / 127) ** 2;
  }
  const activationSquares = energy.reduce((sum, value, channel) => sum + value / (smoothing[channel] ?? 1) ** 2, 0);
  return scale * scale * weightSquares + squaredScales * activationSquares;
}

function sampleOutputs({ values, outputs, inputs }: Matrix): Matrix {
  const step = Math.max(1, Math.floor(outputs / SAMPLED_OUTPUTS));
  const picked = Math.ceil(outputs / step);
  const sample = new Float32Array(picked * inputs);
  for (let row = 0; row < picked; row++) sample.set(values.subarray(row * step * inputs, (row * step + 1) * inputs), row * inputs);
  return { values: sample, outputs: picked, inputs };
}

/** Largest weight of each input channel. */
function largestWeights({ values, outputs, inputs }: Matrix): Float32Array {
  const largest = new Float32Array(inputs);
  for (let output = 0; output < outputs; output++) {
    for (let input = 0; input < inputs; input++) {
      const value = Math.abs(values[output * inputs + input] ?? 0);
      if (value > (largest[input] ?? 0)) largest[input] = value;
    }
  }
  return largest;
}
