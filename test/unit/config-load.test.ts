import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, homedir, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeEach, describe, expect, expectTypeOf, test } from 'vitest';
import { type ConfigSources, loadConfig } from '../../src/config/load.ts';
import { POOLING_WORDS, PROVIDER_WORDS } from '../../src/config/model-settings.ts';
import { type Config, SETTING_KEYS, settingOf } from '../../src/config/settings.ts';
import { LocalLiteError } from '../../src/errors.ts';
import { POOLINGS } from '../../src/models/card.ts';
import { PROVIDER_NAMES, type ProviderName } from '../../src/runtime/providers.ts';

const scratch = mkdtempSync(join(tmpdir(), 'locallite-config-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let folder: string;
let home: string;
beforeEach(() => {
  folder = mkdtempSync(join(scratch, 'cwd-'));
  home = mkdtempSync(join(scratch, 'home-'));
});

const load = (sources: ConfigSources = {}) => loadConfig({ folder, ...sources, env: { LOCALLITE_HOME: home, ...sources.env } });

/** The lines of the refusal, without the head. */
function problemsOf(sources: ConfigSources): readonly string[] {
  try {
    load(sources);
  } catch (error) {
    if (!LocalLiteError.is(error)) throw error;
    expect(error.code).toBe('invalid_config');
    return error.message
      .split('\n')
      .slice(1)
      .map((line) => line.trim());
  }
  throw new Error('the settings were accepted');
}

function write(name: string, content: string, into = folder): string {
  const path = join(into, name);
  writeFileSync(path, content);
  return path;
}

describe('defaults', () => {
  test('are those of the table', () => {
    const { config, origins, file } = loadConfig({ folder, env: { LOCALLITE_HOME: home } });
    expect(config).toMatchObject({
      host: '127.0.0.1',
      port: 11435,
      api_key: undefined,
      offline: false,
      providers: 'auto',
      provider_policy: 'prefer',
      threads: availableParallelism(),
      default_models: { embed: 'all-MiniLM-L6-v2' },
      keep_alive: 300,
      unknown_fields: 'refuse',
      tls: { cert: undefined, key: undefined },
      limits: { inputs: 2048, body_bytes: 33_554_432 },
      hub: { endpoint: 'https://huggingface.co', token: undefined },
    });
    expect(config.memory_budget).toBeGreaterThan(0);
    expect(config.memory_budget).toBeLessThanOrEqual(totalmem() / 2);
    expect(file).toBeUndefined();
    expect(origins.port).toEqual({ from: 'default', origin: 'default' });
  });

  test('pass their own checks', () => {
    for (const key of SETTING_KEYS) {
      const { kind, fallback } = settingOf(key);
      const value = fallback({});
      expect(kind.schema.parse(value), key).toEqual(value);
    }
  });

  test('cannot be changed', () => {
    const { config } = load();
    expect(
      Object.isFrozen(config) && Object.isFrozen(config.limits) && Object.isFrozen(config.cors) && Object.isFrozen(config.wire.tei),
    ).toBe(true);
  });

  test('home lies in the folder that the system has for data', () => {
    expect(settingOf('home').fallback({})).toMatch(/locallite([/\\]Data)?$/);
  });

  test('the Hugging Face cache is found as its own libraries find it', () => {
    const cache = (env: Record<string, string>) => load({ env }).config.hub.cache;
    expect(cache({})).toBe(join(homedir(), '.cache', 'huggingface', 'hub'));
    expect(cache({ XDG_CACHE_HOME: resolve('/x') })).toBe(resolve('/x/huggingface/hub'));
    expect(cache({ XDG_CACHE_HOME: resolve('/x'), HF_HOME: resolve('/hf') })).toBe(resolve('/hf/hub'));
    expect(cache({ HF_HOME: resolve('/hf'), HF_HUB_CACHE: resolve('/cache') })).toBe(resolve('/cache'));
    expect(cache({ HF_HUB_CACHE: resolve('/cache'), LOCALLITE_HUB_CACHE: resolve('/own') })).toBe(resolve('/own'));
  });

  test('the words of providers and poolings are those of the runtime and of the cards', () => {
    expect(PROVIDER_WORDS).toEqual(PROVIDER_NAMES);
    expect(POOLING_WORDS).toEqual(POOLINGS);
  });

  test('the type follows the table', () => {
    expectTypeOf<Config['port']>().toEqualTypeOf<number>();
    expectTypeOf<Config['api_key']>().toEqualTypeOf<string | undefined>();
    expectTypeOf<Config['limits']['inputs']>().toEqualTypeOf<number>();
    expectTypeOf<Config['log']['format']>().toEqualTypeOf<'auto' | 'json' | 'pretty'>();
    expectTypeOf<Config['providers']>().toEqualTypeOf<'auto' | readonly ProviderName[]>();
    expectTypeOf<Config['aliases']>().toEqualTypeOf<Readonly<Record<string, string>>>();
    expectTypeOf<Config['models'][string]['keep_alive']>().toEqualTypeOf<number | undefined>();
  });
});

describe('precedence', () => {
  test('flag before environment before file before default', () => {
    const path = write('locallite.yaml', 'threads: 2\nport: 1002\nkeep_alive: 102\n');
    const { config, origins, file } = load({ flags: { threads: '4' }, env: { LOCALLITE_THREADS: '3', LOCALLITE_PORT: '1003' } });
    expect([config.threads, config.port, config.keep_alive, config.queue.max_tokens]).toEqual([4, 1003, 102, 1_000_000]);
    expect([origins.threads, origins.port, origins.keep_alive, origins['queue.max_tokens']]).toEqual([
      { from: 'flag', origin: '--threads' },
      { from: 'env', origin: 'LOCALLITE_PORT' },
      { from: 'file', origin: `${path}:3` },
      { from: 'default', origin: 'default' },
    ]);
    expect(file).toBe(path);
  });

  test('options count as flags, and flags win where both are given', () => {
    const { config, origins } = load({
      options: { threads: 5, limits: { body_bytes: '1MiB' }, keep_alive: '5m', port: undefined },
      flags: { threads: 6 },
      env: { LOCALLITE_KEEP_ALIVE: '1', LOCALLITE_PORT: '77' },
    });
    expect([config.threads, config.limits.body_bytes, config.keep_alive, config.port]).toEqual([6, 1_048_576, 300, 77]);
    expect(origins.keep_alive).toEqual({ from: 'flag', origin: 'options' });
  });

  test('one file is read: the named one, else that of the working folder, else that of home', () => {
    write('locallite.yml', 'port: 3', home);
    expect(load().config.port).toBe(3);
    write('locallite.json', '{"port": 2}');
    expect(load().config.port).toBe(2);
    write('other.yaml', 'port: 1');
    expect(load({ env: { LOCALLITE_CONFIG: 'other.yaml' } }).config.port).toBe(1);
    write('flagged.yaml', 'port: 9');
    expect(load({ env: { LOCALLITE_CONFIG: 'other.yaml' }, file: 'flagged.yaml' }).config.port).toBe(9);
    expect(load({ file: false }).config.port).toBe(11435);
  });

  test('two files in one folder are refused', () => {
    write('locallite.yaml', 'port: 1');
    write('locallite.json', '{"port": 2}');
    expect(problemsOf({})).toEqual([expect.stringMatching(/locallite\.yaml and .*locallite\.json: two settings files.*--config/)]);
  });

  test('variables of other tools count after our own, and empty ones not at all', () => {
    const env = { HF_TOKEN: 'hf_a', HF_ENDPOINT: 'https://mirror.test/', HF_HUB_OFFLINE: '1' };
    const { config, origins } = load({ env });
    expect([config.hub.token, config.hub.endpoint, config.offline]).toEqual(['hf_a', 'https://mirror.test', true]);
    expect(origins['hub.endpoint']).toEqual({ from: 'env', origin: 'HF_ENDPOINT' });
    expect(load({ env: { ...env, LOCALLITE_HUB_TOKEN: 'own', LOCALLITE_OFFLINE: 'no' } }).config).toMatchObject({
      hub: { token: 'own' },
      offline: false,
    });
    expect(load({ env: { HF_TOKEN: '', HF_ENDPOINT: '', HF_HUB_OFFLINE: '' } }).config).toMatchObject({
      hub: { token: undefined },
      offline: false,
    });
    write('locallite.yaml', 'hub: { token: from-file }');
    expect(load({ env }).config.hub.token).toBe('hf_a');
  });

  test('the short name of the default model is as good as its long one', () => {
    expect(load({ env: { LOCALLITE_DEFAULT_EMBEDDING_MODEL: 'bge-m3' } }).config.default_models.embed).toBe('bge-m3');
    expect(problemsOf({ env: { LOCALLITE_DEFAULT_EMBEDDING_MODEL: 'bge-m3', LOCALLITE_DEFAULT_MODELS_EMBED: 'gte-small' } })).toEqual([
      'default_models.embed: LOCALLITE_DEFAULT_MODELS_EMBED and LOCALLITE_DEFAULT_EMBEDDING_MODEL are two names of one setting and differ; set one',
    ]);
  });
});

describe('paths', () => {
  test('start at the folder of the file, or at the working folder', () => {
    mkdirSync(join(folder, 'sub'));
    write('sub/settings.yaml', 'api_keys_file: keys.txt\ntls: { cert: ../cert.pem }\nruntime: { package: ./ort }');
    const { config } = load({ file: 'sub/settings.yaml', flags: { tlsKey: 'key.pem' } });
    expect(config.api_keys_file).toBe(join(folder, 'sub', 'keys.txt'));
    expect(config.tls).toEqual({ cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') });
    expect(config.runtime.package).toBe(join(folder, 'sub', 'ort'));
  });

  test('~ is the home folder of the user, and a package may be named', () => {
    const { config } = load({ flags: { home: '~/models', runtimePackage: '@vendor/onnxruntime-node' } });
    expect(config.home).toBe(join(homedir(), 'models'));
    expect(config.runtime.package).toBe('@vendor/onnxruntime-node');
  });
});

describe('refusals', () => {
  test('name every bad key of every source at once', () => {
    const path = write('locallite.yaml', ['port: 80000', 'batch:', '  bulk_abov: 3', 'frobnicate: 1', 'limits: 7'].join('\n'));
    const problems = problemsOf({
      flags: { treads: '2', threads: 'many' },
      env: { LOCALLITE_LOGLEVEL: 'info', LOCALLITE_LOG_FORMAT: 'xml' },
      options: { queue: { max_tokens: -1 } },
    });
    expect(problems).toEqual([
      '--treads: no such flag; did you mean --threads?',
      'LOCALLITE_LOGLEVEL (environment): no such setting; did you mean LOCALLITE_LOG_LEVEL?',
      `batch.bulk_abov (${path}:3): no such setting; did you mean batch.bulk_above?`,
      `frobnicate (${path}:4): no such setting`,
      `limits (${path}:5): expected a mapping with body_bytes, inputs, input_bytes, connections, header_timeout, body_timeout, upload_timeout, requests_per_minute, upload_bytes`,
      'threads (--threads): expected a whole number from 1 to 4096, got "many"',
      'queue.max_tokens (options): expected a whole number from 1 to 1000000000, got -1',
      'log.format (LOCALLITE_LOG_FORMAT): expected one of auto, json, pretty, got "xml"',
      `port (${path}:1): expected a whole number from 0 to 65535, got 80000`,
    ]);
  });

  test('one problem is told as one', () => {
    expect(() => load({ flags: { port: 'x' } })).toThrow(/^a setting is wrong:\n {2}port \(--port\)/);
  });

  test('a wrong value is named even when a stronger source overrides it', () => {
    expect(problemsOf({ flags: { port: 1 }, env: { LOCALLITE_PORT: 'tcp://10.0.0.1:80' } })).toEqual([
      'port (LOCALLITE_PORT): expected a whole number from 0 to 65535, got "tcp://10.0.0.1:80"',
    ]);
  });

  test('an empty variable of ours is a mistake, except for a list', () => {
    expect(problemsOf({ env: { LOCALLITE_API_KEY: '' } })).toEqual(['api_key (LOCALLITE_API_KEY): expected a key without blanks']);
    expect(problemsOf({ env: { LOCALLITE_PORT: '' } })).toHaveLength(1);
    expect(load({ env: { LOCALLITE_CORS_ORIGINS: '' } }).config.cors.origins).toEqual([]);
  });

  test('our own spelling in lower case is not overlooked', () => {
    expect(problemsOf({ env: { locallite_port: '1' } })).toEqual([
      'locallite_port (environment): no such setting; did you mean LOCALLITE_PORT?',
    ]);
  });

  test('variables that Kubernetes makes are explained', () => {
    expect(problemsOf({ env: { LOCALLITE_SERVICE_HOST: '10.0.0.1', LOCALLITE_PORT_80_TCP_ADDR: '10.0.0.1' } })).toEqual([
      expect.stringContaining('enableServiceLinks: false'),
      expect.stringContaining('enableServiceLinks: false'),
    ]);
  });

  test('a key without its section is recognised', () => {
    expect(problemsOf({ options: JSON.parse('{"bulk_above": 3}') })).toEqual([
      'bulk_above (options): no such setting; did you mean batch.bulk_above?',
    ]);
  });

  test('a key may be written with dots, but not twice', () => {
    write('locallite.yaml', 'batch.bulk_above: 3');
    expect(load().config.batch.bulk_above).toBe(3);
    const path = write('locallite.yaml', 'batch.bulk_above: 3\nbatch: { bulk_above: 4 }');
    expect(problemsOf({})).toEqual([`batch.bulk_above (${path}:2): given twice, also at ${path}:1`]);
  });

  test('secrets are never repeated', () => {
    const secret = 'sk secret with blanks';
    write('locallite.yaml', `api_key: [${secret}]\nhub: { token: "${secret}" }\napikey: ${secret}`);
    const problems = problemsOf({
      env: { LOCALLITE_API_KEY: secret, HF_ENDPOINT: 'https://user:sk@mirror.test' },
      flags: { hubToken: secret },
    });
    expect(problems).toHaveLength(6);
    expect(problems.join('\n')).not.toMatch(/sk secret|blanks"|:sk@/);
  });

  test('settings of single models are checked by name', () => {
    const path = write(
      'locallite.yaml',
      'models:\n  bge-m3:\n    pin: true\n    pooling: max\n    keep_alive: soon\n  gte-small: 3\n  e5:\n',
    );
    expect(problemsOf({})).toEqual(
      expect.arrayContaining([
        `models."bge-m3".pooling (${path}:4): expected one of mean, cls, last, got "max"`,
        expect.stringMatching(/^models\."bge-m3"\.keep_alive .*: expected a time .*, got "soon"$/),
        `models."bge-m3".pin (${path}:3): no such setting; did you mean pinned?`,
        `models."gte-small" (${path}:6): expected a mapping of settings of one model, got 3`,
        `models."e5" (${path}:7): expected a mapping of settings of one model, got null`,
      ]),
    );
  });

  test('settings of single models and aliases are read', () => {
    write(
      'locallite.yaml',
      'models:\n  owner/name: { keep_alive: 5m, pinned: yes, query_prompt: "query: " }\naliases: { gpt-4o-mini: owner/name }',
    );
    const { config } = load();
    expect(config.models).toEqual({ 'owner/name': { keep_alive: 300, pinned: true, query_prompt: 'query: ' } });
    expect(config.aliases).toEqual({ 'gpt-4o-mini': 'owner/name' });
    expect(load({ env: { LOCALLITE_ALIASES: '{"a":"b"}' } }).config.aliases).toEqual({ a: 'b' });
    expect(problemsOf({ env: { LOCALLITE_ALIASES: 'a=b' } })).toEqual([
      expect.stringMatching(/^aliases \(LOCALLITE_ALIASES\): expected names .*, got "a=b"$/),
    ]);
    expect(problemsOf({ options: { aliases: JSON.parse('{"a b":"c", "d": 1}') } })).toHaveLength(2);
  });

  test('half a TLS pair is refused', () => {
    expect(problemsOf({ flags: { tlsCert: 'c.pem' } })).toEqual(['tls.cert: a certificate needs its private key; set tls.key too']);
    expect(problemsOf({ flags: { tlsKey: 'k.pem' } })).toEqual(['tls.key: a private key needs its certificate; set tls.cert too']);
    expect(problemsOf({ flags: { tlsCert: 'c.pem', tlsKey: '' } })).toEqual([
      'tls.key (--tls-key): expected the path of a PEM file, got ""',
    ]);
  });
});

describe('an address that others can reach', () => {
  test.each([
    '0.0.0.0',
    '::',
    '[::]',
    '192.168.1.4',
    '128.0.0.1',
    '::ffff:10.0.0.1',
    'fe80::1',
    'gateway.example.com',
    'localhost.example.com',
  ])('%s needs a key', (host) => {
    expect(problemsOf({ flags: { host } })).toEqual([
      expect.stringMatching(/^host: .* can be reached from other machines.*locallite keys create.*allow_unauthenticated/),
    ]);
    expect(load({ flags: { host, apiKey: 'k' } }).config.api_key).toBe('k');
    expect(load({ flags: { host, apiKeysFile: 'keys' } }).config.host).toBe(host.replace(/[[\]]/g, ''));
    expect(load({ flags: { host, allowUnauthenticated: true } }).config.allow_unauthenticated).toBe(true);
    expect(load({ flags: { host }, listens: false }).config.port).toBe(11435);
  });

  test.each(['127.0.0.1', '127.9.9.9', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', 'localhost', 'LOCALHOST', 'api.localhost'])(
    '%s is loopback',
    (host) => {
      expect(load({ flags: { host } }).config.host).toBe(host.toLowerCase());
    },
  );

  test('keys that were made count, and are asked for in the right home', () => {
    const asked: string[] = [];
    const hasKeys = (folderOfKeys: string) => asked.push(folderOfKeys) > 0;
    expect(load({ flags: { host: '::' }, hasKeys }).config.host).toBe('::');
    expect(asked).toEqual([home]);
    expect(problemsOf({ flags: { host: '::' }, hasKeys: () => false })).toHaveLength(1);
  });

  test('a wrong key is told once, not as a missing one too', () => {
    expect(problemsOf({ flags: { host: '::', apiKey: 'a b' } })).toEqual(['api_key (--api-key): expected a key without blanks']);
  });

  test('letting every web page in needs a key as well', () => {
    expect(problemsOf({ flags: { corsOrigins: '*' } })).toEqual([expect.stringMatching(/^cors\.origins: \* lets every web page in/)]);
    expect(load({ flags: { corsOrigins: '*', apiKey: 'k' } }).config.cors.origins).toEqual(['*']);
    expect(load({ flags: { corsOrigins: 'https://a.test' } }).config.cors.origins).toEqual(['https://a.test']);
  });
});
