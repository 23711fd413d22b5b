import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelFile } from '../card.ts';
import { fileSize } from '../disk.ts';
import { filesBelow } from './folder.ts';
import type { LocalFile, SourceAddress, SourcePlan } from './source.ts';

/**
 * Downloads of the Hugging Face libraries on this machine (`models--owner--name/snapshots/<commit>/…`, links to `blobs/`), which are
 * used as they are. Layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
 */
export interface HubCache {
  /** A snapshot that has every file which is not optional; undefined otherwise. */
  resolve(address: SourceAddress, wanted: readonly ModelFile[], isOptional: (file: ModelFile) => boolean): Promise<SourcePlan | undefined>;
  /** Everything a snapshot has. */
  list(address: SourceAddress): Promise<SourcePlan | undefined>;
}

/** Reads the cache in `folder`; undefined means that there is none. */
export function createHubCache(folder: string | undefined): HubCache {
  const snapshotOf = async (address: SourceAddress): Promise<{ directory: string; commit: string } | undefined> => {
    if (folder === undefined) return undefined;
    const repository = join(folder, `models--${address.id.replaceAll('/', '--')}`);
    const revision = address.revision ?? 'main';
    const commit = /^[0-9a-f]{40}$/.test(revision) ? revision : await commitOf(join(repository, 'refs', ...revision.split('/')));
    return commit === undefined ? undefined : { directory: join(repository, 'snapshots', commit), commit };
  };
  const planOf = async (directory: string, commit: string, paths: readonly string[]): Promise<SourcePlan> => {
    const files: LocalFile[] = [];
    for (const path of paths) files.push({ path, location: await realpath(join(directory, path)) });
    return { kind: 'folder', revision: commit, directory, immutable: true, files };
  };
  return {
    async resolve(address, wanted, isOptional) {
      const found = await snapshotOf(address);
      if (found === undefined) return undefined;
      const there: string[] = [];
      for (const file of wanted) {
        const bytes = await fileSize(join(found.directory, file.path));
        if (bytes !== undefined) there.push(file.path);
        else if (!isOptional(file)) return undefined;
      }
      return planOf(found.directory, found.commit, there);
    },
    async list(address) {
      const found = await snapshotOf(address);
      const paths = found === undefined ? [] : await filesBelow(found.directory);
      return found === undefined || paths.length === 0 ? undefined : planOf(found.directory, found.commit, paths);
    },
  };
}

async function commitOf(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return /^[0-9a-f]{40}$/.test(text.trim()) ? text.trim() : undefined;
}
