import { setTimeout as sleep } from 'node:timers/promises';
import { ERROR_TABLE, LocalLiteError } from '../errors.ts';
import { type Changes, FolderWatch } from './folder-watch.ts';
import { belongs, filesOf, type IngestItem, type IngestRoot, isCovered, itemOf } from './ingest-files.ts';
import type { CollectionSync } from './ingest-sync.ts';
import { type Io, note } from './io.ts';

/** Tries in a row before a watch gives up on a gateway that does not answer. */
const TRIES = 8;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

/** Files, and the collection that is to hold them. */
export interface FolderSyncParts {
  readonly roots: readonly IngestRoot[];
  readonly sync: CollectionSync;
  readonly io: Io;
  /** Told after the first pass and after each change. */
  readonly onPass: () => Promise<void>;
}

/**
 * Brings the files of the roots in; with `removes`, files of the collection below the roots that are not there any more, or are left out
 * now, go.
 * @throws LocalLiteError not_found when a pattern matches nothing and nothing is to be removed
 */
export async function syncOnce({ roots, sync, io }: FolderSyncParts, removes: boolean): Promise<void> {
  const items: IngestItem[] = [];
  const unread: string[] = [];
  for await (const item of filesOf(roots, (path) => unread.push(path))) {
    io.signal.throwIfAborted();
    items.push(item);
  }
  for (const path of unread) await note(io, `${path} cannot be read and is passed over`);
  const pattern = roots.find(({ kind }) => kind === 'pattern');
  if (items.length === 0 && !removes && pattern !== undefined) {
    throw new LocalLiteError('not_found', `nothing matches ${pattern.asWritten}`);
  }
  await sync.put(items);
  // What could not be looked at may well be there.
  if (removes && unread.length === 0) await sync.drop(gone(sync.keys, items, roots));
}

function gone(keys: readonly string[], items: readonly IngestItem[], roots: readonly IngestRoot[]): readonly string[] {
  const there = new Set(items.map(({ key }) => key));
  return keys.filter((key) => !there.has(key) && isCovered(key, roots));
}

/** Keeps the collection as the files are, until the signal aborts. @throws LocalLiteError when watching fails, or the gateway for too long */
export async function follow(parts: FolderSyncParts): Promise<void> {
  const { roots, sync, io, onPass } = parts;
  // Opened first, so that what happens during the first pass is not missed.
  await using changes = await FolderWatch.open(roots, io.signal);
  sync.begin();
  await syncOnce(parts, true);
  await onPass();
  for (let failures = 0; ; ) {
    const next = await changes.next(io.signal);
    if (next === undefined) return;
    sync.begin();
    try {
      await apply(next, parts);
      failures = 0;
      await onPass();
    } catch (cause) {
      const error = LocalLiteError.from(cause);
      failures++;
      if (io.signal.aborted || failures > TRIES || !ERROR_TABLE[error.code].retryable) throw error;
      await note(io, `${error.message}; trying again`);
      changes.again(next);
      await sleep(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1)), undefined, { signal: io.signal });
    }
  }
}

/** What is there now counts, whatever happened to it. New names come before old ones go: what was renamed is found all the time. */
async function apply({ paths, all }: Changes, parts: FolderSyncParts): Promise<void> {
  const { roots, sync } = parts;
  if (all) return await syncOnce(parts, true);
  const items: IngestItem[] = [];
  const lost: string[] = [];
  for (const path of paths) {
    const item = belongs(path, roots) ? await itemOf(path) : undefined;
    if (item === undefined) lost.push(path);
    else items.push(item);
  }
  if (items.length > 0) await sync.put(items);
  await sync.drop(lost);
}
