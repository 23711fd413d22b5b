import { describe, expect, it } from 'vitest';
import { floorWarning, judge, precisionsToTry, type WantedPrecision } from '../../src/gateway/variant-choice.ts';
import type { ModelVariant } from '../../src/models/card.ts';
import { type ConversionReport, kindOf, madeName } from '../../src/models/made.ts';
import { reportOf } from '../servers/make-fixture.ts';

const FACTS = { tasks: ['embed' as const], pooling: 'mean' as const, normalize: true, dimensions: 8, maxTokens: 16 };
const CARD = { task: 'embed' as const, pooling: 'mean' as const, normalize: true, dimensions: 8, maxTokens: 16 };
const RECIPE = { converter: 1, precision: 'int8' as const, target: 'cpu' as const, ...FACTS };
const VARIANT: ModelVariant = { name: 'int8-c1', dtype: 'int8', onnx: 'model.onnx', batchInvariant: true, sources: [], golden: [] };
const fidelity = (meanCosine: number) => ({ meanCosine, worstCosine: meanCosine - 0.01, texts: 68 });

function verdict(
  changes: Partial<ConversionReport>,
  options: { variant?: Partial<ModelVariant>; wanted?: WantedPrecision; floor?: number } = {},
) {
  const { wanted = 'auto', floor = 0.995, variant = {} } = options;
  return judge(reportOf(RECIPE, changes), { ...VARIANT, ...variant }, { floor, wanted });
}

describe('a made variant', () => {
  it('is chosen at the floor and above, when it is faster than fp32', () => {
    expect(verdict({ fidelity: fidelity(0.995) })).toMatchObject({ chosen: true, reason: expect.stringContaining('2.25 times') });
    expect(verdict({ tokensPerSecond: { this: 4001, fp32: 4000 } }).chosen).toBe(true);
  });

  it.each<[string, Partial<ConversionReport>, string]>([
    ['below the floor', { fidelity: fidelity(0.99499) }, 'under the floor of 0.995'],
    ['of unknown fidelity', { fidelity: undefined }, 'not known'],
    ['of a fidelity that is no number', { fidelity: fidelity(Number.NaN) }, 'under the floor'],
    ['as fast as fp32', { tokensPerSecond: { this: 4000, fp32: 4000 } }, '1.00 times'],
    ['slower than fp32', { tokensPerSecond: { this: 1000, fp32: 4000 } }, '0.25 times'],
    ['whose speed is no number', { tokensPerSecond: { this: Number.NaN, fp32: 4000 } }, 'times'],
    ['measured without fp32', { tokensPerSecond: { this: 4000 } }, 'not known'],
    ['that nobody timed', { tokensPerSecond: undefined }, 'not known'],
  ])('%s is not chosen', (_name, changes, reason) => {
    expect(verdict(changes)).toEqual({ chosen: false, reason: expect.stringContaining(reason) });
  });

  it('whose vectors depend on the batch is not chosen, however fast it is', () => {
    expect(verdict({}, { variant: { batchInvariant: false } })).toEqual({ chosen: false, reason: expect.stringContaining('batch') });
  });

  it('that the settings want need not be faster, but as good', () => {
    const slow = { tokensPerSecond: { this: 1, fp32: 4000 } };
    expect(verdict(slow, { wanted: 'int8' }).chosen).toBe(true);
    expect(verdict({ ...slow, fidelity: fidelity(0.97) }, { wanted: 'int8' }).chosen).toBe(false);
    expect(verdict({ fidelity: fidelity(0.97) }, { floor: 0.96 }).chosen).toBe(true);
  });

  it('in full precision is always good enough', () => {
    expect(verdict({ precision: 'fp32', fidelity: undefined, tokensPerSecond: undefined }, { floor: 1 }).chosen).toBe(true);
  });
});

describe('precisions', () => {
  const linux = (flags: string) => ({ architecture: 'x64', cpuinfo: `processor\t: 0\nflags\t\t: fpu ${flags} ht\n` });

  it('are tried in order, full precision the last', () => {
    expect(precisionsToTry('auto', linux('avx2 avx512_vnni'))).toEqual(['int8', 'fp32']);
    expect(precisionsToTry('int8', linux('sse2'))).toEqual(['int8', 'fp32']);
    expect(precisionsToTry('q4', linux('avx2'))).toEqual(['q4', 'fp32']);
    expect(precisionsToTry('fp32', linux('avx2'))).toEqual(['fp32']);
  });

  it('leave int8 out where the processor has no instructions for it, not where nobody tells', () => {
    expect(precisionsToTry('auto', linux('sse2 avx'))).toEqual(['fp32']);
    const arm = (features: string) => ({ architecture: 'arm64', cpuinfo: `Features\t: fp asimd ${features}\n` });
    expect(precisionsToTry('auto', arm('asimddp'))).toEqual(['int8', 'fp32']);
    expect(precisionsToTry('auto', arm('crc32'))).toEqual(['fp32']);
    for (const architecture of ['x64', 'arm64']) expect(precisionsToTry('auto', { architecture, cpuinfo: '' })).toEqual(['int8', 'fp32']);
  });
});

describe('a variant below the floor that runs all the same', () => {
  const recorded = { ...VARIANT, name: 'q4', fidelity: { meanCosine: 0.9638, worstCosine: 0.88, on: 'texts' } };

  it('is told of, with what would be better', () => {
    expect(floorWarning('mini', recorded, 0.995, true)).toMatch(
      /q4 has a mean cosine of 0\.9638.*floor of 0\.995.*locallite convert mini --pin/,
    );
    expect(floorWarning('mini', recorded, 0.995, false)).not.toContain('convert');
  });

  it('and one above it, or that nobody measured, is not', () => {
    expect(floorWarning('mini', recorded, 0.96, true)).toBeUndefined();
    expect(floorWarning('mini', VARIANT, 0.995, true)).toBeUndefined();
  });
});

describe('names of made variants', () => {
  it('say precision, layout and converter, and are read back', () => {
    expect(madeName(RECIPE, CARD)).toBe('int8-c1');
    expect(madeName({ ...RECIPE, precision: 'fp16', target: 'gpu', converter: 12 }, CARD)).toBe('fp16-gpu-c12');
    const other = madeName({ ...RECIPE, normalize: false }, CARD);
    expect(other).toMatch(/^int8-c1-[0-9a-f]{6}$/);
    for (const name of ['int8', 'int8-c1', other]) expect(kindOf(name)).toEqual({ precision: 'int8', target: 'cpu' });
    expect(kindOf('fp16-gpu-c12')).toEqual({ precision: 'fp16', target: 'gpu' });
    for (const name of ['weights', 'q8', 'int8-tpu', 'int8-x1', 'int8-cpu-c1', 'qint8']) expect(kindOf(name)).toBeUndefined();
  });
});
