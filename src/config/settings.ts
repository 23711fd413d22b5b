import { availableParallelism, homedir, totalmem } from 'node:os';
import { join } from 'node:path';
import envPaths from 'env-paths';
import type { Environment } from './environment.ts';
import { type ModelSettings, modelSettingsSchema, PROVIDER_WORDS } from './model-settings.ts';
import {
  autoOrSome,
  bytes,
  choice,
  duration,
  fraction,
  hostName,
  list,
  map,
  packageName,
  path,
  readAddressRange,
  readHostName,
  readOrigin,
  text,
  toggle,
  type ValueKind,
  webAddress,
  whole,
} from './values.ts';

/** Sections of `--help` and of the settings page, in this order. */
export const GROUPS = ['Server', 'Access', 'Limits', 'Models', 'Inference', 'Documents', 'Search', 'Downloads', 'Logging'] as const;
export type Group = (typeof GROUPS)[number];

/** One row of the table: all that is known of a setting. */
export interface Setting<T> {
  readonly kind: ValueKind<T>;
  readonly group: Group;
  /** One or two sentences, without a full stop at the end of the last. */
  readonly help: string;
  /** The default, computed from the environment where it depends on the machine. */
  readonly fallback: (environment: Environment) => T;
  /** How the default reads where it depends on the machine. */
  readonly fallbackNote?: string;
  /** Never shown, logged or echoed. */
  readonly secret?: boolean;
  /** Another name of the variable, as good as the first. */
  readonly alias?: string;
  /** Variables of other tools that count when ours are not set, best first. */
  readonly borrowed?: readonly string[];
}

type Extras = Partial<Pick<Setting<unknown>, 'fallbackNote' | 'secret' | 'alias' | 'borrowed'>>;

function setting<T>(
  group: Group,
  kind: ValueKind<T>,
  fallback: T | ((environment: Environment) => T),
  help: string,
  extras: Extras = {},
): Setting<T> {
  const compute = (environment: Environment): T => (isComputed(fallback) ? fallback(environment) : fallback);
  return { kind, group, help, fallback: compute, ...extras };
}

function isComputed<T>(fallback: T | ((environment: Environment) => T)): fallback is (environment: Environment) => T {
  return typeof fallback === 'function';
}

function optional<T>(group: Group, kind: ValueKind<T>, help: string, extras: Extras = {}): Setting<T | undefined> {
  const schema = kind.schema.optional();
  return {
    ...setting<T | undefined>(
      group,
      { ...kind, schema, show: (value) => (value === undefined ? '' : kind.show(value)) },
      undefined,
      help,
      extras,
    ),
  };
}

/** Half of the memory this process may use: of the container's limit where there is one. */
function halfOfMemory(): number {
  const limit = process.constrainedMemory();
  return Math.floor((limit > 0 ? Math.min(limit, totalmem()) : totalmem()) / 2);
}

/** Where the Hugging Face libraries keep their downloads, by the same variables in the same order. */
function huggingFaceCache(environment: Environment): string {
  const home = environment['HF_HOME'] || join(environment['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'huggingface');
  return join(home, 'hub');
}

const providers = autoOrSome(PROVIDER_WORDS);
const modelName = text('the name of a model', 'model', /^[^\s\p{Cc}]+$/u);
const key = text('a key without blanks', 'key', /^[\x21-\x7e]+$/);

/**
 * The one table of settings. A key `a.b_c` is the path in the settings file, the variable `LOCALLITE_A_B_C` and the flag `--a-b-c`;
 * defaults, checks, `--help`, `locallite config` and the settings page all come from here.
 */
const SETTINGS = {
  host: setting('Server', hostName(), '127.0.0.1', 'Address to listen on. Any other than loopback needs a key'),
  port: setting('Server', whole(0, 65_535), 11_435, 'Port to listen on; 0 takes a free one and prints it'),
  home: setting('Server', path('the path of a folder'), () => envPaths('locallite', { suffix: '' }).data, 'Folder for models and state', {
    fallbackNote:
      "the user's data folder: $XDG_DATA_HOME/locallite or ~/.local/share/locallite on Linux, ~/Library/Application Support/locallite on macOS, %LOCALAPPDATA%\\locallite\\Data on Windows",
  }),
  unknown_fields: setting(
    'Server',
    choice(['refuse', 'warn']),
    'refuse',
    'What to do with a request field that no wire format knows: refuse the request, or run it and name the field in the answer',
  ),
  'wire.tei.auto_truncate': setting(
    'Server',
    toggle(),
    true,
    "Whether the routes of TEI's API cut a text that is too long for the model when the request does not say; the answer says how much was cut",
  ),
  'shutdown.grace': setting('Server', duration(), 15, 'Time that running requests get to finish after the first signal to stop'),
  'tls.cert': optional(
    'Server',
    path('the path of a PEM file'),
    'Certificate chain (PEM); together with `tls.key` the gateway speaks HTTPS',
  ),
  'tls.key': optional('Server', path('the path of a PEM file'), 'Private key (PEM) of `tls.cert`'),

  api_key: optional(
    'Access',
    key,
    'Key that clients must send as `Authorization: Bearer …`, with every scope. Prefer the variable or the file: a flag is visible to other users of the machine',
    { secret: true },
  ),
  api_keys_file: optional(
    'Access',
    path('the path of a file'),
    'File with named and scoped keys, kept apart from those of `locallite keys`',
  ),
  allow_unauthenticated: setting(
    'Access',
    toggle(),
    false,
    'Serve other machines, or every web page, without any key. Say it only when something else guards the port',
  ),
  allowed_hosts: setting(
    'Access',
    list('host names without scheme and port', 'host', readHostName),
    [],
    'Names that the `Host` header may carry besides loopback and the bound address',
  ),
  'cors.origins': setting(
    'Access',
    list('origins such as https://app.example.com, or *', 'origin', readOrigin),
    [],
    'Origins of web pages that may call the gateway from a browser',
  ),
  trusted_proxies: setting(
    'Access',
    list('IP addresses or ranges such as 10.0.0.0/8', 'address', readAddressRange),
    [],
    'Reverse proxies whose `Forwarded` and `X-Forwarded-*` headers are believed',
  ),

  'limits.body_bytes': setting('Limits', bytes(1024), 32 * 2 ** 20, 'Largest request body, after decompression'),
  'limits.inputs': setting('Limits', whole(1, 1_000_000), 2048, 'Most inputs in one request'),
  'limits.input_bytes': setting('Limits', bytes(1), 4 * 2 ** 20, 'Largest single input, in bytes of UTF-8'),
  'limits.connections': setting('Limits', whole(1, 1_000_000), 1024, 'Most open connections'),
  'limits.header_timeout': setting('Limits', duration({ minimum: 0.1 }), 10, 'Time for the headers of a request to arrive'),
  'limits.body_timeout': setting('Limits', duration({ minimum: 0.1 }), 60, 'Time for a whole request to arrive'),
  'limits.upload_timeout': setting(
    'Limits',
    duration({ minimum: 1 }),
    3600,
    'Longest time for an upload to arrive, however steadily it comes',
  ),
  'limits.requests_per_minute': setting(
    'Limits',
    whole(0, 100_000_000),
    0,
    'Requests a minute for each key, or for each address where there are no keys; 0 sets no limit',
  ),
  'queue.max_tokens': setting(
    'Limits',
    whole(1, 1_000_000_000),
    1_000_000,
    'Tokens that may wait for a worker before requests are turned away as overloaded',
  ),

  'default_models.embed': setting(
    'Models',
    modelName,
    'all-MiniLM-L6-v2',
    'Model for requests that name none; `serve` fetches it when it is missing',
    { alias: 'LOCALLITE_DEFAULT_EMBEDDING_MODEL' },
  ),
  'default_models.rerank': setting('Models', modelName, 'ms-marco-MiniLM-L6-v2', 'Model for rerank requests that name none'),
  'default_models.sparse': setting('Models', modelName, 'Splade_PP_en_v1', 'Model for requests for sparse vectors that name none'),
  'default_models.multi': setting(
    'Models',
    modelName,
    'answerai-colbert-small-v1',
    'Model for requests for one vector a token (late interaction) that name none',
  ),
  aliases: setting(
    'Models',
    map('names of your own, each with the name of a model', /^[^\s\p{Cc}]+$/u, modelName.schema),
    {},
    'Names of your own for models, e.g. `gpt-4o-mini: all-MiniLM-L6-v2`',
  ),
  models: setting(
    'Models',
    map<ModelSettings>('model names, each with its own settings', /^[^\s\p{Cc}]+$/u, modelSettingsSchema),
    {},
    'Settings of single models, by id or alias',
  ),
  auto_pull: setting('Models', toggle(), false, 'Fetch a model that a request names and that is not installed'),
  'convert.precision': setting(
    'Models',
    choice(['auto', 'fp32', 'int8', 'q4']),
    'auto',
    'What to make of published weights when a model is first used; `auto` is int8 where it holds to full precision and is faster, else fp32. What has been chosen for a model stays',
  ),
  'convert.fidelity_floor': setting(
    'Models',
    fraction(),
    0.995,
    'Mean cosine to full precision under which a variant is never chosen by itself; it still runs when it is named',
  ),
  'convert.timeout': setting(
    'Models',
    duration({ minimum: 1 }),
    600,
    'Time without a sign of progress after which a conversion counts as hung',
  ),
  keep_alive: setting(
    'Models',
    duration({ forever: true }),
    300,
    'Time a model stays in memory after its last request; 0 unloads at once, -1 never',
  ),
  memory_budget: setting(
    'Models',
    bytes(2 ** 20),
    halfOfMemory,
    'Memory that loaded models may take together before idle ones are unloaded',
    { fallbackNote: 'half of the memory of the machine or container' },
  ),

  providers: setting('Inference', providers, 'auto', 'Execution providers in the order of preference'),
  provider_policy: setting(
    'Inference',
    choice(['prefer', 'require']),
    'prefer',
    'Whether to go on with the next provider when a wanted one cannot run, or to fail',
  ),
  threads: setting('Inference', whole(1, 4096), () => availableParallelism(), 'Cores used for inference, all models together', {
    fallbackNote: 'all available cores',
  }),
  'batch.max_padded_tokens': setting(
    'Inference',
    whole(1, 10_000_000),
    4096,
    'Most tokens in one batch, padding included; bounds the memory of a worker',
  ),
  'batch.bulk_above': setting(
    'Inference',
    whole(0, 1_000_000),
    32,
    'A request with more inputs than this gives way to smaller ones, unless it names its priority',
  ),
  'batch.max_wait': setting(
    'Inference',
    duration({ unit: 'milliseconds' }),
    2000,
    'Longest time that bulk work is overtaken by interactive work',
  ),
  'inference.timeout': setting(
    'Inference',
    duration({ minimum: 0.1 }),
    120,
    'Time after which a running batch counts as hung and its worker is replaced',
  ),
  'inference.load_timeout': setting('Inference', duration({ minimum: 0.1 }), 120, 'Time for a model to load'),
  'runtime.package': optional(
    'Inference',
    packageName(),
    'Another build of onnxruntime-node, e.g. one for an NPU: name of a package or path of its folder',
  ),
  'runtime.provider_library': optional(
    'Inference',
    path('the path of a library'),
    'Library of an execution provider that is loaded as a plug-in',
  ),

  'documents.workers': setting(
    'Documents',
    whole(1, 64),
    () => Math.max(1, Math.floor(availableParallelism() / 2)),
    'Processes that parse documents',
    { fallbackNote: 'half of the available cores' },
  ),
  'documents.timeout': setting('Documents', duration({ minimum: 1 }), 300, 'Longest time that one document may be parsed'),
  'documents.memory': setting('Documents', bytes(128 * 2 ** 20), 2 ** 30, 'Most memory of a process that parses'),
  'documents.max_pages': setting(
    'Documents',
    whole(1, 1_000_000),
    5000,
    'Pages of one document that are read; what is behind them is left out with a warning',
  ),
  'documents.max_inflated_bytes': setting(
    'Documents',
    bytes(2 ** 20),
    2 ** 29,
    'Most bytes that a document may inflate to, all of its parts together',
  ),
  'documents.max_nesting': setting('Documents', whole(0, 20), 5, 'How deep archives and mails may be inside each other'),
  'documents.max_parts': setting('Documents', whole(1, 1_000_000), 10_000, 'Most attachments and members of archives in one document'),
  'documents.soffice': optional(
    'Documents',
    { ...text('off, or the path of soffice', 'path'), path: 'marked' },
    'LibreOffice, which DOC and PPT files are read with: path of soffice; absent: looked for in PATH and where installers put it; off: not used',
  ),
  'documents.docling.url': optional(
    'Documents',
    webAddress(),
    'Docling server (docling-serve) that reads documents in place of this machine; what it does not read is read here',
  ),
  'documents.docling.api_key': optional('Documents', key, 'Key of the Docling server', { secret: true }),
  'ocr.engine': setting(
    'Documents',
    choice(['auto', 'ppocr', 'tesseract', 'off']),
    'auto',
    'What reads text in images and scanned pages; `auto` is PP-OCR, or an installed tesseract where its model cannot be had',
  ),
  'ocr.model': setting('Documents', modelName, 'PP-OCRv6', 'Model that PP-OCR reads with; fetched when the first image comes'),
  'ocr.dpi': setting('Documents', whole(72, 600), 200, 'Resolution at which pages are drawn to be read, dots an inch'),
  'chunk.max_tokens': setting('Documents', whole(16, 100_000), 256, 'Most tokens of a chunk, never more than the embedding model reads'),
  'chunk.overlap_tokens': setting('Documents', whole(0, 50_000), 32, 'Tokens that neighbouring chunks share'),
  'chunk.min_tokens': setting('Documents', whole(0, 50_000), 48, 'Chunks smaller than this join a neighbour under the same heading'),
  'chunk.context_header': setting('Documents', toggle(), true, 'Embed a chunk together with the title and headings above it'),
  enrich: setting(
    'Documents',
    list('names of enrichers', 'name', (value) => (/^[a-z_]+$/.test(value) ? value : undefined)),
    ['language', 'entities', 'duplicates'],
    'What is found out about documents when they are ingested: language, entities (with pii), duplicates, keywords, summary; with a chat model also title, chat_summary, questions, context',
  ),
  'ingest.roots': setting(
    'Documents',
    list('paths of folders', 'folder', (value) => value),
    [],
    'Folders on this machine that requests may ingest from',
  ),
  'ingest.allow_private_addresses': setting('Documents', toggle(), false, 'Fetch documents from loopback and private addresses too'),
  'ingest.url_timeout': setting('Documents', duration({ minimum: 0.1 }), 60, 'Longest time to fetch a document'),
  'limits.upload_bytes': setting('Limits', bytes(1024), 512 * 2 ** 20, 'Largest uploaded or fetched file'),

  'search.mode': setting(
    'Search',
    choice(['hybrid', 'dense', 'text']),
    'hybrid',
    'How a search that does not say looks: by meaning, by words, or by both',
  ),
  'search.fusion': setting('Search', choice(['weighted', 'rrf']), 'weighted', 'How both sides of a hybrid search become one order'),
  'search.dense_weight': setting('Search', fraction(), 0.5, 'Share of the dense side in weighted fusion'),
  'search.rerank': optional('Search', modelName, 'Reranker for searches that name none; absent: none'),
  'search.exact_below': setting(
    'Search',
    whole(0, 100_000_000),
    20_000,
    'Collections with fewer chunks are searched exactly, without a graph',
  ),
  'search.memory': setting(
    'Search',
    bytes(2 ** 20),
    2 ** 31,
    'Memory of search indexes beyond which those of collections that were not asked for lately are let go',
  ),

  offline: setting('Downloads', toggle(), false, 'Open no connection except to loopback and look up no names', {
    borrowed: ['HF_HUB_OFFLINE'],
  }),
  'hub.endpoint': setting('Downloads', webAddress(), 'https://huggingface.co', 'Address of the Hugging Face hub or a mirror', {
    borrowed: ['HF_ENDPOINT'],
  }),
  'hub.token': optional('Downloads', key, 'Token for gated and private models; sent to `hub.endpoint` only', {
    secret: true,
    borrowed: ['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN'],
  }),
  'hub.cache': setting(
    'Downloads',
    path('the path of a folder'),
    huggingFaceCache,
    'Hugging Face cache that is read before anything is downloaded',
    {
      borrowed: ['HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE'],
      fallbackNote: 'where the Hugging Face libraries keep it: $HF_HOME/hub, $XDG_CACHE_HOME/huggingface/hub or ~/.cache/huggingface/hub',
    },
  ),
  'download.connections': setting('Downloads', whole(1, 32), 4, 'Connections for one download'),
  'download.retries': setting('Downloads', whole(0, 100), 5, 'Tries after a failed one, with growing pauses'),
  'download.timeout': setting(
    'Downloads',
    duration({ minimum: 0.1 }),
    30,
    'Time without a single byte after which a connection is given up',
  ),

  'log.level': setting('Logging', choice(['debug', 'info', 'warn', 'error', 'silent']), 'info', 'Least important lines to log'),
  'log.format': setting(
    'Logging',
    choice(['auto', 'json', 'pretty']),
    'auto',
    'JSON lines, or readable ones; `auto` is readable on a terminal and JSON elsewhere',
  ),
} as const;

/** The dotted name of a setting. */
export type SettingKey = keyof typeof SETTINGS;

/** Every key of the table, in its order. */
export const SETTING_KEYS: readonly SettingKey[] = Object.keys(SETTINGS).filter(isSettingKey);

/** True for a key of the table. */
export function isSettingKey(name: string): name is SettingKey {
  return Object.hasOwn(SETTINGS, name);
}

/** The row of a key, when the type of its value does not matter. */
export function settingOf(name: SettingKey): Setting<unknown> {
  return SETTINGS[name] as Setting<unknown>;
}

/** The type of one setting's value. */
type SettingValue<K extends SettingKey> = (typeof SETTINGS)[K] extends Setting<infer T> ? T : never;

type Flat = { readonly [K in SettingKey]: SettingValue<K> };
type Head<K> = K extends `${infer Section}.${string}` ? Section : K;
type Tail<K, Section extends string> = K extends `${Section}.${infer Rest}` ? Rest : never;
type Member<Section extends string> = Head<Tail<SettingKey, Section>> & string;
type SectionOf<Section extends string> = {
  readonly [M in Member<Section>]: `${Section}.${M}` extends SettingKey ? Flat[`${Section}.${M}`] : SectionOf<`${Section}.${M}`>;
};

/** All settings, checked, nested exactly as in the settings file. Sizes are bytes; times are seconds, `batch.max_wait` milliseconds. */
export type Config = { readonly [H in Head<SettingKey>]: H extends SettingKey ? Flat[H] : SectionOf<H> };

type Loose<T> = T extends number ? number | string : T;
type LooseSection<Section extends string> = {
  readonly [M in Member<Section>]?:
    | (`${Section}.${M}` extends SettingKey ? Loose<Flat[`${Section}.${M}`]> : LooseSection<`${Section}.${M}`>)
    | undefined;
};

/** What in-process callers may give: any part of {@link Config}; sizes and times may be text such as `4GB` or `5m`. */
export type ConfigOptions = {
  readonly [H in keyof Config]?: (H extends SettingKey ? Loose<Config[H]> : LooseSection<H>) | undefined;
};
