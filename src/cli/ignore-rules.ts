import { readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import ignore, { type Ignore } from 'ignore';

/** Names what is left out of a folder, in gitignore's syntax; it may stand in any folder and counts for all that is below. */
export const IGNORE_FILE = '.localliteignore';

/** What programs made and what is half written; an ignore file may take any of it back, e.g. with `!.github/`. */
const DEFAULTS = [
  '.*',
  'node_modules/',
  '__pycache__/',
  'venv/',
  'target/',
  '~$*',
  '*~',
  '*.tmp',
  '*.part',
  '*.crdownload',
  'Thumbs.db',
  'desktop.ini',
];

/** Whether a folder of these systems tells upper and lower case apart. */
const isCaseBlind = process.platform === 'win32' || process.platform === 'darwin';

/** What is left out of one folder and everything below it. Ignore files are read when they are first asked for. */
export class IgnoreRules {
  readonly #base: string;
  readonly #defaults = matcherOf(DEFAULTS.join('\n'));
  readonly #own = new Map<string, Ignore | undefined>();

  /** @param base absolute */
  constructor(base: string) {
    this.#base = base;
  }

  /** True when `path`, or a folder above it and below the base, is left out. The base itself never is: it was named. */
  ignores(path: string, isFolder: boolean): boolean {
    const inside = relative(this.#base, path);
    if (inside === '') return false;
    const parts = inside.split(sep);
    let at = this.#base;
    for (const [index, part] of parts.entries()) {
      at = join(at, part);
      if (this.#ignoresEntry(at, isFolder || index < parts.length - 1)) return true;
    }
    return false;
  }

  /** Ignore files are read anew. */
  forget(): void {
    this.#own.clear();
  }

  /** The nearest ignore file that says something wins, as in git. */
  #ignoresEntry(path: string, isFolder: boolean): boolean {
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      const found = this.#rulesOf(folder)?.test(nameIn(folder, path, isFolder));
      if (found?.ignored === true) return true;
      if (found?.unignored === true) return false;
      if (folder === this.#base || folder === dirname(folder)) break;
    }
    return this.#defaults.ignores(nameIn(dirname(path), path, isFolder));
  }

  #rulesOf(folder: string): Ignore | undefined {
    if (!this.#own.has(folder)) this.#own.set(folder, readRules(join(folder, IGNORE_FILE)));
    return this.#own.get(folder);
  }
}

function nameIn(folder: string, path: string, isFolder: boolean): string {
  return relative(folder, path).split(sep).join('/') + (isFolder ? '/' : '');
}

function readRules(file: string): Ignore | undefined {
  try {
    return matcherOf(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''));
  } catch {
    // Most folders have none.
    return undefined;
  }
}

function matcherOf(rules: string): Ignore {
  return ignore({ ignorecase: isCaseBlind }).add(rules);
}
