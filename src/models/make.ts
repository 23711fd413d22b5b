import { chmod, copyFile, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LocalLiteError } from '../errors.ts';
import { checkContent } from './content.ts';
import { isWeightFile } from './convertible.ts';
import { ensureFolder, requireSpace } from './disk.ts';
import { install, type StagedFile, type StoreContext, uninstall } from './install.ts';
import { folderOf } from './layout.ts';
import { withLock } from './lock.ts';
import { type ConversionReport, isCurrent, isSuccessor, type Made, madeName, madeVariant, type Recipe, weightsDigest } from './made.ts';
import { type Manifest, readManifests } from './manifest.ts';
import { SourceFailure } from './sources/failure.ts';
import type { InstalledModel } from './store-types.ts';

/** Fills an empty folder with a graph and reports on it. */
export type MakeGraph = (folder: string, signal: AbortSignal) => Promise<ConversionReport>;

/** One variant to be made. */
export interface MakeOrder {
  readonly weights: InstalledModel;
  readonly recipe: Recipe;
  readonly work: MakeGraph;
  /** Even if it is there. */
  readonly again: boolean;
}

/**
 * Makes a variant, or finds the one that is there. One process makes it, others wait for it and take what it made.
 * @throws LocalLiteError as {@link ModelStore.make}
 */
export async function makeVariant(context: StoreContext, order: MakeOrder, signal: AbortSignal): Promise<Manifest> {
  const { weights, recipe } = order;
  const name = `${folderOf(weights.card.id)}.${madeName(recipe, weights.card)}`;
  return withLock(join(context.layout.locks, `${name}.lock`), signal, async (held) => {
    const there = order.again ? undefined : await currentVariant(context, order);
    if (there !== undefined) return there;
    await checkWeights(weights, held);
    const folder = join(context.layout.partial, `${name}.making`);
    try {
      await emptyFolder(folder);
      // Beside the graph, one in full precision to compare it with.
      await requireSpace(context.disk, folder, 2 * weights.bytes);
      const made = madeOf(order, await order.work(folder, held));
      return await add(context, order, { made, folder }, held);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

async function currentVariant(context: StoreContext, { weights, recipe }: MakeOrder): Promise<Manifest | undefined> {
  const digest = weightsDigest(weights.files);
  const ours = (await readManifests(context.layout, context.telemetry)).filter(({ id }) => id === weights.card.id);
  return ours.find(({ made }) => made !== undefined && isCurrent(made, recipe, digest));
}

/** Weights that rotted on the disk, or a folder whose owner changed it, must not become a graph that looks sound. */
async function checkWeights({ card, directory, files }: InstalledModel, signal: AbortSignal): Promise<void> {
  for (const { path, sha256, bytes } of files) {
    try {
      await checkContent(join(directory, ...path.split('/')), { sha256, bytes }, path, signal);
    } catch (cause) {
      if (LocalLiteError.is(cause) && !SourceFailure.isFailure(cause)) throw cause;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new LocalLiteError(
        'store_corrupt',
        `the weights of ${card.id} are not what was installed (${why}). Remove them and pull them again: locallite rm ${card.id} && locallite pull ${card.id}`,
        { cause },
      );
    }
  }
}

/** What an interrupted making left is of no use. */
async function emptyFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await ensureFolder(folder);
}

function madeOf({ weights, recipe }: MakeOrder, report: ConversionReport): Made {
  return { recipe, report, weights: weightsDigest(weights.files), variant: madeVariant(recipe, report, weights) };
}

async function add(
  context: StoreContext,
  { weights }: MakeOrder,
  { made, folder }: { readonly made: Made; readonly folder: string },
  signal: AbortSignal,
): Promise<Manifest> {
  const { card, source } = weights;
  await copySupport(weights, folder);
  const files = await staged(folder, signal);
  if (!files.some(({ path }) => path === made.variant.onnx)) {
    throw new LocalLiteError('internal', `the conversion of ${card.id} ended without ${made.variant.onnx}`);
  }
  const before = (await readManifests(context.layout, context.telemetry)).filter(({ id }) => id === card.id);
  if (before.length === 0) throw new LocalLiteError('model_not_found', `${card.id} was removed while it was converted`, { param: 'model' });
  const manifest = await install(context, { card, variant: made.variant, source, files, made }, signal);
  const replaced = before.filter(({ variant, made: old }) => old !== undefined && variant !== manifest.variant && isSuccessor(made, old));
  await dropReplaced(context, replaced, signal);
  return manifest;
}

/** Tokenizer and configuration, so that the made variant is whole without the weights. */
async function copySupport({ directory, files }: InstalledModel, folder: string): Promise<void> {
  for (const { path } of files.filter((file) => !isWeightFile(file.path))) {
    const target = join(folder, ...path.split('/'));
    await ensureFolder(dirname(target));
    await copyFile(join(directory, ...path.split('/')), target);
    await chmod(target, 0o600);
  }
}

async function staged(folder: string, signal: AbortSignal): Promise<readonly StagedFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files: StagedFile[] = [];
  for (const entry of entries.filter((one) => one.isFile())) {
    const location = join(entry.parentPath, entry.name);
    const path = location.slice(folder.length + 1).replaceAll('\\', '/');
    files.push({ path, location, ...(await checkContent(location, {}, path, signal)) });
  }
  return files;
}

/** An older making that a process still holds stays until the next sweep; the new one is there all the same. */
async function dropReplaced(context: StoreContext, replaced: readonly Manifest[], signal: AbortSignal): Promise<void> {
  if (replaced.length === 0) return;
  try {
    await uninstall(context, replaced, signal);
  } catch (error) {
    context.telemetry.log.warn('store_replaced_kept', {
      variants: replaced.map(({ variant }) => variant),
      reason: LocalLiteError.from(error).message,
    });
  }
}
