import { type Draft, measure, type Packing } from './chunk-pack.ts';
import type { Piece } from './chunk-pieces.ts';

type Relation = (before: readonly string[], after: readonly string[]) => boolean;

/** Joins passages that are too small with a neighbour: first with one under the same heading or just above it, then under the same parent. */
export async function mergeSmall(drafts: readonly Draft[], packing: Packing): Promise<readonly Draft[]> {
  const close = await pass(drafts, packing, isBelow);
  return await pass(close, packing, isSibling);
}

async function pass(drafts: readonly Draft[], packing: Packing, areRelated: Relation): Promise<readonly Draft[]> {
  const merged: Draft[] = [];
  for (const draft of drafts) {
    const last = merged.at(-1);
    const joined = last !== undefined && areRelated(last.section, draft.section) ? join(last, draft, packing) : undefined;
    if (joined === undefined) merged.push(draft);
    else merged[merged.length - 1] = joined;
    if (joined !== undefined) await packing.pause.after(joined.tokens * 4);
  }
  return merged;
}

function join(before: Draft, after: Draft, packing: Packing): Draft | undefined {
  const { minTokens, maxTokens } = packing.settings;
  if (Math.min(sizeOf(before.pieces), sizeOf(after.pieces)) >= minTokens) return undefined;
  const pieces = [...before.pieces, ...after.pieces.slice(after.repeated)];
  if (before.lead.tokens + sizeOf(pieces) > maxTokens) return undefined;
  const { lead, tokens } = measure(pieces, packing);
  return tokens <= maxTokens ? { pieces, repeated: before.repeated, lead, tokens, section: before.section } : undefined;
}

function sizeOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { weight }) => sum + weight, 0);
}

const isBelow: Relation = (before, after) => before.length <= after.length && before.every((heading, index) => heading === after[index]);

const isSibling: Relation = (before, after) =>
  before.length > 0 && before.length === after.length && isBelow(before.slice(0, -1), after.slice(0, -1));
