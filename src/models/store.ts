import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LocalLiteError } from '../errors.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { ModelCard, Pooling } from './card.ts';
import { checkContent } from './content.ts';
import { type Disk, ensureFolder, fileSize, localDisk } from './disk.ts';
import type { DownloadPolicy } from './download.ts';
import { dropPartials, type PullContext } from './fetch-variant.ts';
import { type StoreContext, sweep, uninstall, withStoreLock } from './install.ts';
import { folderOf, storeLayout } from './layout.ts';
import { withLock } from './lock.ts';
import { directoryOf, installedFrom, type Manifest, readManifests } from './manifest.ts';
import { createProgressMeter, type ProgressMeter } from './progress.ts';
import { addressOf, type Places, pullCard, wantedVariants } from './pull.ts';
import { type CardOverrides, pullUnlisted } from './pull-unlisted.ts';
import { parseReference, type Reference, referenceId } from './reference.ts';
import { createSharedPulls } from './shared-pulls.ts';
import { createFolderSource } from './sources/folder.ts';
import { createHubSource } from './sources/hub.ts';
import { createHubCache } from './sources/hub-cache.ts';
import { createNpmSource } from './sources/npm.ts';
import type { Environment } from './sources/npm-settings.ts';
import { createPypiSource } from './sources/pypi.ts';
import type { Source } from './sources/source.ts';
import { createUrlSource } from './sources/url.ts';
import type { InstalledModel, ModelStore, PullProgress, VerifyReport } from './store-types.ts';

/** Settings of one model that matter to the store (`models."<id>"`). */
export interface StoredModelSettings {
  readonly variant?: string | undefined;
  readonly pooling?: Pooling | undefined;
  readonly normalize?: boolean | undefined;
  readonly max_tokens?: number | undefined;
  readonly dimensions?: number | undefined;
  readonly query_prompt?: string | undefined;
  readonly passage_prompt?: string | undefined;
}

/** The settings the store reads, under their own names. */
export interface StoreSettings {
  readonly offline: boolean;
  readonly hub: { readonly endpoint: string; readonly token?: string | undefined; readonly cache?: string | undefined };
  /** `timeout` in seconds without a byte. */
  readonly download: { readonly connections: number; readonly retries: number; readonly timeout: number };
  readonly models?: Readonly<Record<string, StoredModelSettings>> | undefined;
}

/** Finds cards by name; the catalogue is one. */
export interface CardFinder {
  resolve(nameOrAlias: string): { readonly card: ModelCard; readonly variant: string | undefined } | undefined;
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

  const find = async (id: string, variant?: string): Promise<InstalledModel | undefined> => {
    const manifests = (await readManifests(context.layout, telemetry)).filter((manifest) => isNamed(manifest, id));
    const wanted = variant ?? settingsOf(id).variant;
    const inOrder = wanted === undefined ? byPreference(manifests) : manifests.filter((manifest) => manifest.variant === wanted);
    for (const manifest of inOrder) {
      const model = await opened(manifest);
      if (model !== undefined) return model;
    }
    return undefined;
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
    for (const manifest of await readManifests(context.layout, telemetry)) {
      const model = await opened(manifest);
      if (model === undefined) telemetry.log.warn('store_files_missing', { model: manifest.id, variant: manifest.variant });
      else models.push(model);
    }
    return models.sort((a, b) => a.card.id.localeCompare(b.card.id) || a.variant.name.localeCompare(b.variant.name));
  };
  return { find, pull, list, verify: (id) => verifyAll(context, id), remove: (id, variant) => remove(context, id, variant) };
}

const isNamed = (manifest: Manifest, id: string): boolean => manifest.id.toLowerCase() === id.toLowerCase();

async function verifyAll(context: StoreContext, id: string | undefined): Promise<readonly VerifyReport[]> {
  const reports: VerifyReport[] = [];
  for (const manifest of await readManifests(context.layout, context.telemetry)) {
    if (id === undefined || isNamed(manifest, id)) reports.push(await verified(context, manifest));
  }
  return reports;
}

async function remove(context: StoreContext, id: string, variant: string | undefined): Promise<{ readonly freedBytes: number }> {
  const all = await readManifests(context.layout, context.telemetry);
  const gone = all.filter((manifest) => isNamed(manifest, id) && (variant === undefined || manifest.variant === variant));
  const first = gone[0];
  if (first === undefined) {
    throw new LocalLiteError('model_not_found', `${id}${variant === undefined ? '' : `#${variant}`} is not installed`, { param: 'model' });
  }
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

/** What a reference comes down to: which model, whether it is there, and how it is fetched. */
interface PullTarget {
  readonly id: string;
  readonly key: string;
  installed(find: (id: string, variant?: string) => Promise<InstalledModel | undefined>): Promise<InstalledModel | undefined>;
  pull(context: PullContext, places: Places): Promise<Manifest>;
}

function targetOf(catalog: CardFinder, reference: Reference, settingsOf: (id: string) => StoredModelSettings): PullTarget {
  const { source, id, revision } = reference;
  const entry = source === undefined || source === 'hub' ? catalog.resolve(id) : undefined;
  const ours = entry !== undefined && (revision === undefined || revision === entry.card.revision);
  if (ours) {
    const { card } = entry;
    const variant = reference.variant ?? entry.variant ?? settingsOf(card.id).variant;
    return {
      id: card.id,
      key: `${card.id}#${variant ?? ''}#${source ?? ''}`,
      installed: async (find) => {
        const model = await find(card.id, variant);
        return model?.card.revision === card.revision ? model : undefined;
      },
      pull: (context, places) => pullCard(context, places, card, wantedVariants(card, variant), source),
    };
  }
  return unlistedTarget(reference, settingsOf);
}

function unlistedTarget(reference: Reference, settingsOf: (id: string) => StoredModelSettings): PullTarget {
  if (reference.source === undefined && !reference.id.includes('/')) {
    throw new LocalLiteError(
      'model_not_found',
      `there is no model named ${JSON.stringify(reference.id)} in the catalogue; a model of the hub is named owner/name`,
      {
        param: 'model',
      },
    );
  }
  const id = referenceId(reference);
  const own = settingsOf(id);
  const variant = reference.variant ?? own.variant;
  const address = { kind: reference.source ?? 'hub', id: reference.id, revision: reference.revision } as const;
  const overrides: CardOverrides = {
    pooling: own.pooling,
    normalize: own.normalize,
    maxTokens: own.max_tokens,
    dimensions: own.dimensions,
    queryPrompt: own.query_prompt,
    passagePrompt: own.passage_prompt,
  };
  return {
    id,
    key: JSON.stringify([address, variant]),
    installed: async (find) => {
      const model = await find(id, variant);
      if (model === undefined) return undefined;
      const from = addressOf(model.source);
      const same =
        from.kind === address.kind && from.id === address.id && (address.revision === undefined || address.revision === from.revision);
      return same ? model : undefined;
    },
    pull: (context, places) => pullUnlisted(context, places, { id, address, variant, overrides }),
  };
}

/** The pinned variant first, then the card's order. */
function byPreference(manifests: readonly Manifest[]): readonly Manifest[] {
  const rank = (manifest: Manifest): number =>
    manifest.pinned ? -1 : manifest.card.variants.findIndex(({ name }) => name === manifest.variant);
  return [...manifests].sort((a, b) => rank(a) - rank(b));
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
