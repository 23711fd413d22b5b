import { describe, expect, test } from 'vitest';
import { weightBits } from '../../src/convert/int8-cpu.ts';
import { rowRange } from '../../src/convert/int8-rows.ts';
import { chooseSmoothing, quantiseWeights, relativeError } from '../../src/convert/int8-weights.ts';
import type { LinearLayer } from '../../src/convert/products.ts';
import { quantiseBlocks } from '../../src/convert/q4.ts';
import { decodeStatistics, encodeStatistics, shippedStatistics } from '../../src/convert/statistics.ts';
import calibration from '../../src/convert/texts/calibration.json' with { type: 'json' };
import heldOut from '../../src/convert/texts/held-out.json' with { type: 'json' };

const layer: LinearLayer = {
  name: 'layer',
  inputs: 4,
  outputs: 2,
  weight: () => new Float32Array(8),
  bias: undefined,
  input: 'wide',
};

describe('weights as int8', () => {
  const matrix = { values: Float32Array.of(1, -0.51, 0.25, 0, 0.1, 0.2, -0.4, 0.3), outputs: 2, inputs: 4 };

  test('each output has the scale of its largest weight, and columns stand where the product wants them', () => {
    const { values, scales } = quantiseWeights(matrix, 127, {});
    expect(scales[0]).toBeCloseTo(1 / 127, 7);
    expect(scales[1]).toBeCloseTo(0.4 / 127, 7);
    expect([...values]).toEqual([127, 32, -65, 64, 32, -127, 0, 95]);
  });

  test('without VNNI no pair of products leaves 16 bits', () => {
    const { values } = quantiseWeights(matrix, 63, {});
    expect(Math.max(...values.map(Math.abs))).toBe(63);
    expect(2 * 255 * 63).toBeLessThanOrEqual(32_767);
    expect(2 * 255 * 127).toBeGreaterThan(32_767);
  });

  test('the correction is what rounding takes from an output at the mean input', () => {
    const mean = Float32Array.of(2, 1, -1, 3);
    const { values, scales, correction } = quantiseWeights(matrix, 127, { mean });
    for (const output of [0, 1]) {
      const exact = mean.reduce((sum, value, input) => sum + value * (matrix.values[output * 4 + input] ?? 0), 0);
      const rounded = mean.reduce((sum, value, input) => sum + value * (values[input * 2 + output] ?? 0) * (scales[output] ?? 0), 0);
      expect(correction[output]).toBeCloseTo(exact - rounded, 6);
    }
  });

  test('smoothing gives an outlying channel less of the range, and lowers the expected error', () => {
    const energy = Float32Array.of(100, 0.01, 0.01, 0.01);
    const statistics = { largest: Float32Array.of(50, 0.5, 0.5, 0.5), mean: new Float32Array(4), energy };
    const { smoothing, scale } = chooseSmoothing(matrix, statistics);
    expect(smoothing[0]).toBeGreaterThan(5 * (smoothing[1] ?? 0));
    const smooth = relativeError(quantiseWeights(matrix, 127, { smoothing, energy }), scale);
    const plain = relativeError(quantiseWeights(matrix, 127, { energy }), 50 / 127);
    expect(smooth).toBeLessThan(plain);
    for (const [channel, largest] of statistics.largest.entries()) {
      expect(largest / ((smoothing[channel] ?? 1) * scale)).toBeLessThanOrEqual(127.001);
    }
  });
});

describe('rows of a byte', () => {
  test('a known least value gives almost the whole byte to the positive side', () => {
    const gelu = rowRange({ ...layer, least: -0.17 });
    expect(gelu.zero + gelu.steps).toBe(255);
    expect((-0.17 / gelu.floor) * gelu.steps).toBeGreaterThanOrEqual(-gelu.zero - 1e-9);
    expect(rowRange(layer)).toMatchObject({ zero: 128, steps: 127 });
    expect(rowRange({ ...layer, least: 0 })).toMatchObject({ zero: 0, steps: 255 });
  });
});

describe('the processor', () => {
  const linux = { platform: 'linux', architecture: 'x64' };
  test('weights have 8 bits only where sums have 32', () => {
    expect(weightBits({ ...linux, cpuinfo: 'flags\t\t: fpu avx2 avx512_vnni avx512_bitalg\n' })).toBe(8);
    expect(weightBits({ ...linux, cpuinfo: 'flags\t\t: fpu avx2 avx_vnni\n' })).toBe(8);
    expect(weightBits({ ...linux, cpuinfo: 'flags\t\t: fpu avx2 avx512f\n' })).toBe(7);
    expect(weightBits({ platform: 'win32', architecture: 'x64', cpuinfo: '' })).toBe(7);
    expect(weightBits({ platform: 'darwin', architecture: 'arm64', cpuinfo: '' })).toBe(8);
  });
});

describe('statistics', () => {
  const statistics = new Map([
    [
      'layer',
      {
        largest: Float32Array.of(3.7, 0, 120, 1e-9),
        mean: Float32Array.of(-0.5, 0, 30, 0),
        energy: Float32Array.of(1.5, 0, 2000, 1e-18),
      },
    ],
  ]);

  test('a file keeps them to a few percent and never understates a magnitude', () => {
    const read = decodeStatistics(encodeStatistics('owner/model', statistics)).get('layer');
    for (const [channel, value] of [3.7, 0, 120].entries()) {
      expect(read?.largest?.[channel]).toBeGreaterThanOrEqual(value);
      expect(read?.largest?.[channel]).toBeLessThanOrEqual(value * 1.1);
    }
    expect(read?.mean[0]).toBeCloseTo(-0.5, 1);
    expect(read?.mean[2]).toBeCloseTo(30, -1);
    expect(read?.energy[2]).toBeGreaterThan(1900);
    expect(read?.energy[2]).toBeLessThan(2100);
  });

  test('rounding what was rounded changes nothing', () => {
    const once = encodeStatistics('m', statistics);
    expect(encodeStatistics('m', decodeStatistics(once))).toEqual(once);
  });

  test('of a model that ships them: every layer, whatever the case of the id', async () => {
    const shipped = await shippedStatistics('Sentence-Transformers/all-minilm-l6-V2');
    expect(shipped?.size).toBe(24);
    expect(shipped?.get('encoder.layer.0.output.dense')?.largest).toBeUndefined();
    expect(shipped?.get('encoder.layer.0.output.dense')?.mean.length).toBe(1536);
    expect(shipped?.get('encoder.layer.5.intermediate.dense')?.largest?.length).toBe(384);
    expect(await shippedStatistics('owner/unknown')).toBeUndefined();
  });

  test('lists that contradict each other are refused', () => {
    const broken = { model: 'm', layers: { layer: { mean: 'AAAA', energy: 'AAAAAAAA' } } };
    expect(() => decodeStatistics(broken)).toThrow(/layer/);
  });
});

describe('4-bit blocks', () => {
  test('codes reproduce a block to half a step, two codes a byte', () => {
    const weights = Float32Array.from({ length: 64 }, (_, index) => Math.sin(index * 1.7) * (index < 32 ? 1 : 0.01));
    const { codes, scales } = quantiseBlocks(weights);
    expect([codes.length, scales.length]).toEqual([32, 2]);
    const worst = weights.reduce((most, value, index) => {
      const byte = codes[index >> 1] ?? 0;
      const code = index % 2 === 0 ? byte & 15 : byte >> 4;
      return Math.max(most, Math.abs(value - (code - 8) * (scales[index >> 5] ?? 0)) / Math.abs(scales[index >> 5] ?? 1));
    }, 0);
    expect(worst).toBeLessThan(1.2);
  });

  test('a block of zeros stays zero', () => {
    const { codes } = quantiseBlocks(new Float32Array(32));
    expect([...codes]).toEqual(Array.from({ length: 16 }, () => 0x88));
  });
});

describe('texts of our own', () => {
  test('are many, differ from one another, and what is checked was not calibrated on', () => {
    expect(calibration.length).toBeGreaterThanOrEqual(300);
    expect(new Set([...calibration, ...heldOut]).size).toBe(calibration.length + heldOut.length);
  });
});
