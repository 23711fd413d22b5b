import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LocalLiteError } from '../errors.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { checkContent } from './content.ts';
import { type Disk, ensureFolder, fileSize, localDisk } from './disk.ts';
import type { DownloadPolicy } from './download.ts';
import { dropPartials } from './fetch-variant.ts';
import { pinVariant, type StoreContext, sweep, uninstall, withStoreLock } from './install.ts';
import { folderOf, storeLayout } from './layout.ts';
import { withLock } from './lock.ts';
import type { Recipe } from './made.ts';
import { type MakeGraph, makeVariant } from './make.ts';
import { directoryOf, installedFrom, type Manifest, readManifests } from './manifest.ts';
import { createProgressMeter, type ProgressMeter } from './progress.ts';
import type { Places } from './pull.ts';
import { parseReference } from './reference.ts';
import { createSharedPulls } from './shared-pulls.ts';
import { createFolderSource } from './sources/folder.ts';
import { createHubSource } from './sources/hub.ts';
import { createHubCache } from './sources/hub-cache.ts';
import { createNpmSource } from './sources/npm.ts';
import type { Environment } from './sources/npm-settings.ts';
import { createPypiSource } from './sources/pypi.ts';
import type { Source } from './sources/source.ts';
import { createUrlSource } from './sources/url.ts';
import { byPreference, byVariantName, isNamed } from './store-find.ts';
import { type CardFinder, type PullTarget, type StoredModelSettings, targetOf } from './store-targets.ts';
import type { InstalledModel, ModelStore, PullProgress, VerifyReport } from './store-types.ts';

/** The settings the store reads, under their own names. */
export interface StoreSettings {
  readonly offline: boolean;
  readonly hub: { readonly endpoint: string; readonly token?: string | undefined; readonly cache?: string | undefined };
  /** `timeout` in seconds without a byte. */
  readonly download: { readonly connections: number; readonly retries: number; readonly timeout: number };
  readonly models?: Readonly<Record<string, StoredModelSettings>> | undefined;
}

export interface StoreOptions {
  /** LocalLite's home folder; the store lives in its `models/`. */
  readonly home: string;
  readonly catalog: CardFinder;
  readonly settings: StoreSettings;
  /** For npm's, pip's and proxies' own variables. */
  readonly environment: Environment;
  readonly telemetry: Telemetry;
  /** Finer points of downloading that are no settings: length of a range, first pause between tries. */
  readonly transfer?: Pick<DownloadPolicy, 'pieceBytes' | 'firstPauseMs'>;
  /** Replaced in tests that need a full disk. */
  readonly disk?: Disk;
  /** Replaced in tests that force faults. */
  readonly sources?: readonly Source[];
}

/** Unfinished downloads that nobody touched for so long are thrown away. */
const STALE_PARTIAL_DAYS = 14;
/** A crashed holder's lock falls well within this time. */
const REMOVE_WAIT_MS = 15_000;
const DAY_MS = 24 * 60 * 60 * 1000;

type PullOptions = { readonly signal?: AbortSignal; readonly onProgress?: (progress: PullProgress) => void };

/** Opens the store in `home`. Touches nothing until it is asked. */
export function createModelStore(options: StoreOptions): ModelStore {
  const { catalog, settings, telemetry } = options;
  const context: StoreContext = { layout: storeLayout(options.home), disk: options.disk ?? localDisk, telemetry };
  const places = placesOf(options);
  const shared = createSharedPulls<InstalledModel>();
  const settingsOf = (id: string): StoredModelSettings => {
    const key = Object.keys(settings.models ?? {}).find((name) => name.toLowerCase() === id.toLowerCase());
    return (key === undefined ? undefined : settings.models?.[key]) ?? {};
  };
  const opened = (manifest: Manifest): Promise<InstalledModel | undefined> =>
    installedFrom(context.layout, manifest, catalog.resolve(manifest.id)?.card);

  const manifestsOf = async (id: string): Promise<readonly Manifest[]> =>
    (await readManifests(context.layout, telemetry)).filter((manifest) => isNamed(manifest, id));

  const find = async (id: string, variant?: string): Promise<InstalledModel | undefined> => {
    const manifests = await manifestsOf(id);
    const wanted = variant ?? settingsOf(id).variant;
    const inOrder = wanted === undefined ? byPreference(manifests) : byVariantName(manifests, wanted);
    for (const manifest of inOrder) {
      const model = await opened(manifest);
      if (model !== undefined) return model;
    }
    return undefined;
  };

  const variants = async (id: string): Promise<readonly InstalledModel[]> => {
    const models = await Promise.all(byPreference(await manifestsOf(id)).map(opened));
    return models.filter((model) => model !== undefined);
  };

  const make = async (
    weights: InstalledModel,
    recipe: Recipe,
    work: MakeGraph,
    { signal = new AbortController().signal, again = false }: { readonly signal?: AbortSignal; readonly again?: boolean } = {},
  ): Promise<InstalledModel> => {
    const model = await opened(await makeVariant(context, { weights, recipe, work, again }, signal));
    if (model === undefined) throw new LocalLiteError('store_corrupt', `${weights.card.id} was made, but its files are not there`);
    telemetry.log.info('model_made', { model: model.card.id, variant: model.variant.name, bytes: model.bytes });
    return model;
  };

  const pin = async (id: string, variant: string | undefined): Promise<void> => {
    const model = variant === undefined ? (await variants(id))[0] : await find(id, variant);
    if (model === undefined || (variant !== undefined && model.variant.kind === 'weights')) throw notInstalled(id, variant);
    await pinVariant(context, model.card.id, variant === undefined ? undefined : model.variant.name, AbortSignal.timeout(REMOVE_WAIT_MS));
  };

  const pullNow = async (target: PullTarget, meter: ProgressMeter, signal: AbortSignal): Promise<InstalledModel> => {
    const meanwhile = await target.installed(find);
    if (meanwhile !== undefined) return meanwhile;
    await dropStale(context, signal);
    const policy = { ...settings.download, ...options.transfer };
    const manifest = await target.pull({ ...context, policy, meter, signal }, places);
    await dropPartials(context, target.id);
    const model = await opened(manifest);
    if (model === undefined) throw new LocalLiteError('store_corrupt', `${target.id} was installed, but its files are not there`);
    const { card, variant, source, bytes } = model;
    telemetry.log.info('model_installed', { model: card.id, variant: variant.name, source, bytes });
    return model;
  };

  const pull = async (text: string, { signal, onProgress }: PullOptions = {}): Promise<InstalledModel> => {
    const target = targetOf(catalog, parseReference(text), settingsOf);
    const there = await target.installed(find);
    if (there !== undefined) return there;
    const work = async (stop: AbortSignal, report: (progress: PullProgress) => void): Promise<InstalledModel> => {
      const meter = createProgressMeter(report);
      try {
        return await withLock(join(context.layout.locks, `${folderOf(target.id)}.lock`), stop, (held) => pullNow(target, meter, held));
      } finally {
        meter.close();
      }
    };
    return shared.join(target.key, work, { signal, onProgress });
  };

  const list = async (): Promise<readonly InstalledModel[]> => {
    const models: InstalledModel[] = [];
    for (const manifest of byPreference(await readManifests(context.layout, telemetry))) {
      const model = await opened(manifest);
      if (model === undefined) telemetry.log.warn('store_files_missing', { model: manifest.id, variant: manifest.variant });
      else models.push(model);
    }
    return models.sort((a, b) => a.card.id.localeCompare(b.card.id));
  };
  return {
    find,
    variants,
    pull,
    list,
    make,
    pin,
    verify: (id) => verifyAll(context, id),
    remove: (id, variant) => remove(context, id, variant),
  };
}

async function verifyAll(context: StoreContext, id: string | undefined): Promise<readonly VerifyReport[]> {
  const reports: VerifyReport[] = [];
  for (const manifest of await readManifests(context.layout, context.telemetry)) {
    if (id === undefined || isNamed(manifest, id)) reports.push(await verified(context, manifest));
  }
  return reports;
}

async function remove(context: StoreContext, id: string, variant: string | undefined): Promise<{ readonly freedBytes: number }> {
  const all = (await readManifests(context.layout, context.telemetry)).filter((manifest) => isNamed(manifest, id));
  const gone = variant === undefined ? all : byVariantName(all, variant);
  const first = gone[0];
  if (first === undefined) throw notInstalled(id, variant);
  // Only a pull of this very model holds the lock for long; then it is in use, and waiting for it would be a surprise.
  const signal = AbortSignal.timeout(REMOVE_WAIT_MS);
  try {
    const lock = join(context.layout.locks, `${folderOf(first.id)}.lock`);
    const freedBytes = await withLock(lock, signal, (held) => uninstall(context, gone, held));
    context.telemetry.log.info('model_removed', { model: first.id, variants: gone.map((manifest) => manifest.variant), freedBytes });
    return { freedBytes };
  } catch (error) {
    if (!signal.aborted || !LocalLiteError.is(error) || error.code !== 'cancelled') throw error;
    throw new LocalLiteError('model_in_use', `${first.id} is being pulled; cancel that first`, { param: 'model', cause: error });
  }
}

function notInstalled(id: string, variant: string | undefined): LocalLiteError {
  return new LocalLiteError('model_not_found', `${id}${variant === undefined ? '' : `#${variant}`} is not installed`, { param: 'model' });
}

function placesOf({ settings, environment, sources }: StoreOptions): Places {
  const network = { environment, retries: settings.download.retries, stallTimeoutMs: settings.download.timeout * 1000 };
  const all = sources ?? [
    createHubSource({ ...network, endpoint: settings.hub.endpoint, token: settings.hub.token }),
    createNpmSource(network),
    createPypiSource(network),
    createUrlSource(network),
    createFolderSource(),
  ];
  return {
    sources: new Map(all.map((source) => [source.kind, source])),
    cache: createHubCache(settings.hub.cache),
    offline: settings.offline,
  };
}

async function verified({ layout }: StoreContext, manifest: Manifest): Promise<VerifyReport> {
  const problems: { path: string; problem: 'missing' | 'size' | 'sha256' }[] = [];
  const never = new AbortController().signal;
  for (const file of manifest.files) {
    const path = join(directoryOf(layout, manifest), ...file.path.split('/'));
    const bytes = await fileSize(path);
    if (bytes === undefined) problems.push({ path: file.path, problem: 'missing' });
    else if (bytes !== file.bytes) problems.push({ path: file.path, problem: 'size' });
    else if ((await checkContent(path, {}, file.path, never)).sha256 !== file.sha256) problems.push({ path: file.path, problem: 'sha256' });
  }
  return { id: manifest.id, variant: manifest.variant, ok: problems.length === 0, problems };
}

/** Throws away what crashes and given-up pulls left long ago. */
async function dropStale(context: StoreContext, signal: AbortSignal): Promise<void> {
  const { layout } = context;
  await ensureFolder(layout.partial);
  for (const name of await readdir(layout.partial)) {
    const found = await stat(join(layout.partial, name)).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > STALE_PARTIAL_DAYS * DAY_MS)
      await rm(join(layout.partial, name), { recursive: true, force: true });
  }
  await withStoreLock(layout, signal, () => sweep(context));
}
