import { randomUUID } from 'node:crypto';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { ModelCard, ModelVariant } from './card.ts';
import { type Disk, ensureFolder, fileSize, linkOrCopy, namedDiskError, syncFile, syncFolder } from './disk.ts';
import { folderOf, type StoreLayout } from './layout.ts';
import { withLock } from './lock.ts';
import { isSuccessor, type Made } from './made.ts';
import { deleteManifest, directoryOf, isWeights, type Manifest, readManifests, writeManifest } from './manifest.ts';

/** A checked file that is ready to be installed: `location` may be moved when `movable`, otherwise it is linked or left. */
export interface StagedFile {
  readonly path: string;
  readonly location: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** Everything that one variant needs, checked. */
export interface StagedModel {
  readonly card: ModelCard;
  readonly variant: ModelVariant;
  readonly source: string;
  readonly files: readonly StagedFile[];
  /** Set where the files stay where they are, under their own paths in this folder. */
  readonly directory?: string | undefined;
  /** Set for a variant that was made here. */
  readonly made?: Made | undefined;
}

/** What the steps of the store share. */
export interface StoreContext {
  readonly layout: StoreLayout;
  readonly disk: Disk;
  readonly telemetry: Telemetry;
}

/** Path of a blob. */
export function blobPath(layout: StoreLayout, sha256: string): string {
  return join(layout.blobs, sha256);
}

/** Held for the short steps that change what is installed; never while bytes come over the network. */
export function withStoreLock<T>(layout: StoreLayout, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return withLock(join(layout.locks, 'store.lock'), signal, work);
}

/**
 * Makes a staged model count as installed. Order matters for a crash: blobs, then links, then the manifest; what a crash leaves
 * behind before the manifest is never looked at and swept later.
 */
export async function install(context: StoreContext, staged: StagedModel, signal: AbortSignal): Promise<Manifest> {
  return withStoreLock(context.layout, signal, async () => {
    try {
      if (staged.directory === undefined) await placeFiles(context.layout, staged);
      const manifest = await manifestOf(context, staged);
      await writeManifest(context.layout, context.disk, manifest);
      return manifest;
    } catch (error) {
      throw namedDiskError(error, join(context.layout.installed, folderOf(staged.card.id)));
    }
  });
}

async function placeFiles(layout: StoreLayout, staged: StagedModel): Promise<void> {
  await ensureFolder(layout.blobs);
  for (const file of staged.files) await placeBlob(layout, file);
  await syncFolder(layout.blobs);
  const target = join(layout.installed, folderOf(staged.card.id), staged.variant.name);
  const fresh = `${target}.${randomUUID()}.tmp`;
  for (const file of staged.files) {
    const path = join(fresh, ...file.path.split('/'));
    await ensureFolder(dirname(path));
    await linkOrCopy(blobPath(layout, file.sha256), path);
  }
  await replaceFolder(fresh, target);
}

async function placeBlob(layout: StoreLayout, file: StagedFile): Promise<void> {
  const blob = blobPath(layout, file.sha256);
  if ((await fileSize(blob)) === file.bytes) {
    await rm(file.location, { force: true });
    return;
  }
  await syncFile(file.location);
  await rename(file.location, blob);
}

async function replaceFolder(fresh: string, target: string): Promise<void> {
  const old = `${target}.${randomUUID()}.old`;
  const had = await rename(target, old).then(
    () => true,
    () => false,
  );
  await rename(fresh, target);
  await syncFolder(dirname(target));
  if (had) await rm(old, { recursive: true, force: true });
}

async function manifestOf(context: StoreContext, staged: StagedModel): Promise<Manifest> {
  const { card, variant, source, directory, made } = staged;
  const others = (await readManifests(context.layout, context.telemetry)).filter(({ id }) => id === card.id);
  const pinned = made === undefined ? isPinnedAtOnce(staged, others) : succeedsPinned(made, others);
  return {
    version: 1,
    id: card.id,
    variant: variant.name,
    source,
    card,
    files: staged.files.map(({ path, sha256, bytes }) => ({ path, sha256, bytes })),
    ...(directory === undefined ? {} : { directory }),
    pinned,
    ...(made === undefined ? {} : { made }),
    installedAt: new Date().toISOString(),
  };
}

/** What is installed first is what runs, unless weights are there: then the choice is made when the model is first used. */
function isPinnedAtOnce({ variant }: StagedModel, others: readonly Manifest[]): boolean {
  if (variant.kind === 'weights') return false;
  return !others.some((other) => other.variant !== variant.name && (other.pinned || isWeights(other)));
}

/** Made again, it takes the place of the one before. */
function succeedsPinned(made: Made, others: readonly Manifest[]): boolean {
  return others.some((other) => other.pinned && other.made !== undefined && isSuccessor(made, other.made));
}

/** Makes `chosen` the variant that runs when none is named, or leaves the choice open (undefined). */
export async function pinVariant(context: StoreContext, id: string, chosen: string | undefined, signal: AbortSignal): Promise<void> {
  await withStoreLock(context.layout, signal, async () => {
    const manifests = (await readManifests(context.layout, context.telemetry)).filter((manifest) => manifest.id === id);
    // The others first: should this end in the middle, none is pinned, and the choice is made anew.
    const changed = manifests
      .filter((manifest) => manifest.pinned !== (manifest.variant === chosen))
      .sort((a, b) => Number(b.pinned) - Number(a.pinned));
    for (const manifest of changed) await writeManifest(context.layout, context.disk, { ...manifest, pinned: manifest.variant === chosen });
  });
}

/** Removes variants and whatever no manifest refers to any more. Returns the bytes that became free. */
export async function uninstall(context: StoreContext, gone: readonly Manifest[], signal: AbortSignal): Promise<number> {
  return withStoreLock(context.layout, signal, async () => {
    const { layout } = context;
    try {
      let freed = 0;
      for (const manifest of gone) {
        await deleteManifest(layout, manifest);
        // A model that was only referred to stays where its owner keeps it.
        if (manifest.directory !== undefined) continue;
        freed += await ownBytes(layout, manifest);
        await rm(directoryOf(layout, manifest), { recursive: true, force: true });
      }
      return freed + (await sweep(context));
    } catch (error) {
      throw namedDiskError(error, layout.installed);
    }
  });
}

/** Bytes of installed files that are copies, not links to blobs (file systems without hard links). */
async function ownBytes(layout: StoreLayout, manifest: Manifest): Promise<number> {
  let bytes = 0;
  for (const file of manifest.files) {
    const found = await stat(join(directoryOf(layout, manifest), file.path)).catch(() => undefined);
    if (found?.nlink === 1) bytes += found.size;
  }
  return bytes;
}

/** Deletes blobs without a manifest, folders that a crash left half made, and folders without a manifest. Call under the store lock. */
export async function sweep(context: StoreContext): Promise<number> {
  const { layout } = context;
  const manifests = await readManifests(layout, context.telemetry);
  const used = new Set(manifests.flatMap(({ files }) => files.map(({ sha256 }) => sha256)));
  let freed = 0;
  for (const name of await namesIn(layout.blobs)) {
    if (used.has(name)) continue;
    const path = join(layout.blobs, name);
    const found = await stat(path).catch(() => undefined);
    await rm(path, { force: true });
    if (found?.nlink === 1) freed += found.size;
  }
  const kept = new Set(manifests.map(({ id, variant }) => join(folderOf(id), variant)));
  for (const model of await namesIn(layout.installed)) {
    const variants = await namesIn(join(layout.installed, model));
    const stale = variants.filter((variant) => !kept.has(join(model, variant)));
    for (const variant of stale) await rm(join(layout.installed, model, variant), { recursive: true, force: true });
    if (stale.length === variants.length) await rm(join(layout.installed, model), { recursive: true, force: true });
  }
  return freed;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}
