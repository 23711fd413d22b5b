import { basename } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { LocalLiteError } from '../errors.ts';
import { IGNORE_FILE } from './ignore-rules.ts';
import { type IngestRoot, isCovered } from './ingest-files.ts';

/** What changed since it was last asked for. */
export interface Changes {
  /** Absolute paths of files that came, changed or went. */
  readonly paths: readonly string[];
  /** What is left out changed too, so that every file has to be looked at again. */
  readonly all: boolean;
}

/** Milliseconds without a further change after which changes are handed out: a program that writes many files is let finish. */
const QUIET_MS = 250;
/** Milliseconds after which they are handed out although there are ever more. */
const LONGEST_WAIT_MS = 5_000;
/** A file that grows is not read before its size has stood still for so long. */
const WRITTEN = { stabilityThreshold: 200, pollInterval: 50 };

/** Follows what happens to the files of some roots. */
export class FolderWatch implements AsyncDisposable {
  readonly #roots: readonly IngestRoot[];
  readonly #paths = new Set<string>();
  #watcher: FSWatcher | undefined;
  #all = false;
  #failure: LocalLiteError | undefined;
  #wake: () => void = () => undefined;

  private constructor(roots: readonly IngestRoot[]) {
    this.#roots = roots;
  }

  /** Resolves when nothing that happens from now on is missed. @throws LocalLiteError when the system refuses to tell */
  static async open(roots: readonly IngestRoot[], signal: AbortSignal): Promise<FolderWatch> {
    const opened = new FolderWatch(roots);
    try {
      await opened.#watch(signal);
      return opened;
    } catch (error) {
      await opened[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Watches anew: what was left out before may not be any more, and the other way round. */
  async #watch(signal: AbortSignal): Promise<void> {
    await this.#watcher?.close();
    const watcher = watch([...new Set(this.#roots.map(({ base }) => base))], {
      ignoreInitial: true,
      followSymlinks: false,
      awaitWriteFinish: WRITTEN,
      ignored: (path, facts) => this.#isLeftOut(path, facts?.isDirectory() ?? false),
    });
    this.#watcher = watcher;
    watcher.on('all', (event, path) => {
      if (event === 'add' || event === 'change' || event === 'unlink') this.#note(path);
    });
    watcher.on('error', (cause) => {
      this.#failure ??= failureOf(cause);
      this.#wake();
    });
    let isReady = false;
    watcher.once('ready', () => {
      isReady = true;
      this.#wake();
    });
    while (!isReady && !signal.aborted) await this.#somethingNew(signal);
    signal.throwIfAborted();
  }

  /** What is looked at again when nobody says so: after a failure. */
  again(changes: Changes): void {
    for (const path of changes.paths) this.#paths.add(path);
    this.#all ||= changes.all;
  }

  /** Waits for changes, and until they pause. @returns undefined when the signal aborts. @throws LocalLiteError when watching fails */
  async next(signal: AbortSignal): Promise<Changes | undefined> {
    while (this.#paths.size === 0 && !this.#all) {
      if (signal.aborted) return undefined;
      await this.#somethingNew(signal);
    }
    const latest = Date.now() + LONGEST_WAIT_MS;
    while (Date.now() < latest && !signal.aborted && (await this.#somethingNew(signal, QUIET_MS))) {
      // More of the same is coming.
    }
    if (signal.aborted) return undefined;
    if (this.#all) await this.#watch(signal);
    const changes = { paths: [...this.#paths], all: this.#all };
    this.#paths.clear();
    this.#all = false;
    return changes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watcher?.close();
  }

  #note(path: string): void {
    if (basename(path) === IGNORE_FILE) {
      for (const { rules } of this.#roots) rules.forget();
      this.#all = true;
    } else if (isCovered(path, this.#roots)) {
      this.#paths.add(path);
    }
    this.#wake();
  }

  /** Folders that are left out are not watched, and ignore files always are: they decide about the others. */
  #isLeftOut(path: string, isFolder: boolean): boolean {
    if (basename(path) === IGNORE_FILE) return false;
    if (isFolder) return this.#roots.every(({ rules, base }) => path !== base && rules.ignores(path, true));
    return false;
  }

  /** @returns false when nothing came in `waitMs` */
  async #somethingNew(signal: AbortSignal, waitMs?: number): Promise<boolean> {
    if (this.#failure !== undefined) throw this.#failure;
    const came = await new Promise<boolean>((resolve) => {
      const done = (isNew: boolean) => (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', stop);
        this.#wake = () => undefined;
        resolve(isNew);
      };
      const stop = done(false);
      const timer = waitMs === undefined ? undefined : setTimeout(done(false), waitMs);
      signal.addEventListener('abort', stop, { once: true });
      this.#wake = done(true);
    });
    if (this.#failure !== undefined) throw this.#failure;
    return came;
  }
}

function failureOf(cause: unknown): LocalLiteError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const advice =
    code === 'ENOSPC'
      ? '; the system watches no more files: raise it with `sudo sysctl fs.inotify.max_user_watches=524288`'
      : code === 'EMFILE'
        ? '; the system opens no more files: raise it with `ulimit -n 65536`'
        : '';
  return new LocalLiteError('internal', `the folder cannot be watched (${reason})${advice}`, { cause });
}
