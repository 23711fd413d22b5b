import type { ModelSource } from '../card.ts';
import type { HttpClient } from './http-client.ts';

/** Kinds of places a model can come from; the word before the colon of a reference. */
export type SourceKind = 'hub' | 'npm' | 'pypi' | 'https' | 'file';

/** What is known of a file before it is fetched; whatever is given is checked afterwards. */
export interface ExpectedContent {
  readonly bytes?: number | undefined;
  /** Lower-case hex. */
  readonly sha256?: string | undefined;
  /** Git object id (sha1 over `blob <length>\0` and the content): what the hub gives for small files. */
  readonly gitSha1?: string | undefined;
  /** Subresource Integrity string, e.g. `sha512-…`, as package registries give it. */
  readonly integrity?: string | undefined;
}

/** A file that HTTP can bring. `path` is its name inside the source. */
export interface RemoteFile extends ExpectedContent {
  readonly path: string;
  readonly url: string;
}

/** A file that is on this machine already, outside the store. */
export interface LocalFile extends ExpectedContent {
  readonly path: string;
  readonly location: string;
}

/**
 * Where the bytes are, decided without moving them: single files, one archive that holds them, or a folder on this machine.
 * `revision` is the exact one (a commit, a package version) when the source tells.
 */
export type SourcePlan =
  | { readonly kind: 'files'; readonly revision: string | undefined; readonly client: HttpClient; readonly files: readonly RemoteFile[] }
  | {
      readonly kind: 'archive';
      readonly revision: string | undefined;
      readonly client: HttpClient;
      readonly format: 'tar' | 'zip';
      readonly archive: RemoteFile;
    }
  | {
      readonly kind: 'folder';
      readonly revision: string | undefined;
      readonly directory: string;
      /** True where the owner of the folder never changes a file in place, so that hard links to its files are safe. */
      readonly immutable: boolean;
      readonly files: readonly LocalFile[];
    };

/** The place named by a reference: `hub:owner/name@revision` is `{ kind: 'hub', id: 'owner/name', revision }`. */
export interface SourceAddress {
  readonly kind: SourceKind;
  readonly id: string;
  readonly revision: string | undefined;
}

/** One kind of source. Both functions throw {@link SourceFailure}; neither moves the model's bytes. */
export interface Source {
  readonly kind: SourceKind;
  /** True where it needs the network, so that offline mode leaves it out. */
  readonly remote: boolean;
  /** Finds the files that a card asks for. */
  resolve(address: SourceAddress, wanted: ModelSource, signal: AbortSignal): Promise<SourcePlan>;
  /** Finds everything there is, for a model that no card describes. An archive's content is known only once it is here. */
  list(address: SourceAddress, signal: AbortSignal): Promise<SourcePlan>;
}
