import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LocalLiteError } from '../errors.ts';
import { openArchive } from './archive.ts';
import { type CardOverrides, cardFromFiles } from './bundle.ts';
import type { ModelCard, ModelFile, ModelSource } from './card.ts';
import { ensureFolder } from './disk.ts';
import { fetchArchive, type PullContext, partialFolder } from './fetch-variant.ts';
import type { Manifest } from './manifest.ts';
import { closePlan, type Places, pullCard, wantedVariants } from './pull.ts';
import { formatReference } from './reference.ts';
import { SourceFailure } from './sources/failure.ts';
import type { ExpectedContent, SourceAddress, SourceKind, SourcePlan } from './sources/source.ts';

export type { CardOverrides } from './bundle.ts';

/** A model that no card of the catalogue describes. */
export interface UnlistedModel {
  readonly id: string;
  readonly address: SourceAddress;
  readonly variant: string | undefined;
  readonly overrides: CardOverrides;
}

/** Longest configuration or tokenizer file that is read into memory. */
const MAX_TEXT_BYTES = 64 * 1024 * 1024;

/** What a source has, readable before anything is installed. */
interface Contents {
  readonly revision: string | undefined;
  readonly paths: readonly string[];
  /** Promised size and hash of a file. */
  expected(path: string): ExpectedContent;
  read(path: string): Promise<string | undefined>;
}

/**
 * Makes a card from the model's own files and installs it.
 * @throws LocalLiteError model_unsupported, model_not_found, model_fetch_failed, offline, disk_full, cancelled
 */
export async function pullUnlisted(context: PullContext, places: Places, model: UnlistedModel): Promise<Manifest> {
  const { plan, cached } = await listed(context, places, model);
  let card: ModelCard;
  try {
    card = await cardOf(model, plan, await contentsOf(context, model, plan));
  } finally {
    await closePlan(plan);
  }
  const variants = wantedVariants(card, model.variant);
  context.meter.restart();
  return pullCard(context, cached ? { ...places, offline: true } : places, card, variants, model.address.kind);
}

async function listed(context: PullContext, places: Places, model: UnlistedModel): Promise<{ plan: SourcePlan; cached: boolean }> {
  const { address } = model;
  const source = places.sources.get(address.kind);
  if (source === undefined) throw new LocalLiteError('internal', `there is no source ${address.kind}`);
  try {
    if (source.remote && places.offline) throw new SourceFailure('offline', `${model.id} is not installed, and offline mode is on`);
    return { plan: await source.list(address, context.signal), cached: false };
  } catch (error) {
    const cached = address.kind === 'hub' && SourceFailure.isFailure(error) ? await places.cache.list(address) : undefined;
    if (cached !== undefined) return { plan: cached, cached: true };
    throw unlistedFailure(model, error);
  }
}

function unlistedFailure({ id, address }: UnlistedModel, error: unknown): unknown {
  if (!SourceFailure.isFailure(error) || error.kind === 'offline') return error;
  const what = `${address.kind}:${address.id}${address.revision === undefined ? '' : `@${address.revision}`}`;
  const code = error.kind === 'missing' ? 'model_not_found' : 'model_fetch_failed';
  const wait = error.retryAfterSeconds;
  return new LocalLiteError(code, `${id} could not be fetched. Tried ${what}: ${error.message}`, {
    cause: error,
    ...(wait === undefined ? {} : { retryAfterSeconds: wait }),
  });
}

async function contentsOf(context: PullContext, model: UnlistedModel, plan: SourcePlan): Promise<Contents> {
  if (plan.kind === 'archive') return archiveContents(context, model, plan);
  if (plan.kind === 'folder') {
    const byPath = new Map(plan.files.map((file) => [file.path, file]));
    const read = async (path: string) => {
      const file = byPath.get(path);
      return file === undefined ? undefined : readFile(file.location, 'utf8');
    };
    return { revision: plan.revision, paths: [...byPath.keys()], expected: () => ({}), read };
  }
  const byPath = new Map(plan.files.map((file) => [file.path, file]));
  const texts = new Map<string, Promise<string>>();
  const read = async (path: string): Promise<string | undefined> => {
    const file = byPath.get(path);
    if (file === undefined) return undefined;
    const text = texts.get(path) ?? plan.client.text(file.url, { signal: context.signal }).then((answer) => answer.text);
    texts.set(path, text);
    return text;
  };
  return { revision: plan.revision, paths: [...byPath.keys()], expected: (path) => byPath.get(path) ?? {}, read };
}

async function archiveContents(
  context: PullContext,
  model: UnlistedModel,
  plan: Extract<SourcePlan, { kind: 'archive' }>,
): Promise<Contents> {
  const archive = openArchive(await fetchArchive(context, model.id, plan), plan.format, context.disk);
  const entries = await archive.list(context.signal);
  const small = entries.filter(({ path, bytes }) => path.endsWith('.json') && bytes <= MAX_TEXT_BYTES);
  const folder = join(partialFolder(context, model.id), 'texts');
  await ensureFolder(folder);
  const targets = new Map(small.map(({ path }, index) => [path, join(folder, index.toString())]));
  await archive.extract(targets, context.signal);
  const read = async (path: string): Promise<string | undefined> => {
    const target = targets.get(path);
    return target === undefined ? undefined : readFile(target, 'utf8');
  };
  const bytes = new Map(entries.map((entry) => [entry.path, entry.bytes]));
  return { revision: plan.revision, paths: entries.map(({ path }) => path), expected: (path) => ({ bytes: bytes.get(path) }), read };
}

/** Packages keep a model in some folder of their own: the one above its tokenizer and its graph or weights. */
function modelRoot(id: string, paths: readonly string[], kind: SourceKind): string {
  if (kind === 'hub' || kind === 'https') return '';
  const roots = paths.flatMap((path) => (/(^|\/)config\.json$/.test(path) ? [path.slice(0, -'config.json'.length)] : []));
  const whole = roots.filter(
    (root) =>
      paths.some((path) => path.startsWith(root) && /\.(onnx|safetensors)$/.test(path)) &&
      paths.some((path) => path.startsWith(root) && path.endsWith('tokenizer.json')),
  );
  const outermost = whole.filter((root) => !whole.some((other) => other !== root && root.startsWith(other)));
  if (outermost.length > 1) {
    throw new LocalLiteError(
      'model_unsupported',
      `${id} holds several models (${outermost.join(', ')}); LocalLite takes a package with one`,
      { param: 'model' },
    );
  }
  return outermost[0] ?? '';
}

async function cardOf(model: UnlistedModel, plan: SourcePlan, contents: Contents): Promise<ModelCard> {
  const root = modelRoot(model.id, contents.paths, model.address.kind);
  const inside = contents.paths.filter((path) => path.startsWith(root)).map((path) => path.slice(root.length));
  const revision = contents.revision ?? model.address.revision ?? 'local';
  const { kind, id } = model.address;
  const versioned = kind === 'hub' || kind === 'npm' || kind === 'pypi';
  const source = formatReference({ source: kind, id, revision: versioned ? revision : undefined, variant: undefined });
  const card = await cardFromFiles(model.id, revision, (path) => contents.read(root + path), inside, { ...model.overrides, source });
  const integrity = plan.kind === 'archive' ? plan.archive.integrity : undefined;
  const completed = (from: ModelSource): ModelSource => ({
    ...from,
    ...(integrity === undefined ? {} : { integrity }),
    files: from.files.map((file) => completedFile(file, root, contents.expected(root + file.path))),
  });
  return { ...card, variants: card.variants.map((variant) => ({ ...variant, sources: variant.sources.map(completed) })) };
}

/** Puts the file under its place in the source, and what the source promises of it. */
function completedFile(file: ModelFile, root: string, expected: ExpectedContent): ModelFile {
  const { bytes, sha256 } = expected;
  return {
    path: root + file.path,
    ...(root === '' && file.as === undefined ? {} : { as: file.as ?? file.path }),
    ...(bytes === undefined ? {} : { bytes }),
    ...(sha256 === undefined ? {} : { sha256 }),
  };
}
