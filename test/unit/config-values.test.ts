import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { describeConfig, settingFlags, splitFlags, valueAt } from '../../src/config/describe.ts';
import { loadConfig } from '../../src/config/load.ts';
import { flagOf, keyOfFlag, ownVariables, variableOf } from '../../src/config/names.ts';
import { SETTING_KEYS, type SettingKey, settingOf } from '../../src/config/settings.ts';
import {
  autoOrSome,
  bytes,
  duration,
  readAddressRange,
  readHostName,
  readOrigin,
  text,
  toggle,
  type ValueKind,
  webAddress,
  whole,
} from '../../src/config/values.ts';

const folder = mkdtempSync(join(tmpdir(), 'locallite-config-values-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const word = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9_.-]{0,11}$/);
const someOf = <T>(...words: T[]) => fc.constantFrom(...words);
const addresses = fc.array(someOf('10.0.0.1', '10.0.0.0/8', 'fd00::/8', '::1'), { maxLength: 3 });
const file = word.map((name) => resolve('/', 'folder', name));
const seconds = fc.integer({ min: 1, max: 100_000 });

/** For each setting a value as it stands in YAML: typed, as a user would write it there. */
const VALUES: Readonly<Record<SettingKey, fc.Arbitrary<unknown>>> = {
  host: someOf('127.0.0.1', 'localhost', '::1', '127.8.8.8'),
  port: fc.integer({ min: 0, max: 65_535 }),
  home: file,
  unknown_fields: someOf('refuse', 'warn'),
  'wire.tei.auto_truncate': fc.boolean(),
  'shutdown.grace': seconds,
  'tls.cert': file,
  'tls.key': file,
  api_key: fc.stringMatching(/^[\x21-\x7e]{1,20}$/),
  api_keys_file: file,
  allow_unauthenticated: fc.boolean(),
  allowed_hosts: fc.array(someOf('a.test', '10.0.0.1', 'fd00::1'), { maxLength: 3 }),
  'cors.origins': fc.array(someOf('https://a.test', 'http://localhost:3000'), { maxLength: 3 }),
  trusted_proxies: addresses,
  'limits.body_bytes': fc.integer({ min: 1024, max: 2 ** 40 }),
  'limits.inputs': fc.integer({ min: 1, max: 1_000_000 }),
  'limits.input_bytes': fc.integer({ min: 1, max: 2 ** 40 }),
  'limits.connections': fc.integer({ min: 1, max: 1_000_000 }),
  'limits.header_timeout': seconds,
  'limits.body_timeout': seconds,
  'limits.upload_timeout': seconds,
  'limits.requests_per_minute': fc.integer({ min: 0, max: 1000 }),
  'queue.max_tokens': fc.integer({ min: 1, max: 1_000_000_000 }),
  'default_models.embed': word,
  'default_models.rerank': word,
  'default_models.sparse': word,
  'default_models.multi': word,
  aliases: fc.dictionary(word, word, { maxKeys: 3, noNullPrototype: true }),
  models: fc.dictionary(
    word,
    fc.record(
      { pinned: fc.boolean(), keep_alive: seconds, pooling: someOf('mean', 'cls'), query_prompt: fc.string() },
      { requiredKeys: [], noNullPrototype: true },
    ),
    { maxKeys: 3, noNullPrototype: true },
  ),
  auto_pull: fc.boolean(),
  'convert.precision': someOf('auto', 'fp32', 'int8', 'q4'),
  'convert.fidelity_floor': fc.integer({ min: 0, max: 1000 }).map((value) => value / 1000),
  'convert.timeout': seconds,
  keep_alive: fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: 100_000 })),
  memory_budget: fc.integer({ min: 2 ** 20, max: 2 ** 40 }),
  providers: fc.oneof(fc.constant('auto'), fc.uniqueArray(someOf('cpu', 'cuda', 'dml', 'qnn', 'coreml', 'webgpu'), { minLength: 1 })),
  provider_policy: someOf('prefer', 'require'),
  threads: fc.integer({ min: 1, max: 4096 }),
  'batch.max_padded_tokens': fc.integer({ min: 1, max: 10_000_000 }),
  'batch.bulk_above': fc.integer({ min: 0, max: 1_000_000 }),
  'batch.max_wait': seconds,
  'inference.timeout': seconds,
  'inference.load_timeout': seconds,
  'runtime.package': someOf('onnxruntime-node-qnn', '@vendor/ort', resolve('/opt/ort')),
  'runtime.provider_library': file,
  'documents.workers': fc.integer({ min: 1, max: 64 }),
  'documents.timeout': seconds,
  'documents.memory': fc.integer({ min: 2 ** 27, max: 2 ** 40 }),
  'documents.max_pages': fc.integer({ min: 1, max: 1_000_000 }),
  'documents.max_inflated_bytes': fc.integer({ min: 2 ** 20, max: 2 ** 40 }),
  'documents.max_nesting': fc.integer({ min: 0, max: 20 }),
  'documents.max_parts': fc.integer({ min: 1, max: 1_000_000 }),
  'documents.soffice': someOf('off', resolve('/opt/libreoffice/program/soffice')),
  'documents.docling.url': someOf('http://127.0.0.1:5001', 'https://docling.test/base'),
  'documents.docling.api_key': fc.stringMatching(/^[\x21-\x7e]{1,20}$/),
  enrich: fc.array(someOf('language', 'summary'), { maxLength: 2 }),
  'ocr.engine': someOf('auto', 'ppocr', 'tesseract', 'off'),
  'ocr.model': word,
  'ocr.dpi': fc.integer({ min: 72, max: 600 }),
  'chunk.max_tokens': fc.integer({ min: 16, max: 100_000 }),
  'chunk.overlap_tokens': fc.integer({ min: 0, max: 50_000 }),
  'chunk.min_tokens': fc.integer({ min: 0, max: 50_000 }),
  'chunk.context_header': fc.boolean(),
  'ingest.roots': fc.array(file, { maxLength: 2 }),
  'ingest.allow_private_addresses': fc.boolean(),
  'ingest.url_timeout': seconds,
  'limits.upload_bytes': fc.integer({ min: 1024, max: 2 ** 40 }),
  'search.mode': someOf('hybrid', 'dense', 'text'),
  'search.fusion': someOf('weighted', 'rrf'),
  'search.dense_weight': fc.integer({ min: 0, max: 1000 }).map((value) => value / 1000),
  'search.rerank': word,
  'search.exact_below': fc.integer({ min: 0, max: 100_000_000 }),
  'search.memory': fc.integer({ min: 2 ** 20, max: 2 ** 40 }),
  offline: fc.boolean(),
  'hub.endpoint': someOf('https://huggingface.co', 'http://127.0.0.1:8080/base'),
  'hub.token': fc.stringMatching(/^hf_[a-zA-Z0-9]{1,20}$/),
  'hub.cache': file,
  'download.connections': fc.integer({ min: 1, max: 32 }),
  'download.retries': fc.integer({ min: 0, max: 100 }),
  'download.timeout': seconds,
  'log.level': someOf('debug', 'info', 'warn', 'error', 'silent'),
  'log.format': someOf('auto', 'json', 'pretty'),
};

/** The other half of settings that must come in pairs. */
const partnerOf = (key: SettingKey): Record<string, unknown> => {
  if (key === 'tls.cert') return { tlsKey: 'k' };
  return key === 'tls.key' ? { tlsCert: 'c' } : {};
};

test.each(SETTING_KEYS)('%s means the same in a flag, a variable, a file and as an option', (key) => {
  const { kind } = settingOf(key);
  const flags = partnerOf(key);
  const settings = join(folder, 'settings.yaml');
  fc.assert(
    fc.property(VALUES[key], (value) => {
      const asText = kind.map ? JSON.stringify(value) : Array.isArray(value) ? value.join(',') : String(value);
      const nested = key.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as Record<string, unknown>;
      writeFileSync(settings, stringify(nested));
      const given = [
        loadConfig({ folder, file: false, flags: { ...flags, [flagOf(key)]: asText } }),
        loadConfig({ folder, file: false, flags, env: { [variableOf(key)]: asText } }),
        loadConfig({ folder, file: settings, flags }),
        loadConfig({ folder, file: false, flags, options: nested }),
      ].map((loaded) => valueAt(loaded.config, key));
      for (const one of given) expect(one).toEqual(value);
    }),
    { numRuns: 10 },
  );
});

test.each(SETTING_KEYS)('%s as it is shown is read back as the same value', (key) => {
  const { kind } = settingOf(key);
  fc.assert(
    fc.property(VALUES[key], (value) => {
      const parsed = kind.schema.parse(value);
      expect(kind.schema.parse(kind.show(parsed))).toEqual(parsed);
    }),
    { numRuns: 20 },
  );
});

test('no text, however odd, makes a check throw anything but a refusal', () => {
  const texts = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.json());
  fc.assert(
    fc.property(someOf(...SETTING_KEYS), fc.oneof(texts, fc.anything()), (key, raw) => {
      expect(settingOf(key).kind.schema.safeParse(raw)).toHaveProperty('success');
    }),
    { numRuns: 2000 },
  );
});

test('names are unambiguous', () => {
  const variables = SETTING_KEYS.flatMap(ownVariables);
  const flags = settingFlags().flatMap(({ flag, negative }) => (negative === undefined ? [flag] : [flag, negative]));
  expect(new Set(variables).size).toBe(variables.length);
  expect(new Set(flags).size).toBe(flags.length);
  for (const key of SETTING_KEYS) {
    expect(variableOf(key)).toMatch(/^LOCALLITE_[A-Z_]+$/);
    const camel = flagOf(key)
      .slice(2)
      .replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    expect([flagOf(key), flagOf(key).slice(2), camel, key].map(keyOfFlag)).toEqual([key, key, key, key]);
  }
});

test('every setting is explained', () => {
  for (const { key, help, argument, negative, env } of settingFlags()) {
    expect(help, key).toMatch(/^\p{Lu}.*[^.]$/u);
    expect(argument === '', key).toBe(negative !== undefined);
    expect(ownVariables(key)).toContain(env);
  }
});

const accepted = (kind: ValueKind<unknown>, raws: readonly unknown[]) => raws.map((raw) => kind.schema.parse(raw));
const refused = (kind: ValueKind<unknown>, raws: readonly unknown[]) => {
  for (const raw of raws) expect(kind.schema.safeParse(raw).success, JSON.stringify(raw)).toBe(false);
};

test('whole numbers', () => {
  expect(accepted(whole(-5, 10_000), ['7', ' 7 ', '1_000', '+3', '-5', 7, '7.0'])).toEqual([7, 7, 1000, 3, -5, 7, 7]);
  refused(whole(0, 10), ['', ' ', '1.5', 1.5, '11', -1, '0x5', '1e1', 'NaN', Number.NaN, Number.POSITIVE_INFINITY, true, null, [1], {}]);
});

test('switches', () => {
  expect(accepted(toggle(), ['true', 'YES', 'on', '1', 1, true])).toEqual(Array(6).fill(true));
  expect(accepted(toggle(), ['false', 'No', 'off', '0', 0, false])).toEqual(Array(6).fill(false));
  refused(toggle(), ['', 'y', 'enabled', 2, null, [], ['true'], {}]);
});

test('sizes', () => {
  expect(accepted(bytes(), ['4GB', '4GiB', '1.5 kb', '512', 512, '1mib', '3b', '2TB'])).toEqual([
    4e9,
    2 ** 32,
    1500,
    512,
    512,
    2 ** 20,
    3,
    2e12,
  ]);
  refused(bytes(), ['', '0', 0, -1, '4G', '4 gigabytes', '-4GB', '1e9', 1.5, 'GB', null, '99999999999TB']);
});

test('times', () => {
  expect(accepted(duration(), ['5m', '1h30m', '250ms', '30', 30, 1.5, '1.5s', '1d', '0'])).toEqual([
    300, 5400, 0.25, 30, 30, 1.5, 1.5, 86_400, 0,
  ]);
  expect(accepted(duration({ unit: 'milliseconds' }), ['2s', 250, '250ms'])).toEqual([2000, 250, 250]);
  expect(accepted(duration({ forever: true }), ['-1', -1, -300, '5m', 0])).toEqual([-1, -1, -1, 300, 0]);
  refused(duration(), ['', '-1', -1, '5 minutes', '5m 3', 'm', '1y', '30d', Number.NaN, Number.POSITIVE_INFINITY, null]);
});

test('provider lists', () => {
  const kind = autoOrSome(['cpu', 'cuda']);
  expect(accepted(kind, ['auto', 'AUTO', ['auto'], 'cuda, cpu', ['CUDA'], 'cpu'])).toEqual([
    'auto',
    'auto',
    'auto',
    ['cuda', 'cpu'],
    ['cuda'],
    ['cpu'],
  ]);
  refused(kind, ['', [], 'cpu,cpu', 'auto,cpu', 'gpu', 'cpu,', null, [1]]);
});

test('text', () => {
  expect(accepted(text(), [' a b '])).toEqual(['a b']);
  refused(text(), ['', '  ', 'a\nb', '\u0000', 5, true, null]);
});

test('web addresses', () => {
  expect(accepted(webAddress(), ['https://a.test/', 'http://a.test:8/b//'])).toEqual(['https://a.test', 'http://a.test:8/b']);
  refused(webAddress(), ['', 'a.test', 'ftp://a.test', 'https://u:p@a.test', 'https://a.test?x=1', 'https://a.test#x', null]);
});

test('origins', () => {
  expect(['*', 'https://A.test', 'https://a.test/', 'http://localhost:3000', 'https://a.test:443'].map(readOrigin)).toEqual([
    '*',
    'https://a.test',
    'https://a.test',
    'http://localhost:3000',
    undefined,
  ]);
  expect(['null', 'a.test', 'https://a.test/path', 'https://*.a.test/x', 'file:///x', ''].map(readOrigin)).toEqual(
    Array(6).fill(undefined),
  );
});

test('host names', () => {
  expect(['A.test', '[::1]', '::1', '10.0.0.1', 'my_host', 'a.test.'].map(readHostName)).toEqual([
    'a.test',
    '::1',
    '::1',
    '10.0.0.1',
    'my_host',
    'a.test',
  ]);
  expect(
    ['a.test:80', 'http://a', 'a b', '', '.', '999.1.1.1', '10.1', '*.a.test', '[a.test', `${'a'.repeat(254)}`, '-a'].map(readHostName),
  ).toEqual(Array(11).fill(undefined));
});

test('address ranges', () => {
  expect(['10.0.0.1', '10.0.0.0/8', '10.0.0.0/0', 'FD00::/128'].map(readAddressRange)).toEqual([
    '10.0.0.1',
    '10.0.0.0/8',
    '10.0.0.0/0',
    'fd00::/128',
  ]);
  expect(['10.0.0.0/33', '::/129', '10.0.0', 'a.test', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/-1'].map(readAddressRange)).toEqual(
    Array(7).fill(undefined),
  );
});

test('the description of a configuration masks secrets and names origins', () => {
  const loaded = loadConfig({
    folder,
    file: false,
    flags: { apiKey: 'sk-hidden' },
    env: { HF_TOKEN: 'hf_hidden', LOCALLITE_PROVIDERS: 'cuda,cpu' },
    options: { memory_budget: '4GiB' },
  });
  const described = describeConfig(loaded);
  expect(described.map(({ key }) => key)).toEqual(SETTING_KEYS);
  expect(JSON.stringify(described)).not.toContain('hidden');
  expect(described).toEqual(
    expect.arrayContaining([
      { key: 'api_key', value: '***', from: 'flag', origin: '--api-key' },
      { key: 'hub.token', value: '***', from: 'env', origin: 'HF_TOKEN' },
      { key: 'providers', value: 'cuda,cpu', from: 'env', origin: 'LOCALLITE_PROVIDERS' },
      { key: 'memory_budget', value: '4GiB', from: 'flag', origin: 'options' },
      { key: 'api_keys_file', value: '', from: 'default', origin: 'default' },
      { key: 'aliases', value: '{}', from: 'default', origin: 'default' },
    ]),
  );
});

test('a secret that is not set is shown as empty', () => {
  expect(describeConfig(loadConfig({ folder, file: false })).find(({ key }) => key === 'api_key')?.value).toBe('');
});

test("a command's own options are kept apart from settings", () => {
  const { settings, own } = splitFlags({ batchBulkAbove: '3', offline: false, json: true, port: undefined });
  expect(settings).toEqual({ 'batch.bulk_above': '3', offline: false, port: undefined });
  expect(own).toEqual({ json: true });
  expect(loadConfig({ folder, file: false, flags: settings }).config).toMatchObject({
    batch: { bulk_above: 3 },
    offline: false,
    port: 11435,
  });
});
