import { readFileSync } from 'node:fs';

/** The machine that an int8 graph is made for. */
export interface Int8Machine {
  readonly platform: string;
  readonly architecture: string;
  /** What /proc/cpuinfo says; empty where there is no such file. */
  readonly cpuinfo: string;
}

/**
 * Bits of a weight. x64 processors without VNNI add pairs of uint8 x int8 products in 16 bits (`vpmaddubsw`), where 2 x 255 x 127 does not
 * fit and is cut off silently; 2 x 255 x 63 fits. VNNI (`vpdpbusd`) and ARM's dot products add in 32 bits. Outside Linux nobody tells about
 * VNNI, so it is not taken for granted.
 */
export function weightBits(machine: Int8Machine = thisMachine()): 7 | 8 {
  if (machine.architecture !== 'x64') return 8;
  return machine.platform === 'linux' && /^flags\s*:.*\b(avx512_vnni|avx_vnni)\b/m.test(machine.cpuinfo) ? 8 : 7;
}

function thisMachine(): Int8Machine {
  return { platform: process.platform, architecture: process.arch, cpuinfo: readCpuinfo() };
}

function readCpuinfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return '';
  }
}
