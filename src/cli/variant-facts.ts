import type { ModelObject } from '../sdk/index.ts';
import { formatBytes, formatNumber } from './format.ts';

/** A variant on the disk, as the API shows it. */
export type InstalledVariant = ModelObject['locallite']['installed_variants'][number];

/** `0.9987`: mean cosine to full precision, which itself has none to tell. */
export function fidelityCell(variant: InstalledVariant | undefined): string {
  return variant?.fidelity?.mean_cosine.toFixed(4) ?? '';
}

/** Tokens a second of one core, where that was measured. */
export function speedCell(variant: InstalledVariant | undefined): string {
  return variant?.tokens_per_second ? formatNumber(variant.tokens_per_second.this, 0) : '';
}

/** The figures of a variant in one line, as far as they are known. */
export function variantLine(variant: InstalledVariant): string {
  const { fidelity, tokens_per_second: speed, memory_bytes: memory } = variant;
  const figures = [
    formatBytes(variant.bytes),
    variant.kind === 'weights' ? 'what graphs are made of' : undefined,
    variant.pinned ? 'runs when none is named' : undefined,
    fidelity ? `cosine to full precision: mean ${fidelity.mean_cosine.toFixed(4)}, worst ${fidelity.worst_cosine.toFixed(4)}` : undefined,
    speed
      ? `${formatNumber(speed.this, 0)} tokens/s a core${speed.fp32 === null ? '' : ` (fp32: ${formatNumber(speed.fp32, 0)})`}`
      : undefined,
    memory === null || variant.kind === 'weights' ? undefined : `${formatBytes(memory)} of memory a worker`,
    `from ${variant.source}`,
  ];
  return figures.filter((figure) => figure !== undefined).join(', ');
}
