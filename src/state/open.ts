import { existsSync } from 'node:fs';
import { chmod, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LocalLiteError } from '../errors.ts';
import { packContent } from './state-messages.ts';
import { StateThread } from './state-thread.ts';
import type { NewContent, State } from './state-types.ts';
import type { StateMethod } from './store.ts';

const METHODS: Readonly<Record<StateMethod, true>> = {
  createCollection: true,
  findCollection: true,
  collectionFacts: true,
  listCollections: true,
  updateCollection: true,
  deleteCollection: true,
  expiredCollections: true,
  addFile: true,
  findFile: true,
  listFiles: true,
  deleteFile: true,
  dropUnusedFile: true,
  expiredFiles: true,
  openDocument: true,
  findDocument: true,
  findDocumentBySource: true,
  documentsById: true,
  listDocuments: true,
  documentSources: true,
  setDocumentStatus: true,
  setAttributes: true,
  deleteDocument: true,
  putContent: true,
  documentsMeeting: true,
  parsedContent: true,
  chunks: true,
  chunksOf: true,
  vectors: true,
  createEdition: true,
  editionGap: true,
  switchEdition: true,
  dropEdition: true,
  addJob: true,
  updateJob: true,
  findJob: true,
  listJobs: true,
  jobItems: true,
  settleItem: true,
  itemCounts: true,
  addItems: true,
  verify: true,
  vacuum: true,
};

/** Where the database is; `entry` is another program for its thread, for tests that force faults. */
export interface StateOptions {
  readonly path: string;
  readonly entry?: string;
}

/**
 * Opens the database of a HOME in a thread of its own. The folder is made if it is missing. A thread that crashes rejects what waits with
 * `worker_crashed`; the next call starts another one.
 * @throws LocalLiteError store_corrupt, conflict (written by a newer version), disk_full, internal
 */
export async function openState({ path, entry = stateEntry() }: StateOptions): Promise<State> {
  await prepareFile(path);
  let thread = new StateThread(entry, { path });
  const healed = await thread.opened;
  // Asynchronous to the caller only: a call is on its way before this returns, so calls keep their order.
  const call = async (method: StateMethod, parameters: readonly unknown[]): Promise<unknown> => {
    if (thread.hasCrashed) thread = new StateThread(entry, { path });
    if (method !== 'putContent') return thread.call(method, parameters);
    const packed = packContent(parameters[0] as NewContent);
    return thread.call(method, [packed], [packed.vectors.buffer]);
  };
  const calls = Object.fromEntries(
    Object.keys(METHODS).map((method) => [method, (...parameters: readonly unknown[]) => call(method as StateMethod, parameters)]),
  ) as Pick<State, StateMethod>;
  return { ...calls, path, healed, close: () => thread.close() };
}

/** The folder and the file are for their owner alone; what SQLite puts beside the file takes its mode. */
async function prepareFile(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await (await open(path, 'a', 0o600)).close();
    if (process.platform !== 'win32') await chmod(path, 0o600);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown reason';
    if (code === 'ENOSPC' || code === 'EDQUOT') throw new LocalLiteError('disk_full', `no space left to write ${path}`, { cause });
    throw new LocalLiteError('internal', `the database ${path} cannot be opened for writing (${code})`, { cause });
  }
}

/** The thread's file: beside this one in the package, in `dist/` while working on the sources. */
function stateEntry(): string {
  const built = fileURLToPath(new URL('./state.js', import.meta.url));
  return existsSync(built) ? built : fileURLToPath(new URL('../../dist/state.js', import.meta.url));
}
