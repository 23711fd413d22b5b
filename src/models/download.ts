import type { FileHandle } from 'node:fs/promises';
import { LocalLiteError } from '../errors.ts';
import { isProvable } from './content.ts';
import { type Disk, fileSize, namedDiskError } from './disk.ts';
import { bytesDone, dropPartial, EMPTY_JOURNAL, isComplete, type JournalState, type Piece, readJournal, writeJournal } from './journal.ts';
import { SourceFailure } from './sources/failure.ts';
import { describeTransferError, discard, type HttpAnswer, type HttpClient } from './sources/http-client.ts';
import { withRetries } from './sources/retry.ts';
import type { RemoteFile } from './sources/source.ts';

/** How files are fetched. */
export interface DownloadPolicy {
  /** Parallel ranges of one file. */
  readonly connections: number;
  /** Tries after a failed one, as long as nothing moves. */
  readonly retries: number;
  /** First pause between tries; default 250 ms. */
  readonly firstPauseMs?: number;
  /** Bytes of one range of a big file; default 16 MiB. A file below two of them comes in one piece. */
  readonly pieceBytes?: number;
  /** Also wait for a host that cannot be reached at all before the first byte. */
  readonly retryUnreachable?: boolean;
}

/** One file on its way to `target`, where a journal beside it keeps what an earlier try brought. */
export interface Transfer {
  readonly client: HttpClient;
  readonly file: RemoteFile;
  readonly target: string;
  readonly policy: DownloadPolicy;
  readonly disk: Disk;
  readonly signal: AbortSignal;
  /** Bytes that just came over the wire. */
  readonly onReceived: (bytes: number) => void;
  /** Bytes of an earlier try that are used (or, negative, thrown away). */
  readonly onResumed: (bytes: number) => void;
  /** The file's length, as soon as it is known. Throws to stop, e.g. when it does not fit on the disk. */
  readonly onLength: (bytes: number) => Promise<void>;
}

const DEFAULT_PIECE_BYTES = 16 * 1024 * 1024;
const MAX_PIECES = 256;
const SAVE_EVERY_MS = 1000;
/** A file that keeps changing under us is given up. */
const MAX_RESTARTS = 3;

/**
 * Fetches a file, going on where an earlier try stopped. Several ranges at once where the server serves ranges and the file is big.
 * Length is checked here; the content is the caller's to check.
 * @throws SourceFailure, LocalLiteError cancelled, disk_full
 */
export async function download(transfer: Transfer): Promise<void> {
  for (let restarts = 0; ; restarts += 1) {
    const state = await startingState(transfer);
    if (isComplete(state)) return;
    try {
      await fetchAll(transfer, state);
      return;
    } catch (error) {
      if (!SourceFailure.isFailure(error) || error.kind !== 'changed' || restarts >= MAX_RESTARTS) throw error;
      transfer.onResumed(-bytesDone(state));
      await dropPartial(transfer.target);
    }
  }
}

async function startingState(transfer: Transfer): Promise<JournalState> {
  const state = await readJournal(transfer.target);
  const { bytes } = transfer.file;
  const other = bytes !== undefined && state.total !== null && state.total !== bytes;
  // Without a tag or a hash nobody could tell whether the rest belongs to the bytes that are here.
  const untellable = state.etag === null && !isProvable(transfer.file);
  if (state.pieces.length === 0 || other || untellable) {
    await dropPartial(transfer.target);
    return structuredClone(EMPTY_JOURNAL);
  }
  transfer.onResumed(bytesDone(state));
  if (state.total !== null) await transfer.onLength(state.total);
  return state;
}

/** The open partial file with its journal; saves at most once a second and once at the end. */
interface Sink {
  readonly state: JournalState;
  write(piece: Piece, chunk: Buffer): Promise<void>;
}

async function fetchAll(transfer: Transfer, state: JournalState): Promise<void> {
  const { target, disk } = transfer;
  const handle = await opened(transfer);
  let savedAt = Date.now();
  let saving: Promise<void> | undefined;
  let failure: unknown;
  const save = async (): Promise<void> => {
    const snapshot = structuredClone(state);
    await handle.datasync();
    await writeJournal(disk, target, snapshot);
  };
  // Beside the transfer, so that a slow disk does not look like a stalled connection.
  const saveInBackground = (): void => {
    savedAt = Date.now();
    saving = save()
      .catch((error: unknown) => {
        failure = error;
      })
      .finally(() => {
        saving = undefined;
      });
  };
  const sink: Sink = {
    state,
    async write(piece, chunk) {
      if (failure !== undefined) throw failure;
      await writeAt(handle, chunk, piece.start + piece.done);
      piece.done += chunk.length;
      if (saving === undefined && Date.now() - savedAt >= SAVE_EVERY_MS) saveInBackground();
    },
  };
  try {
    await fetchPieces(transfer, sink);
  } catch (error) {
    throw namedDiskError(error, target);
  } finally {
    await saving;
    // After a failure the bytes that are here are worth keeping, but the failure is what must be told.
    await save().catch(() => undefined);
    await handle.close();
  }
}

async function opened({ disk, target }: Transfer): Promise<FileHandle> {
  try {
    return await disk.open(target, (await fileSize(target)) === undefined ? 'w' : 'r+');
  } catch (error) {
    throw namedDiskError(error, target);
  }
}

async function writeAt(handle: FileHandle, chunk: Buffer, position: number): Promise<void> {
  for (let written = 0; written < chunk.length; ) {
    const { bytesWritten } = await handle.write(chunk, written, chunk.length - written, position + written);
    written += bytesWritten;
  }
}

async function fetchPieces(transfer: Transfer, sink: Sink): Promise<void> {
  const first = sink.state.pieces.length === 0 ? await firstAnswer(transfer, sink.state) : undefined;
  try {
    if (sink.state.total !== null) await transfer.onLength(sink.state.total);
    await runPieces(transfer, sink, first);
  } finally {
    if (first !== undefined) discard(first);
  }
  if (!isComplete(sink.state)) throw new SourceFailure('cut', `${transfer.file.path} ended early`, { transient: true });
}

const pieceBytesOf = (policy: DownloadPolicy): number => policy.pieceBytes ?? DEFAULT_PIECE_BYTES;

/** Asks for the first piece of a big file, or for all of a small one, and plans the pieces by the answer. */
async function firstAnswer(transfer: Transfer, state: JournalState): Promise<HttpAnswer> {
  const { client, file, policy, signal } = transfer;
  const big = policy.connections > 1 && (file.bytes ?? Number.POSITIVE_INFINITY) >= 2 * pieceBytesOf(policy);
  const headers: Record<string, string> = big ? { range: `bytes=0-${pieceBytesOf(policy) - 1}` } : {};
  const answer = await withRetries(() => client.send(file.url, { headers, signal }), policy, signal);
  try {
    plan(state, answer, file, policy);
    return answer;
  } catch (error) {
    discard(answer);
    throw error;
  }
}

function plan(state: JournalState, answer: HttpAnswer, file: RemoteFile, policy: DownloadPolicy): void {
  const range = answer.status === 206 ? contentRange(answer) : undefined;
  const total = range?.total ?? contentLength(answer);
  if (file.bytes !== undefined && total !== undefined && total !== file.bytes) {
    throw new SourceFailure('corrupt', `${file.path} has ${total} bytes at ${answer.url.host} instead of ${file.bytes}`);
  }
  state.etag = strongTag(answer);
  state.total = total ?? null;
  if (range === undefined || total === undefined) {
    state.pieces = [{ start: 0, end: total ?? null, done: 0 }];
    return;
  }
  const size = Math.max(pieceBytesOf(policy), Math.ceil((total - range.end) / MAX_PIECES));
  state.pieces = [{ start: 0, end: range.end, done: 0 }];
  for (let start = range.end; start < total; start += size) state.pieces.push({ start, end: Math.min(total, start + size), done: 0 });
}

/** An entity tag that If-Range may carry (RFC 9110, section 13.1.5: strong ones only). */
function strongTag(answer: HttpAnswer): string | null {
  const tag = answer.headers['etag'];
  return tag === undefined || !tag.startsWith('"') ? null : tag;
}

function contentLength(answer: HttpAnswer): number | undefined {
  const length = answer.headers['content-length'];
  return length === undefined || answer.headers['content-encoding'] !== undefined ? undefined : Number(length);
}

/** `bytes 0-99/1000` as `{ start: 0, end: 100, total: 1000 }`. */
function contentRange(answer: HttpAnswer): { start: number; end: number; total: number } {
  const parts = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(answer.headers['content-range'] ?? '');
  if (parts === null) throw new SourceFailure('refused', `${answer.url.host} answered a range without a usable Content-Range`);
  return { start: Number(parts[1]), end: Number(parts[2]) + 1, total: Number(parts[3]) };
}

/** Several workers take unfinished pieces until none is left; the first that fails for good stops the others. */
async function runPieces(transfer: Transfer, sink: Sink, first: HttpAnswer | undefined): Promise<void> {
  const stop = new AbortController();
  const inner: Transfer = { ...transfer, signal: AbortSignal.any([transfer.signal, stop.signal]) };
  const open = sink.state.pieces.filter((piece) => piece.end === null || piece.start + piece.done < piece.end);
  let failure: unknown;
  const worker = async (answer: HttpAnswer | undefined): Promise<void> => {
    let given = answer;
    for (let piece = open.shift(); piece !== undefined && !stop.signal.aborted; piece = open.shift()) {
      await fetchPiece(inner, sink, piece, given);
      given = undefined;
    }
  };
  const guarded = async (answer: HttpAnswer | undefined): Promise<void> => {
    try {
      await worker(answer);
    } catch (error) {
      if (!stop.signal.aborted) failure = error;
      stop.abort();
    }
  };
  const workers = Math.max(1, Math.min(transfer.policy.connections, open.length));
  await Promise.all(Array.from({ length: workers }, (_, index) => guarded(index === 0 ? first : undefined)));
  if (failure !== undefined) throw failure;
}

async function fetchPiece(transfer: Transfer, sink: Sink, piece: Piece, first: HttpAnswer | undefined): Promise<void> {
  let given = first;
  let before = piece.done;
  const attempt = async (): Promise<void> => {
    before = piece.done;
    const answer = given ?? (await rangeAnswer(transfer, sink.state, piece));
    given = undefined;
    await consume(transfer, sink, piece, answer);
  };
  const policy = { ...transfer.policy, retryUnreachable: true };
  await withRetries(attempt, policy, transfer.signal, () => piece.done > before);
}

async function rangeAnswer({ client, file, signal }: Transfer, state: JournalState, piece: Piece): Promise<HttpAnswer> {
  const from = piece.start + piece.done;
  if (from === 0 && piece.end === state.total && state.pieces.length === 1)
    return expectWhole(await client.send(file.url, { signal }), state, file);
  const headers: Record<string, string> = { range: `bytes=${from}-${piece.end === null ? '' : piece.end - 1}` };
  if (state.etag !== null) headers['if-range'] = state.etag;
  const answer = await sendRange(client, file, headers, signal);
  try {
    const range = answer.status === 206 ? contentRange(answer) : undefined;
    const tag = strongTag(answer);
    const sameTag = tag === null || state.etag === null || tag === state.etag;
    if (range === undefined || !sameTag || range.start !== from || (state.total !== null && range.total !== state.total)) {
      throw new SourceFailure('changed', `${file.path} changed at ${answer.url.host} while it was fetched`);
    }
    return answer;
  } catch (error) {
    discard(answer);
    throw error;
  }
}

/** 416 means that the file ends before our range starts: it is another file now. */
async function sendRange(client: HttpClient, file: RemoteFile, headers: Record<string, string>, signal: AbortSignal): Promise<HttpAnswer> {
  try {
    return await client.send(file.url, { headers, signal });
  } catch (error) {
    if (SourceFailure.isFailure(error) && error.kind === 'refused' && / 416\b/.test(error.message)) {
      throw new SourceFailure('changed', `${file.path} became shorter while it was fetched`, { cause: error });
    }
    throw error;
  }
}

function expectWhole(answer: HttpAnswer, state: JournalState, file: RemoteFile): HttpAnswer {
  const total = contentLength(answer);
  const tag = strongTag(answer);
  const same =
    (tag === null || state.etag === null || tag === state.etag) && (total === undefined || state.total === null || total === state.total);
  if (same) return answer;
  discard(answer);
  throw new SourceFailure('changed', `${file.path} changed at ${answer.url.host} while it was fetched`);
}

async function consume(transfer: Transfer, sink: Sink, piece: Piece, answer: HttpAnswer): Promise<void> {
  try {
    for await (const chunk of answer.body) {
      if (transfer.signal.aborted) throw new LocalLiteError('cancelled', 'the pull was cancelled');
      if (piece.end !== null && piece.start + piece.done + chunk.length > piece.end) {
        throw new SourceFailure('refused', `${answer.url.host} sent more of ${transfer.file.path} than it was asked for`);
      }
      await sink.write(piece, chunk);
      transfer.onReceived(chunk.length);
    }
  } catch (error) {
    throw isDiskError(error) ? error : describeTransferError(error, answer.url, transfer.signal);
  } finally {
    discard(answer);
  }
  if (piece.end === null) {
    piece.end = piece.start + piece.done;
    sink.state.total = piece.end;
  } else if (piece.start + piece.done < piece.end) {
    throw new SourceFailure('cut', `the connection to ${answer.url.host} ended early`, { transient: true });
  }
}

const isDiskError = (error: unknown): boolean => namedDiskError(error, '') !== error;
