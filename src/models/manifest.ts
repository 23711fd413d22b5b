import { readdir, readFile, rm } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { cardSchema, type ModelCard } from './card.ts';
import { type Disk, ensureFolder, fileSize, systemCode, writeWhole } from './disk.ts';
import { folderOf, type StoreLayout } from './layout.ts';
import { madeSchema } from './made.ts';
import type { InstalledModel } from './store-types.ts';

const manifestSchema = z.strictObject({
  version: z.literal(1),
  id: z.string(),
  variant: z.string(),
  /** Reference with the exact revision that was taken. */
  source: z.string(),
  card: cardSchema,
  files: z.array(z.strictObject({ path: z.string(), sha256: z.string(), bytes: z.number() })),
  /** Absolute where the files stay outside the store; otherwise absent. */
  directory: z.string().optional(),
  /** The variant this machine uses when none is named; never one that is weights only. */
  pinned: z.boolean(),
  /** Set for a variant that was made here: of what, how, and how well. Its variant is not in the card. */
  made: madeSchema.optional(),
  installedAt: z.string(),
});

/** What the store remembers of one installed variant. A model is installed when, and only when, this file is there. */
export type Manifest = z.infer<typeof manifestSchema>;

const pathOf = (layout: StoreLayout, id: string, variant: string): string => join(layout.manifests, folderOf(id), `${variant}.json`);

/** The folder in which a manifest's files lie. */
export function directoryOf(layout: StoreLayout, manifest: Pick<Manifest, 'id' | 'variant' | 'directory'>): string {
  return manifest.directory ?? join(layout.installed, folderOf(manifest.id), manifest.variant);
}

async function entriesOf(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return [];
    throw error;
  }
}

async function readManifest(path: string, telemetry: Telemetry): Promise<Manifest | undefined> {
  try {
    return manifestSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if (systemCode(error) !== 'ENOENT')
      telemetry.log.warn('store_manifest_unreadable', { path, reason: error instanceof Error ? error.name : '' });
    return undefined;
  }
}

/** Every readable manifest; one that cannot be read is logged and left out. */
export async function readManifests(layout: StoreLayout, telemetry: Telemetry): Promise<readonly Manifest[]> {
  const found: Manifest[] = [];
  for (const folder of await entriesOf(layout.manifests)) {
    for (const name of await entriesOf(join(layout.manifests, folder))) {
      const manifest = name.endsWith('.json') ? await readManifest(join(layout.manifests, folder, name), telemetry) : undefined;
      if (manifest !== undefined) found.push(manifest);
    }
  }
  return found;
}

/** Makes a model count as installed. */
export async function writeManifest(layout: StoreLayout, disk: Disk, manifest: Manifest): Promise<void> {
  const path = pathOf(layout, manifest.id, manifest.variant);
  await ensureFolder(join(layout.manifests, folderOf(manifest.id)));
  await writeWhole(disk, path, `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Makes a model count as not installed. */
export async function deleteManifest(layout: StoreLayout, manifest: Manifest): Promise<void> {
  await rm(pathOf(layout, manifest.id, manifest.variant), { force: true });
}

/** Weights do not run; what else is installed does. */
export function isWeights(manifest: Manifest): boolean {
  return manifest.made === undefined && manifest.card.variants.find(({ name }) => name === manifest.variant)?.kind === 'weights';
}

/** The catalogue's newer knowledge of the same weights wins over what was known when they were installed. */
function currentCard(manifest: Manifest, known: ModelCard | undefined): ModelCard {
  const same = known !== undefined && known.id === manifest.id && known.revision === manifest.card.revision;
  if (same && manifest.made !== undefined) return known;
  const onnx = manifest.card.variants.find(({ name }) => name === manifest.variant)?.onnx;
  return same && known.variants.some(({ name, onnx: graph }) => name === manifest.variant && graph === onnx) ? known : manifest.card;
}

/** The installed model a manifest speaks of; undefined where its files are gone. */
export async function installedFrom(
  layout: StoreLayout,
  manifest: Manifest,
  known: ModelCard | undefined,
): Promise<InstalledModel | undefined> {
  const card = currentCard(manifest, known);
  const variant = manifest.made?.variant ?? card.variants.find(({ name }) => name === manifest.variant);
  const directory = directoryOf(layout, manifest);
  if (variant === undefined || !isAbsolute(directory)) return undefined;
  for (const file of manifest.files) {
    if ((await fileSize(join(directory, file.path))) !== file.bytes) return undefined;
  }
  const { source, files, installedAt, pinned, made } = manifest;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return { card, variant, source, directory, files, bytes, installedAt, pinned, ...(made === undefined ? {} : { made }) };
}
