import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, relative, resolve, sep } from 'node:path';
import { fileSize } from '../disk.ts';
import { SourceFailure } from './failure.ts';
import type { LocalFile, Source, SourceAddress, SourcePlan } from './source.ts';

const MAX_FILES = 10_000;
const MAX_DEPTH = 8;

/** Paths (with forward slashes) of the regular files below a folder, links followed; hidden folders are left out. */
export async function filesBelow(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  const walk = async (directory: string, depth: number): Promise<void> => {
    const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const path = join(directory, entry.name);
      if (entry.isDirectory() && depth < MAX_DEPTH && !entry.name.startsWith('.')) await walk(path, depth + 1);
      else if ((entry.isFile() || entry.isSymbolicLink()) && (await fileSize(path)) !== undefined)
        found.push(relative(folder, path).split(sep).join('/'));
      if (found.length > MAX_FILES)
        throw new SourceFailure('unsafe', `${folder} holds more than ${MAX_FILES} files; name the model's own folder`);
    }
  };
  await walk(folder, 0);
  return found.sort();
}

/** A model's folder on this machine. It stays where it is: the store keeps only a manifest that points there. */
export function createFolderSource(): Source {
  const planFor = async (address: SourceAddress): Promise<SourcePlan> => {
    const directory = resolve(address.id.replace(/^~(?=$|[/\\])/, homedir()));
    const paths = await filesBelow(directory);
    if (paths.length === 0) throw new SourceFailure('missing', `there are no files in ${directory}`);
    const files: LocalFile[] = paths.map((path) => ({ path, location: join(directory, ...path.split('/')) }));
    return { kind: 'folder', revision: undefined, directory, immutable: false, files };
  };
  return { kind: 'file', remote: false, resolve: planFor, list: planFor };
}
