import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load.ts';
import type { ConfigOptions } from '../../src/config/settings.ts';
import { LocalLiteError } from '../../src/errors.ts';
import type {
  EmbedRequest,
  EmbedResult,
  Gateway,
  Job,
  LoadedModel,
  ModelSummary,
  MultiRequest,
  MultiResult,
  RerankRequest,
  RerankResult,
  SparseRequest,
  SparseResult,
  TaskResult,
} from '../../src/gateway/gateway-types.ts';
import type { KeyInfo, Keys } from '../../src/gateway/keys.ts';
import { LazyCollections } from '../../src/gateway/lazy-collections.ts';
import { createAccess } from '../../src/http/access.ts';
import { type App, createApp } from '../../src/http/server.ts';
import type { InstalledModel } from '../../src/models/store-types.ts';
import { silentTelemetry } from '../../src/telemetry/create-telemetry.ts';
import type { Telemetry } from '../../src/telemetry/telemetry.ts';

/*
 * The API over a hand-made gateway: for shapes and faults only. Its vectors say which input they belong to; nothing is inferred.
 */

export const MODEL = 'owner/mini';
const CONNECTION = { remoteAddress: '127.0.0.1', encrypted: false, localPort: 11435 };
const BASE = 'http://127.0.0.1:11435';
const SINCE = '2026-01-02T03:04:05.000Z';

export const LOADED: LoadedModel = {
  id: MODEL,
  variant: 'q4',
  space: 'a1b2',
  provider: 'cpu',
  rejected: [{ provider: 'cuda', reason: 'no such device' }],
  nodesByProvider: { cpu: 12 },
  workers: 2,
  memoryBytes: 1000,
  users: 0,
  idleMs: 5,
  expiresInMs: undefined,
  pinned: false,
  loadMs: 300,
  selfTest: { texts: 3, worstCosine: 0.999 },
};

const CARD: InstalledModel['card'] = {
  id: MODEL,
  alias: 'mini',
  task: 'embed',
  modality: 'text',
  license: 'apache-2.0',
  revision: 'abc',
  dimensions: 4,
  maxTokens: 16,
  pooling: 'mean',
  normalize: true,
  prompts: { query: 'query: ', passage: '' },
  matryoshka: [4, 2],
  languages: 'en',
  variants: [
    {
      name: 'q4',
      dtype: 'q4',
      onnx: 'model.onnx',
      batchInvariant: true,
      sources: [{ ref: 'file:/nowhere', files: [{ path: 'model.onnx' }] }],
      golden: [],
    },
  ],
  scores: { 'STS-B': 84 },
};

export function summary(installed: boolean): ModelSummary {
  const [variant] = CARD.variants;
  if (variant === undefined) throw new LocalLiteError('internal', 'the card has a variant');
  const onDisk: InstalledModel = {
    card: CARD,
    variant,
    source: 'npm:mini@1.0.0',
    directory: '/nowhere',
    files: [],
    bytes: 77,
    installedAt: SINCE,
  };
  return { id: MODEL, alias: 'mini', card: CARD, installed: installed ? onDisk : undefined, loaded: undefined };
}

export function job(id: string, state: Job['state'] = 'running'): Job {
  const progress = { phase: 'downloading', file: 'model.onnx', bytesDone: 5, bytesTotal: 10, bytesPerSecond: 2, etaSeconds: 2.5 } as const;
  return { id, kind: 'pull', subject: MODEL, state, progress, error: undefined, result: undefined, createdAt: SINCE, updatedAt: SINCE };
}

/** Vector of the n-th input: what it shows survives only if order, format and width do. */
export function vectorOf(index: number, dimensions = 4): Float32Array {
  return Float32Array.from({ length: dimensions }, (_unused, place) => Math.fround(Math.sin(index * 31 + place + 1)));
}

export function embedStub(request: EmbedRequest): EmbedResult {
  return {
    model: MODEL,
    space: 'a1b2',
    variant: 'q4',
    provider: 'cpu',
    vectors: request.input.map((_input, index) => vectorOf(index, request.dimensions)),
    promptTokens: 3 * request.input.length,
    truncatedTokens: request.input.map(() => 0),
    timings: { tokenizeMs: 1, queueMs: 2, inferMs: 3.25, totalMs: 6.5 },
  };
}

function taskStub(count: number): TaskResult {
  return {
    model: MODEL,
    variant: 'q4',
    provider: 'cpu',
    promptTokens: 3 * count,
    truncatedTokens: new Array<number>(count).fill(0),
    timings: { tokenizeMs: 1, queueMs: 2, inferMs: 3.25, totalMs: 6.5 },
  };
}

/** Logits 1, 2, 3 … in the order of the documents, so that the last one is the best. */
export function rerankStub(request: RerankRequest): RerankResult {
  const logits = Float32Array.from(request.documents, (_document, index) => index + 1);
  return { ...taskStub(request.documents.length), logits, scores: logits.map((logit) => 1 / (1 + Math.exp(-logit))) };
}

/** The n-th input has weight 0.5 at index n and 2 at index n + 10. */
export function sparseStub(request: SparseRequest): SparseResult {
  const vectors = request.input.map((_input, index) => ({ indices: Int32Array.of(index, index + 10), values: Float32Array.of(0.5, 2) }));
  return { ...taskStub(request.input.length), space: 'a1b2', vectors };
}

/** Two tokens of four dimensions an input. */
export function multiStub(request: MultiRequest): MultiResult {
  const vectors = request.input.map((_input, index) => ({ tokens: 2, dimensions: 4, data: vectorOf(index, 8) }));
  return { ...taskStub(request.input.length), space: 'a1b2', vectors };
}

export interface StubOptions {
  readonly settings?: ConfigOptions;
  readonly gateway?: Partial<Gateway>;
  readonly keys?: readonly KeyInfo[];
  readonly telemetry?: Telemetry;
  readonly stopping?: AbortSignal;
}

/** An API over the stub, and a way to call it without a socket. */
export interface StubApp extends App {
  readonly gateway: Gateway;
  call(method: string, path: string, body?: unknown, init?: RequestInit): Promise<Response>;
}

export function createStubApp(options: StubOptions = {}): StubApp {
  const home = join(tmpdir(), 'locallite-stub');
  const { config } = loadConfig({ options: { ...options.settings, home }, env: {}, folder: tmpdir() });
  const keys = stubKeys(options.keys ?? []);
  const gateway = { ...stubGateway(config, options.telemetry ?? silentTelemetry()), ...options.gateway };
  const app = createApp({
    gateway,
    keys,
    access: createAccess({ config, keys }),
    version: '1.2.3',
    ...(options.stopping === undefined ? {} : { stopping: options.stopping }),
  });
  return { ...app, gateway, call: (method, path, body, init) => app.fetch(requestFor(method, path, body, init), CONNECTION) };
}

/** A string is sent as it is, anything else as JSON. */
function requestFor(method: string, path: string, body?: unknown, init: RequestInit = {}): Request {
  const headers = new Headers(init.headers);
  if (!headers.has('host')) headers.set('host', '127.0.0.1:11435');
  if (body === undefined) return new Request(`${BASE}${path}`, { ...init, method, headers });
  if (!headers.has('content-type')) headers.set('content-type', 'application/json');
  return new Request(`${BASE}${path}`, { ...init, method, headers, body: typeof body === 'string' ? body : JSON.stringify(body) });
}

const noRetrieval = async (): Promise<never> => {
  throw new LocalLiteError('not_found', 'the stub has no files and no collections');
};

/** What a stub without a database answers; tests of these routes use a real one. */
function retrievalStub(): Pick<Gateway, 'documents' | 'files' | 'collections' | 'resumeJobs'> {
  return {
    documents: { parse: noRetrieval, chunk: noRetrieval, toMarkdown: () => '' },
    files: { add: noRetrieval, get: noRetrieval, list: noRetrieval, content: noRetrieval, remove: noRetrieval },
    collections: new LazyCollections(noRetrieval),
    resumeJobs: async () => undefined,
  };
}

function stubGateway(config: Gateway['config'], telemetry: Telemetry): Gateway {
  return {
    config,
    telemetry,
    models: {
      list: async (scope) =>
        scope === 'catalog' ? [summary(true), { ...summary(false), id: 'owner/other', alias: undefined }] : [summary(true)],
      async show(name) {
        if (name !== MODEL && name !== 'mini') throw new LocalLiteError('model_not_found', `no model ${name}`, { param: 'model' });
        return summary(true);
      },
      prepare: async () => undefined,
      pin: async () => undefined,
      load: async () => LOADED,
      unload: async () => undefined,
      remove: async () => ({ freedBytes: 77 }),
      verify: async () => [],
      loaded: () => [LOADED],
    },
    jobs: {
      startPull: () => job('job_1', 'queued'),
      startConvert: () => ({ ...job('job_1', 'queued'), kind: 'convert' }),
      get: (id) => (id === 'job_1' ? job(id) : undefined),
      list: () => [job('job_1')],
      cancel: (id) => job(id, 'cancelled'),
      pause: (id) => job(id, 'paused'),
      resume: (id) => job(id, 'running'),
      async *watch(id) {
        yield job(id, 'running');
        yield job(id, 'succeeded');
      },
    },
    aliases: {
      list: () => ({ mine: { target: MODEL, from: 'file' }, set: { target: MODEL, from: 'settings' } }),
      set: async () => undefined,
      remove: async (name) => name === 'mine',
    },
    ...retrievalStub(),
    embed: async (request) => embedStub(request),
    rerank: async (request) => rerankStub(request),
    embedSparse: async (request) => sparseStub(request),
    embedMulti: async (request) => multiStub(request),
    tokenize: async ({ input }) => ({
      model: MODEL,
      exact: true,
      counts: input.map(() => 2),
      tokens: input.map((text) => [
        { id: 101, token: '[CLS]', start: 0, end: 0 },
        { id: 7, token: text, start: 0, end: text.length },
      ]),
    }),
    detokenize: async ({ tokens }) => ({ model: MODEL, text: tokens.join(' ') }),
    ready: () => ({ ready: true, reason: undefined }),
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function stubKeys(list: readonly KeyInfo[]): Keys {
  return {
    any: () => list.length > 0,
    verify: (secret) => list.find((key) => `secret-${key.id}` === secret),
    list: () => list,
    create: async (name, scopes, requestsPerMinute) => ({ key: 'll_secret', info: keyInfo('key_2', name, scopes, requestsPerMinute) }),
    revoke: async (id) => list.some((key) => key.id === id),
    close: async () => undefined,
  };
}

export function keyInfo(id: string, name: string, scopes: KeyInfo['scopes'], requestsPerMinute?: number): KeyInfo {
  return { id, name, scopes, requestsPerMinute, createdAt: SINCE, lastUsedAt: undefined, from: 'home' };
}
