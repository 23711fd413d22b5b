import { readCache, writeCache } from './cache-file.ts';
import type { SavedGraph } from './graph-index.ts';

/** Grows whenever graphs are laid out in another way: older files are made again. */
const FORMAT = 1;

/** Keeps a graph. @throws what the file system says */
export function writeGraph(path: string, dimensions: number, { links, chunks, prints, removed }: SavedGraph): void {
  const { entry, ...arrays } = links;
  writeCache(path, { facts: { format: FORMAT, dimensions, entry }, parts: { ...arrays, chunks, prints, removed } });
}

/** The graph that was kept; undefined where there is none for vectors of this many numbers. */
export function readGraph(path: string, dimensions: number): SavedGraph | undefined {
  const cache = readCache(path);
  if (cache === undefined || cache.facts['format'] !== FORMAT || cache.facts['dimensions'] !== dimensions) return undefined;
  const part = (name: string): ArrayBuffer => cache.parts.get(name) ?? new ArrayBuffer(0);
  return {
    links: {
      levels: new Uint8Array(part('levels')),
      below: new Int32Array(part('below')),
      aboveAt: new Int32Array(part('aboveAt')),
      above: new Int32Array(part('above')),
      entry: Number(cache.facts['entry']),
    },
    chunks: new Float64Array(part('chunks')),
    prints: new Uint32Array(part('prints')),
    removed: new Float32Array(part('removed')),
  };
}
