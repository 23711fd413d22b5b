import { readFileSync } from 'node:fs';
import type { Precision } from '../convert/convert-types.ts';
import type { ModelVariant } from '../models/card.ts';
import type { ConversionReport } from '../models/made.ts';

/** What the setting `convert.precision` may say. */
export type WantedPrecision = 'auto' | 'fp32' | 'int8' | 'q4';

/** The machine that a variant is chosen for. */
export interface ChoiceMachine {
  readonly architecture: string;
  /** What /proc/cpuinfo says; empty where there is no such file. */
  readonly cpuinfo: string;
}

/** Whether a made variant may run without being named, and why. */
export interface Verdict {
  readonly chosen: boolean;
  readonly reason: string;
}

/** This machine, as far as the system tells. */
export function thisMachine(): ChoiceMachine {
  return { architecture: process.arch, cpuinfo: readCpuinfo() };
}

/** Precisions to make, in this order, until one may be chosen; fp32 is always the last. */
export function precisionsToTry(wanted: WantedPrecision, machine: ChoiceMachine): readonly Precision[] {
  switch (wanted) {
    case 'fp32':
      return ['fp32'];
    case 'int8':
    case 'q4':
      return [wanted, 'fp32'];
    case 'auto':
      return int8MayPay(machine) ? ['int8', 'fp32'] : ['fp32'];
  }
}

/**
 * False for processors without instructions for products of bytes (AVX2 on x64, dot products on ARM): int8 would be slower there. True
 * where nobody tells: then the measurement decides.
 */
function int8MayPay({ architecture, cpuinfo }: ChoiceMachine): boolean {
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1];
  if (flags === undefined) return true;
  if (architecture === 'x64') return /\bavx2\b/.test(flags);
  if (architecture === 'arm64') return /\basimddp\b/.test(flags);
  return true;
}

/** Judges a made variant: fidelity first, then independence of the batch, then, where speed is what is wanted, speed in turns with fp32. */
export function judge(
  report: ConversionReport,
  variant: ModelVariant,
  options: { readonly floor: number; readonly wanted: WantedPrecision },
): Verdict {
  if (report.precision === 'fp32') return { chosen: true, reason: 'full precision' };
  const mean = report.fidelity?.meanCosine;
  if (mean === undefined) return { chosen: false, reason: 'its fidelity is not known' };
  // Written so that NaN is refused too.
  if (!(mean >= options.floor))
    return { chosen: false, reason: `its mean cosine to fp32 is ${mean.toFixed(4)}, under the floor of ${options.floor}` };
  if (!variant.batchInvariant) return { chosen: false, reason: 'its vectors depend on the batch' };
  const speed = report.tokensPerSecond;
  if (options.wanted !== 'auto') return { chosen: true, reason: `wanted by the settings, mean cosine to fp32 ${mean.toFixed(4)}` };
  if (speed?.fp32 === undefined) return { chosen: false, reason: 'its speed beside fp32 is not known' };
  const ratio = speed.this / speed.fp32;
  if (!(ratio > 1)) return { chosen: false, reason: `it has ${ratio.toFixed(2)} times the speed of fp32` };
  return { chosen: true, reason: `mean cosine to fp32 ${mean.toFixed(4)}, ${ratio.toFixed(2)} times its speed` };
}

/** What there is to say of a variant that runs although its recorded fidelity is under the floor; undefined where there is nothing. */
export function floorWarning(model: string, variant: ModelVariant, floor: number, hasWeights: boolean): string | undefined {
  const mean = variant.fidelity?.meanCosine;
  if (mean === undefined || mean >= floor) return undefined;
  const advice = hasWeights ? `; a better one is made with: locallite convert ${model} --pin` : '';
  return `the variant ${variant.name} has a mean cosine of ${mean.toFixed(4)} to full precision, under the floor of ${floor}${advice}`;
}

function readCpuinfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return '';
  }
}
