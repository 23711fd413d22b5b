import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalLiteError } from '../../src/errors.ts';
import { cardSchema, type ModelCard, type ModelFile, type ModelSource } from '../../src/models/card.ts';
import { createCatalog } from '../../src/models/catalog.ts';
import { createModelStore, type StoreOptions } from '../../src/models/store.ts';
import type { ModelStore } from '../../src/models/store-types.ts';
import { silentTelemetry } from '../../src/telemetry/create-telemetry.ts';

export const sha256Of = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Files of a "model" of random bytes, the graph's weights the largest by far. */
export function randomModel(weightBytes = 300_000): Record<string, Buffer> {
  return {
    'config.json': Buffer.from('{"model_type":"bert","hidden_size":8}'),
    'tokenizer.json': Buffer.from(JSON.stringify({ model: { type: 'WordPiece', salt: randomBytes(8).toString('hex') } })),
    'onnx/model.onnx': randomBytes(2000),
    'onnx/model.onnx_data': randomBytes(weightBytes),
  };
}

/** The files as a card lists them, with length and hash unless told otherwise. */
export function cardFiles(
  files: Readonly<Record<string, Buffer>>,
  options: { readonly pinned?: boolean; readonly folder?: string } = {},
): ModelFile[] {
  const { pinned = true, folder = '' } = options;
  return Object.entries(files).map(([path, bytes]) => ({
    path: folder + path,
    ...(folder === '' ? {} : { as: path }),
    ...(pinned ? { bytes: bytes.length, sha256: sha256Of(bytes) } : {}),
  }));
}

/** A card with one variant a list of sources, named `fp32`, `q4`, … */
export function testCard(id: string, variants: Readonly<Record<string, readonly ModelSource[]>>, revision = 'main'): ModelCard {
  return cardSchema.parse({
    id,
    alias: id.split('/')[1],
    task: 'embed',
    modality: 'text',
    license: 'apache-2.0',
    revision,
    dimensions: 8,
    maxTokens: 16,
    pooling: 'mean',
    normalize: true,
    prompts: { query: '', passage: '' },
    variants: Object.entries(variants).map(([name, sources]) => ({
      name,
      dtype: name === 'q4' ? 'q4' : 'fp32',
      onnx: 'onnx/model.onnx',
      batchInvariant: true,
      sources,
    })),
  });
}

export interface TestStoreOptions extends Omit<Partial<StoreOptions>, 'settings' | 'catalog'> {
  readonly home: string;
  readonly cards?: readonly ModelCard[];
  readonly endpoint?: string;
  readonly token?: string;
  readonly cache?: string;
  readonly offline?: boolean;
  readonly timeout?: number;
  readonly retries?: number;
  readonly connections?: number;
  readonly models?: StoreOptions['settings']['models'];
}

/** A store for tests: an unreachable hub unless one is given, short pauses, nothing from this machine's configuration. */
export function testStore(options: TestStoreOptions): ModelStore {
  const {
    home,
    cards = [],
    endpoint = 'http://127.0.0.1:9',
    token,
    cache,
    offline = false,
    timeout = 30,
    retries = 3,
    connections = 1,
    models,
    ...rest
  } = options;
  return createModelStore({
    home,
    catalog: createCatalog(cards, []),
    settings: { offline, hub: { endpoint, token, cache }, download: { connections, retries, timeout }, models },
    environment: {},
    telemetry: silentTelemetry(),
    transfer: { firstPauseMs: 10 },
    ...rest,
  });
}

/** A folder that goes away with the test file. */
export async function temporaryFolder(cleanUps: (() => Promise<void>)[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'locallite-store-'));
  cleanUps.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The named error a promise ends with; anything else fails the test. */
export async function refusal(promise: Promise<unknown>): Promise<LocalLiteError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!LocalLiteError.is(error)) throw new Error(`expected a named error, got ${String(error)}`);
  return error;
}
