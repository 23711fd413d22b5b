import { readFile, rm } from 'node:fs/promises';
import { z } from 'zod';
import { type Disk, fileSize, writeWhole } from './disk.ts';

/** A run of bytes of a file: `[start, end)`; `end` is null where the length is unknown. `done` bytes of it are on disk. */
const pieceSchema = z.strictObject({
  start: z.number().int().nonnegative(),
  end: z.number().int().nonnegative().nullable(),
  done: z.number().int().nonnegative(),
});
const journalSchema = z.strictObject({
  version: z.literal(1),
  /** Strong entity tag of the answer that the bytes are from. */
  etag: z.string().nullable(),
  total: z.number().int().nonnegative().nullable(),
  pieces: z.array(pieceSchema),
});

export type Piece = z.infer<typeof pieceSchema>;
export type JournalState = z.infer<typeof journalSchema>;

/** What is known of a partial file, kept beside it so that a later process can go on. */
export const EMPTY_JOURNAL: JournalState = { version: 1, etag: null, total: null, pieces: [] };

const pathOf = (target: string): string => `${target}.json`;

/** Reads the journal of `target`; anything unreadable or impossible counts as "start anew". */
export async function readJournal(target: string): Promise<JournalState> {
  try {
    const state = journalSchema.parse(JSON.parse(await readFile(pathOf(target), 'utf8')));
    const size = await fileSize(target);
    const highest = state.pieces.reduce((most, piece) => (piece.done === 0 ? most : Math.max(most, piece.start + piece.done)), 0);
    return size === undefined || size < highest ? structuredClone(EMPTY_JOURNAL) : state;
  } catch {
    return structuredClone(EMPTY_JOURNAL);
  }
}

/** Writes the journal. Call only after the data it speaks of has been synced. */
export async function writeJournal(disk: Disk, target: string, state: JournalState): Promise<void> {
  await writeWhole(disk, pathOf(target), JSON.stringify(state), false);
}

/** Forgets a partial file and its journal. */
export async function dropPartial(target: string): Promise<void> {
  await Promise.all([rm(target, { force: true }), rm(pathOf(target), { force: true })]);
}

/** Bytes on disk. */
export function bytesDone(state: JournalState): number {
  return state.pieces.reduce((sum, piece) => sum + piece.done, 0);
}

/** True when nothing is left to fetch. */
export function isComplete(state: JournalState): boolean {
  return state.pieces.length > 0 && state.pieces.every((piece) => piece.end !== null && piece.start + piece.done === piece.end);
}
