import { join } from 'node:path';

/** Folders of the store below HOME. */
export interface StoreLayout {
  /** `models/blobs/sha256/<hash>`: every file once, under its content's hash. */
  readonly blobs: string;
  /** `models/partial/<model>/`: what is being fetched, with its journal; survives for the next try. */
  readonly partial: string;
  /** `models/manifests/<model>/<variant>.json`: a model is installed when its manifest is there. */
  readonly manifests: string;
  /** `models/installed/<model>/<variant>/`: hard links to blobs under the model's own paths. */
  readonly installed: string;
  readonly locks: string;
}

/** Where a store in `home` keeps what. */
export function storeLayout(home: string): StoreLayout {
  const root = join(home, 'models');
  return {
    blobs: join(root, 'blobs', 'sha256'),
    partial: join(root, 'partial'),
    manifests: join(root, 'manifests'),
    installed: join(root, 'installed'),
    locks: join(root, 'locks'),
  };
}

/** Folder name of a model: `owner/name` becomes `owner--name`. */
export function folderOf(id: string): string {
  return id.replace('/', '--');
}
