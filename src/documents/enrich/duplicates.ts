import { Pause } from '../chunk-pause.ts';
import type { ChunkMeta } from '../document-types.ts';
import type { Enricher } from './enrich-types.ts';
import { NEAR_COPY, resemblance, shinglesOf, signatureOf } from './minhash.ts';

/**
 * Signs a document so that near copies of it are found among others ({@link "./minhash"}), and marks chunks that nearly repeat an earlier
 * one of the same document.
 */
export const duplicatesEnricher: Enricher = {
  name: 'duplicates',
  async enrich({ document, chunks }, { signal }) {
    const pause = new Pause();
    const earlier = new EarlierChunks();
    const metas: ChunkMeta[] = [];
    for (const { ordinal, text } of chunks) {
      const shingles = shinglesOf(text);
      const duplicateOf = earlier.add(ordinal, shingles);
      metas.push(duplicateOf === undefined ? {} : { duplicateOf });
      await pause.after(text.length);
      signal?.throwIfAborted();
    }
    const signature = signatureOf(await shinglesOfDocument(document.text, pause));
    return { facts: signature === undefined ? {} : { signature }, metas };
  },
};

/** Longer texts are read in parts, so that other work has its turn between two. */
const PART = 8192;

async function shinglesOfDocument(text: string, pause: Pause): Promise<ReadonlySet<number>> {
  const all = new Set<number>();
  for (let start = 0; start < text.length; ) {
    const border = text.indexOf('\n', start + PART);
    const end = border === -1 ? text.length : Math.min(border, start + 2 * PART);
    for (const shingle of shinglesOf(text.slice(start, end))) all.add(shingle);
    await pause.after(end - start);
    start = end;
  }
  return all;
}

/** Finds near copies by what they have in common, so that each chunk is compared with few others. */
class EarlierChunks {
  readonly #chunks: { readonly ordinal: number; readonly shingles: ReadonlySet<number> }[] = [];
  /** Chunks that hold a shingle; only the first of them, which is enough to find it again. */
  readonly #firstWith = new Map<number, number>();

  add(ordinal: number, shingles: ReadonlySet<number>): number | undefined {
    const common = new Map<number, number>();
    for (const shingle of shingles) {
      const first = this.#firstWith.get(shingle);
      if (first === undefined) this.#firstWith.set(shingle, this.#chunks.length);
      else common.set(first, (common.get(first) ?? 0) + 1);
    }
    this.#chunks.push({ ordinal, shingles });
    const [best] = [...common].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    const other = best === undefined ? undefined : this.#chunks[best[0]];
    return other !== undefined && resemblance(shingles, other.shingles) >= NEAR_COPY ? other.ordinal : undefined;
  }
}
