import { createHash } from 'node:crypto';
import type { ModelCard } from './card.ts';

/** What two vectors must share to be comparable. Where the weights came from and how precise they are does not count. */
interface VectorSpaceParts {
  readonly weights: { readonly id: string; readonly revision: string };
  readonly pooling: string;
  readonly normalize: boolean;
  readonly prompts: { readonly query: string; readonly passage: string };
  readonly dimensions: number;
}

/**
 * The fingerprint of a vector space: sha256 (lower-case hex) of the canonical JSON of {@link VectorSpaceParts} — keys in
 * code-point order, no white space. Store it with vectors and refuse to compare across two of them.
 * `dimensions`: the size the vectors were cut to, the card's own when absent.
 */
export function vectorSpace(
  card: Pick<ModelCard, 'id' | 'revision' | 'pooling' | 'normalize' | 'prompts' | 'dimensions'>,
  dimensions?: number,
): string {
  const parts: VectorSpaceParts = {
    weights: { id: card.id, revision: card.revision },
    pooling: card.pooling,
    normalize: card.normalize,
    prompts: { query: card.prompts.query, passage: card.prompts.passage },
    dimensions: dimensions ?? card.dimensions,
  };
  return createHash('sha256').update(canonicalJson(parts)).digest('hex');
}

/** As {@link vectorSpace}, of a model's sparse vectors: their ids are of its own vocabulary. */
export function sparseSpace(card: Pick<ModelCard, 'id' | 'revision' | 'prompts' | 'sparse'>): string {
  return taskSpace(card, { task: 'sparse', from: card.sparse?.from ?? 'vocabulary' });
}

/** As {@link vectorSpace}, of a model's token vectors. */
export function multiSpace(card: Pick<ModelCard, 'id' | 'revision' | 'prompts' | 'multi'>): string {
  return taskSpace(card, { task: 'multi', ...card.multi });
}

function taskSpace(card: Pick<ModelCard, 'id' | 'revision' | 'prompts'>, facts: Readonly<Record<string, unknown>>): string {
  const parts = { ...facts, weights: { id: card.id, revision: card.revision }, prompts: card.prompts };
  return createHash('sha256').update(canonicalJson(parts)).digest('hex');
}

/** JSON with keys in order, for plain data of the kinds above. */
function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value)
    .filter(([, inner]) => inner !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner)}`).join(',')}}`;
}
