import { createHash } from 'node:crypto';
import { createReadStream, openAsBlob } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { basename, isAbsolute, join, relative, resolve, sep } from 'node:path';
import picomatch from 'picomatch';
import { LocalLiteError } from '../errors.ts';
import { IgnoreRules } from './ignore-rules.ts';

/** Something to ingest. */
export interface IngestItem {
  /** What it is known by in the collection: of a file, its absolute path. */
  readonly key: string;
  readonly name: string;
  readonly bytes: number;
  /** sha256 of its content, lower-case hexadecimal. */
  sum(): Promise<string>;
  open(): Promise<Blob>;
}

/** What one argument of the command stands for. */
export interface IngestRoot {
  readonly asWritten: string;
  /** Absolute: the file, the folder, or the folder where a pattern begins. */
  readonly base: string;
  readonly kind: 'file' | 'folder' | 'pattern';
  readonly rules: IgnoreRules;
  /** Whether a path at or below {@link base} is meant, ignore files not considered. */
  readonly isMeant: (path: string) => boolean;
}

/**
 * What the arguments stand for: files and folders, and patterns (`notes/**\/*.md`) where nothing of that very name is there.
 * @throws LocalLiteError not_found for what is not there
 */
export async function openRoots(paths: readonly string[], folder: string): Promise<readonly IngestRoot[]> {
  return await Promise.all(paths.map((path) => openRoot(path, folder)));
}

async function openRoot(asWritten: string, folder: string): Promise<IngestRoot> {
  const path = resolve(folder, asWritten);
  const facts = await stat(path).catch(() => undefined);
  if (facts?.isFile()) return { asWritten, base: path, kind: 'file', rules: new IgnoreRules(path), isMeant: (other) => other === path };
  if (facts?.isDirectory()) return { asWritten, base: path, kind: 'folder', rules: new IgnoreRules(path), isMeant: () => true };
  const pattern = process.platform === 'win32' ? asWritten.replaceAll('\\', '/') : asWritten;
  const { base, glob, isGlob } = picomatch.scan(pattern);
  const start = resolve(folder, base);
  const isThere = isGlob && (await stat(start).catch(() => undefined))?.isDirectory() === true;
  if (!isThere) throw new LocalLiteError('not_found', `there is no file or folder ${asWritten}`);
  // What is hidden is a matter of the ignore rules.
  const matches = picomatch(glob, { dot: true, nocase: process.platform === 'win32' });
  const isMeant = (other: string): boolean => matches(relative(start, other).split(sep).join('/'));
  return { asWritten, base: start, kind: 'pattern', rules: new IgnoreRules(start), isMeant };
}

/** Whether a file belongs to one of the roots, by its place alone. */
export function belongs(path: string, roots: readonly IngestRoot[]): boolean {
  return roots.some((root) => isBelow(path, root.base) && root.isMeant(path) && !root.rules.ignores(path, false));
}

/** Whether a file would belong to one of the roots if it were not ignored: it is then theirs to take away. */
export function isCovered(path: string, roots: readonly IngestRoot[]): boolean {
  return roots.some((root) => isBelow(path, root.base) && root.isMeant(path));
}

function isBelow(path: string, base: string): boolean {
  const inside = relative(base, path);
  return inside === '' || (!isAbsolute(inside) && inside !== '..' && !inside.startsWith(`..${sep}`));
}

/** Files of the roots, each once, in the order of their names. A folder that cannot be read is told to `onProblem` and passed over. */
export async function* filesOf(
  roots: readonly IngestRoot[],
  onProblem: (path: string, error: unknown) => void,
): AsyncGenerator<IngestItem> {
  const seen = new Set<string>();
  for (const root of roots) {
    for await (const path of walk(root, root.base, onProblem)) {
      if (seen.has(path)) continue;
      seen.add(path);
      const item = await itemOf(path);
      if (item !== undefined) yield item;
    }
  }
}

/** The file at a path; undefined when there is none (any more). */
export async function itemOf(path: string): Promise<IngestItem | undefined> {
  const facts = await stat(path).catch(() => undefined);
  if (!facts?.isFile()) return undefined;
  return { key: path, name: basename(path), bytes: facts.size, sum: () => sumOfFile(path), open: () => openAsBlob(path) };
}

async function* walk(root: IngestRoot, path: string, onProblem: (path: string, error: unknown) => void): AsyncGenerator<string> {
  if (root.kind === 'file') return yield path;
  for (const { name, isFolder } of await entriesOf(path, onProblem)) {
    const entry = join(path, name);
    if (root.rules.ignores(entry, isFolder)) continue;
    if (isFolder) yield* walk(root, entry, onProblem);
    else if (root.isMeant(entry)) yield entry;
  }
}

/** In the order of their names. Links are not followed: they may lead in a circle, or out of what was meant. */
async function entriesOf(folder: string, onProblem: (path: string, error: unknown) => void) {
  const entries: { readonly name: string; readonly isFolder: boolean }[] = [];
  try {
    for await (const entry of await opendir(folder)) {
      if (entry.isDirectory() || entry.isFile()) entries.push({ name: entry.name, isFolder: entry.isDirectory() });
    }
  } catch (error) {
    onProblem(folder, error);
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function sumOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path)) hash.update(part as Buffer);
  return hash.digest('hex');
}
