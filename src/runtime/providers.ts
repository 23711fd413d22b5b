import { LocalLiteError } from '../errors.ts';

/** Execution providers by the short names users know. */
export const PROVIDER_NAMES = ['cpu', 'cuda', 'dml', 'qnn', 'coreml', 'webgpu'] as const;
export type ProviderName = (typeof PROVIDER_NAMES)[number];

/** A provider that was wanted and will not run, and why. */
export interface RejectedProvider {
  readonly provider: ProviderName;
  readonly reason: string;
}

/** Providers to try in this order, and those ruled out beforehand. */
export interface ProviderChoice {
  readonly order: readonly ProviderName[];
  readonly rejected: readonly RejectedProvider[];
}

/** What the choice depends on besides what is wanted. */
export interface ProviderFacts {
  /** What the runtime build carries. */
  readonly available: readonly ProviderName[];
  /** Precision of the variant that is to run. */
  readonly dtype: string;
  readonly platform: NodeJS.Platform;
}

/** `auto` takes accelerators in this order: dedicated hardware first, the processor last. */
const AUTO_ORDER: readonly ProviderName[] = ['cuda', 'coreml', 'dml', 'qnn', 'webgpu', 'cpu'];

/** Where each provider exists at all; ONNX Runtime's own list of execution providers. */
const PLATFORMS: Readonly<Record<ProviderName, readonly NodeJS.Platform[]>> = {
  cpu: ['linux', 'darwin', 'win32', 'freebsd', 'openbsd', 'android', 'aix', 'sunos', 'haiku', 'cygwin', 'netbsd'],
  cuda: ['linux', 'win32'],
  dml: ['win32'],
  qnn: ['win32', 'linux', 'android'],
  coreml: ['darwin'],
  webgpu: ['linux', 'darwin', 'win32'],
};

/** Integer-quantised graphs whose operators only the processor (and CUDA) implement, so that others would fall back node by node. */
const CPU_DTYPES = new Set(['int8', 'uint8', 'q4', 'q8', 'bnb4']);

/**
 * Orders the providers to try and says why the others are out. Pure: it opens nothing.
 *
 * `auto` never picks an accelerator for a graph whose operators it would hand back to the processor, because each hand-over costs more
 * than it gains; naming the provider overrides that. With `policy: 'require'` nothing is added behind what was asked for.
 *
 * @throws LocalLiteError provider_unavailable when `policy` is `require` and nothing that was asked for can run.
 */
export function chooseProviders(
  wanted: 'auto' | readonly ProviderName[],
  facts: ProviderFacts,
  policy: 'prefer' | 'require' = 'prefer',
): ProviderChoice {
  const asked = wanted === 'auto' ? AUTO_ORDER.filter((provider) => PLATFORMS[provider].includes(facts.platform)) : wanted;
  const verdicts = asked.map((provider) => ({ provider, reason: reasonAgainst(provider, facts, wanted === 'auto') }));
  const order = verdicts.filter((verdict) => verdict.reason === undefined).map((verdict) => verdict.provider);
  const rejected = verdicts.flatMap(({ provider, reason }) => (reason === undefined ? [] : [{ provider, reason }]));
  if (policy === 'prefer' && !order.includes('cpu')) order.push('cpu');
  if (order.length === 0) {
    const reasons = rejected.map(({ provider, reason }) => `${provider}: ${reason}`).join('; ');
    throw new LocalLiteError(
      'provider_unavailable',
      `no required provider can run (${reasons}). Set provider_policy to prefer to allow cpu.`,
    );
  }
  return { order, rejected };
}

function reasonAgainst(provider: ProviderName, facts: ProviderFacts, automatic: boolean): string | undefined {
  if (!PLATFORMS[provider].includes(facts.platform)) return `does not exist on ${facts.platform}`;
  if (!facts.available.includes(provider)) return 'not in this build of ONNX Runtime; see docs/providers.md for how to add one';
  if (automatic && provider === 'webgpu' && facts.platform === 'linux') {
    return 'is experimental on Linux; name webgpu in providers to try it';
  }
  if (automatic && provider !== 'cpu' && provider !== 'cuda' && CPU_DTYPES.has(facts.dtype)) {
    return `a ${facts.dtype} graph would run mostly on the processor; name ${provider} in providers to try it all the same`;
  }
  return undefined;
}
