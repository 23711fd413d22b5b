import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { LocalLiteError } from '../errors.ts';

/** Folders that hold what programs made, not what people wrote. */
const SKIPPED: ReadonlySet<string> = new Set(['node_modules', '__pycache__', 'venv', 'target']);

/** A file to ingest. */
export interface LocalFile {
  /** Absolute; what the file is known by in the collection. */
  readonly path: string;
  readonly bytes: number;
}

/** Files below the paths, each once, in the order of their names; hidden files and folders are left out unless they are named. */
export async function* filesBelow(paths: readonly string[], folder: string): AsyncGenerator<LocalFile> {
  const seen = new Set<string>();
  for (const path of paths) {
    for await (const file of walk(resolve(folder, path), path)) {
      if (seen.has(file.path)) continue;
      seen.add(file.path);
      yield file;
    }
  }
}

async function* walk(path: string, asWritten: string): AsyncGenerator<LocalFile> {
  const facts = await stat(path).catch(() => undefined);
  if (facts === undefined) throw new LocalLiteError('not_found', `there is no file or folder ${asWritten}`);
  if (facts.isFile()) yield { path, bytes: facts.size };
  if (!facts.isDirectory()) return;
  const names: string[] = [];
  for await (const entry of await opendir(path)) {
    // Links are not followed: they may lead in a circle, or out of what was meant.
    const isWanted = (entry.isDirectory() || entry.isFile()) && !entry.name.startsWith('.') && !SKIPPED.has(entry.name);
    if (isWanted) names.push(entry.name);
  }
  for (const name of names.sort()) yield* walk(join(path, name), `${asWritten.replace(/[/\\]$/, '')}${sep}${name}`);
}

/** sha256 of a file, lower-case hexadecimal. */
export async function sumOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path)) hash.update(part as Buffer);
  return hash.digest('hex');
}
