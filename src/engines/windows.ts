/** Neighbouring windows share this part of their length, so that what lies across a border is whole in one of them. */
const OVERLAP = 0.25;

/** A window of less room would tear a passage into shreds, and a long one into thousands of rows. */
export const LEAST_WINDOW = 16;

/** Overlapping windows of at most `room` ids, in order; the last one is full too where there is more than one. */
export function windowsOf(ids: readonly number[], room: number): readonly (readonly number[])[] {
  if (ids.length <= room) return [ids];
  const windows: (readonly number[])[] = [];
  const step = windowStep(room);
  for (let start = 0; start + room < ids.length; start += step) windows.push(ids.slice(start, start + room));
  windows.push(ids.slice(ids.length - room));
  return windows;
}

/** Ids from the start of one window to the start of the next. */
export function windowStep(room: number): number {
  return Math.max(1, Math.floor(room * (1 - OVERLAP)));
}

/** How much of a document is to be read: see `RerankOptions`. */
export interface ReadingLimits {
  readonly long?: 'cut' | 'windows' | undefined;
  readonly maxDocumentTokens?: number | undefined;
  readonly maxWindows?: number | undefined;
}

/** Ids of a document that are read at most, before it is cut or read in windows of `room` ids; Infinity where nothing limits them. */
export function readingLimit(room: number, limits: ReadingLimits): number {
  const { maxDocumentTokens = Number.POSITIVE_INFINITY, maxWindows = Number.POSITIVE_INFINITY } = limits;
  const inWindows = limits.long === 'windows' ? room + (maxWindows - 1) * windowStep(room) : Number.POSITIVE_INFINITY;
  return Math.min(maxDocumentTokens, inWindows);
}

/** The ids of a document that are read at all. */
export function readableIds(ids: readonly number[], room: number, limits: ReadingLimits): readonly number[] {
  const limit = readingLimit(room, limits);
  return ids.length <= limit ? ids : ids.slice(0, limit);
}

/** The rows of a document of which `cut` ids were not read. */
export function withCut<Row extends { readonly dropped: number }>(rows: readonly Row[], cut: number): Row[] {
  return rows.map((row, index) => (index === 0 ? { ...row, dropped: row.dropped + cut } : row));
}

/** The best score of each document, given the scores of its windows one after the other. */
export function bestOfWindows(scores: readonly number[], windows: readonly number[]): Float32Array {
  let at = 0;
  return Float32Array.from(windows, (count) => {
    let best = Number.NEGATIVE_INFINITY;
    for (const end = at + count; at < end; at++) best = Math.max(best, scores[at] ?? Number.NEGATIVE_INFINITY);
    return best;
  });
}
