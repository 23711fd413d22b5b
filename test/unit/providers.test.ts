import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { availableProviders, inspectRuntime } from '../../src/runtime/available.ts';
import { countNodes } from '../../src/runtime/onnx.ts';
import { chooseProviders, PROVIDER_NAMES } from '../../src/runtime/providers.ts';

const everything = { available: PROVIDER_NAMES, dtype: 'fp32' } as const;

describe('chooseProviders', () => {
  it('takes accelerators first where they exist', () => {
    expect(chooseProviders('auto', { ...everything, platform: 'linux' }).order).toEqual(['cuda', 'qnn', 'cpu']);
    expect(chooseProviders('auto', { ...everything, platform: 'darwin' }).order).toEqual(['coreml', 'webgpu', 'cpu']);
    expect(chooseProviders('auto', { ...everything, platform: 'win32' }).order).toEqual(['cuda', 'dml', 'qnn', 'webgpu', 'cpu']);
  });

  it('says why a provider is out', () => {
    const { rejected } = chooseProviders('auto', { available: ['cpu', 'webgpu'], dtype: 'fp32', platform: 'linux' });
    expect(rejected).toContainEqual({ provider: 'cuda', reason: expect.stringContaining('not in this build') });
    expect(rejected.map(({ provider }) => provider)).toEqual(['cuda', 'qnn', 'webgpu']); // what Linux cannot have is not worth a word
    const named = chooseProviders(['dml'], { available: ['cpu'], dtype: 'fp32', platform: 'linux' });
    expect(named.rejected).toEqual([{ provider: 'dml', reason: 'does not exist on linux' }]);
  });

  it('keeps integer graphs on the processor unless the provider is named', () => {
    const facts = { available: ['cpu', 'webgpu'], dtype: 'q4', platform: 'linux' } as const;
    expect(chooseProviders('auto', facts).order).toEqual(['cpu']);
    expect(chooseProviders('auto', facts).rejected).toContainEqual({
      provider: 'webgpu',
      reason: expect.stringContaining('experimental on Linux'),
    });
    const onMac = chooseProviders('auto', { available: ['cpu', 'coreml'], dtype: 'q4', platform: 'darwin' });
    expect(onMac.rejected).toContainEqual({ provider: 'coreml', reason: expect.stringContaining('q4') });
    expect(chooseProviders(['webgpu'], facts).order).toEqual(['webgpu', 'cpu']);
  });

  it('falls back to the processor, and under require does not', () => {
    const facts = { available: ['cpu', 'cuda'], dtype: 'fp32', platform: 'linux' } as const;
    expect(chooseProviders(['cuda'], facts).order).toEqual(['cuda', 'cpu']);
    expect(chooseProviders(['cuda'], facts, 'require').order).toEqual(['cuda']);
    expect(() => chooseProviders(['qnn'], facts, 'require')).toThrow(/qnn: not in this build/);
    expect(() => chooseProviders(['dml', 'coreml'], facts, 'require')).toThrow(expect.objectContaining({ code: 'provider_unavailable' }));
  });
});

describe('countNodes', () => {
  it('counts each node once, under our names', () => {
    const node = (name: string, provider: string) => ({ cat: 'Node', name, args: { provider } });
    const profile = [
      node('a_kernel_time', 'CPUExecutionProvider'),
      node('a_kernel_time', 'CPUExecutionProvider'),
      node('b_kernel_time', 'QNNExecutionProvider'),
      node('c_kernel_time', 'SomeNewProvider'),
      { cat: 'Session', name: 'run', args: {} },
    ];
    expect(countNodes(profile)).toEqual({ cpu: 1, qnn: 1, SomeNewProvider: 1 });
  });
});

describe('availableProviders', () => {
  it('says of the pinned runtime what the runtime says of itself', async () => {
    expect((await availableProviders(undefined)).toSorted()).toEqual((await inspectRuntime()).available.toSorted());
  });

  it('loads another build by the path of its folder', async () => {
    const folder = fileURLToPath(new URL('../../node_modules/onnxruntime-node', import.meta.url));
    expect(await availableProviders(folder)).toContain('cpu');
  });

  it('says which build could not be loaded', async () => {
    await expect(availableProviders('no-such-runtime')).rejects.toMatchObject({
      code: 'provider_unavailable',
      message: expect.stringContaining('no-such-runtime (setting runtime.package)'),
    });
  });
});
