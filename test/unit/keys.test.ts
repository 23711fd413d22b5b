import { createHash } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LocalLiteError } from '../../src/errors.ts';
import { parseKeyFile } from '../../src/gateway/key-file.ts';
import { createKeys, type KeyOptions, type Keys } from '../../src/gateway/keys.ts';
import { silentTelemetry } from '../../src/telemetry/create-telemetry.ts';
import type { LogFields, Telemetry } from '../../src/telemetry/telemetry.ts';

const POSIX = process.platform !== 'win32';
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

let home: string;
const open: Keys[] = [];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'locallite-keys-'));
});

afterEach(async () => {
  for (const keys of open.splice(0)) await keys.close();
  await rm(home, { recursive: true, force: true });
});

async function load(options: Partial<KeyOptions> = {}): Promise<Keys> {
  const keys = await createKeys({ home, telemetry: silentTelemetry(), pollMs: 20, ...options });
  open.push(keys);
  return keys;
}

function recording(): { telemetry: Telemetry; lines: { event: string; fields: LogFields | undefined }[] } {
  const lines: { event: string; fields: LogFields | undefined }[] = [];
  const write = (event: string, fields?: LogFields) => void lines.push({ event, fields });
  const log = { debug: write, info: write, warn: write, error: write, child: () => log };
  return { telemetry: { ...silentTelemetry(), log }, lines };
}

async function write(name: string, text: string): Promise<string> {
  const path = join(home, name);
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

function problemOf(text: string): string {
  try {
    parseKeyFile('keys.yaml', text);
  } catch (error) {
    if (LocalLiteError.is(error)) return `${error.code} ${error.message}`;
  }
  return 'accepted';
}

describe('keys made here', () => {
  it('shows a key once, keeps its hash only, and knows it after a restart', async () => {
    const first = await load();
    expect(first.any()).toBe(false);
    const { key, info } = await first.create('ci', ['inference'], 30);
    expect(key).toMatch(/^ll_[\w-]{43}$/);
    const onDisk = await readFile(join(home, 'keys.json'), 'utf8');
    expect(onDisk).not.toContain(key);
    expect(onDisk).toContain(sha256(key));
    const second = await load();
    expect(second.any()).toBe(true);
    expect(second.verify(key)).toMatchObject({ id: info.id, name: 'ci', scopes: ['inference'], requestsPerMinute: 30, from: 'home' });
  });

  it('makes every key different', async () => {
    const keys = await load();
    const made = [];
    for (const name of ['a', 'b', 'c']) made.push((await keys.create(name, ['admin'])).key);
    expect(new Set(made).size).toBe(3);
  });

  it.skipIf(!POSIX)('writes a file that only its owner can read, and leaves no partial file', async () => {
    const keys = await load();
    await keys.create('ci', ['inference']);
    expect((await stat(join(home, 'keys.json'))).mode & 0o777).toBe(0o600);
    expect(await readdir(home)).toEqual(['keys.json']);
  });

  it('keeps all keys that are created at the same time', async () => {
    const keys = await load();
    const names = Array.from({ length: 8 }, (_unused, index) => `key ${index}`);
    await Promise.all(names.map((name) => keys.create(name, ['inference'])));
    const again = await load();
    expect(
      again
        .list()
        .map((key) => key.name)
        .sort(),
    ).toEqual(names);
  });

  it('refuses a name that is taken, also under a race', async () => {
    const keys = await load();
    const results = await Promise.allSettled([keys.create('ci', ['inference']), keys.create('ci', ['admin'])]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected']);
    expect(results[1]).toMatchObject({ reason: { code: 'conflict', param: 'name' } });
  });

  it.each([
    ['', ['inference'], undefined, 'name'],
    ['a\nb', ['inference'], undefined, 'name'],
    [' a', ['inference'], undefined, 'name'],
    ['a', [], undefined, 'scopes'],
    ['a', ['inference'], -1, 'requests_per_minute'],
    ['a', ['inference'], 1.5, 'requests_per_minute'],
  ] as const)('refuses name %j, scopes %j, limit %j', async (name, scopes, limit, param) => {
    const keys = await load();
    await expect(keys.create(name, scopes, limit)).rejects.toMatchObject({ code: 'invalid_request', param });
    expect(keys.any()).toBe(false);
  });

  it('revokes by id or name, at once and for good', async () => {
    const keys = await load();
    const one = await keys.create('one', ['inference']);
    const two = await keys.create('two', ['inference']);
    expect(await keys.revoke(one.info.id)).toBe(true);
    expect(await keys.revoke('two')).toBe(true);
    expect(await keys.revoke('two')).toBe(false);
    expect([keys.verify(one.key), keys.verify(two.key), keys.any()]).toEqual([undefined, undefined, false]);
    expect((await load()).list()).toEqual([]);
  });

  it('writes down at close when a key was last used', async () => {
    const keys = await load();
    const { key } = await keys.create('ci', ['inference']);
    expect(keys.list()[0]?.lastUsedAt).toBeUndefined();
    keys.verify(key);
    const used = keys.list()[0]?.lastUsedAt;
    expect(used).toMatch(/^\d{4}-/);
    await keys.close();
    expect((await load()).list()[0]?.lastUsedAt).toBe(used);
  });

  it('follows a change of keys.json that another process made', async () => {
    const keys = await load();
    const other = await load();
    const { key } = await other.create('late', ['inference']);
    await vi.waitFor(() => expect(keys.verify(key)?.name).toBe('late'), { timeout: 10_000 });
  });
});

describe('recognising keys', () => {
  it('accepts the exact secret of any origin and nothing like it', async () => {
    const file = await write('team.txt', 'team:team-secret-0123456789\n');
    const keys = await load({ apiKey: 'settings-secret-0123456789', apiKeysFile: file });
    const { key } = await keys.create('home', ['documents']);
    expect(keys.verify('settings-secret-0123456789')).toMatchObject({ scopes: ['admin'], from: 'settings' });
    expect(keys.verify('team-secret-0123456789')).toMatchObject({ name: 'team', scopes: ['inference', 'documents'], from: 'file' });
    expect(keys.verify(key)).toMatchObject({ name: 'home', from: 'home' });
    const near = [
      key.slice(0, -1),
      `${key}x`,
      key.toUpperCase(),
      ` ${key}`,
      '',
      'ü',
      'x'.repeat(100_000),
      sha256(key),
      `sha256:${sha256(key)}`,
    ];
    expect(near.map((secret) => keys.verify(secret))).toEqual(near.map(() => undefined));
  });

  it('does not revoke what the settings or the file hold, and says where it stands', async () => {
    const file = await write('team.txt', 'team:team-secret-0123456789\n');
    const keys = await load({ apiKey: 'settings-secret-0123456789', apiKeysFile: file });
    await expect(keys.revoke('team')).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining(file) });
    await expect(keys.revoke('api_key')).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('setting api_key') });
    await expect(keys.create('team', ['inference'])).rejects.toMatchObject({ code: 'conflict' });
  });

  it('keeps the id of a fixed key over restarts, without deriving it from the secret', async () => {
    const file = await write('team.txt', 'team:first-secret-0123456789\n');
    const before = (await load({ apiKeysFile: file })).list()[0]?.id;
    await write('team.txt', 'team:second-secret-0123456789\n');
    expect((await load({ apiKeysFile: file })).list()[0]?.id).toBe(before);
  });
});

describe('the file of api_keys_file', () => {
  const secret = 'file-secret-0123456789';
  const forms: Readonly<Record<string, string>> = {
    lines: `# the team\n\nci:${secret}\r\nother:another-secret-0123456789\n`,
    'lines with a hash': `ci:sha256:${sha256(secret)}\n`,
    'a YAML mapping': `ci: ${secret}\nother: another-secret-0123456789\n`,
    'a YAML mapping with scopes': `ci:\n  key: ${secret}\n  scopes: [inference, documents]\n`,
    'a YAML list': `keys:\n  - name: ci\n    key: ${secret}\n`,
    'a bare YAML list with a hash': `- name: ci\n  sha256: ${sha256(secret)}\n`,
    JSON: JSON.stringify({ keys: [{ name: 'ci', key: `sha256:${sha256(secret).toUpperCase()}` }] }),
    'JSON mapping': JSON.stringify({ ci: secret }),
  };
  it.each(Object.keys(forms))('reads %s', async (form) => {
    const keys = await load({ apiKeysFile: await write('team', forms[form] ?? '') });
    expect(keys.verify(secret)).toMatchObject({ name: 'ci', scopes: ['inference', 'documents'], requestsPerMinute: undefined });
  });

  it('reads scopes and limits', async () => {
    const file = await write('team.yaml', `- {name: boss, key: ${secret}, scopes: [admin], requests_per_minute: 0}\n`);
    expect((await load({ apiKeysFile: file })).verify(secret)).toMatchObject({ scopes: ['admin'], requestsPerMinute: 0 });
  });

  it.each([
    ['', 'keys.yaml:1: holds no key'],
    ['# nothing\n', 'keys.yaml:1: '],
    ['one:aaaaaaaa\ntwo:bbbbbbbb\none:cccccccc\n', 'keys.yaml:3: a second key of that name'],
    ['one:sha256:abc\n', 'keys.yaml:1: after `sha256:` expected 64'],
    ['one:two three four\n', 'keys.yaml:1: a key must not contain spaces'],
    ['one: aaaaaaaa\ntwo: 12345678\n', 'keys.yaml:2: `key`: '],
    ['one:\n  key: aaaaaaaa\n  scopes: [inference, root]\n', 'keys.yaml:3: `scopes.1`: '],
    ['one:\n  key: aaaaaaaa\n  scope: admin\n', 'keys.yaml:2: Unrecognized key: "scope"'],
    ['- name: one\n- name: two\n  key: aaaaaaaa\n', 'keys.yaml:1: give either `key` or `sha256`'],
    ['- name: one\n  key: aaaaaaaa\n- key: bbbbbbbb\n', 'keys.yaml:3: `name`: '],
    ['one: aaaaaaaa\none: bbbbbbbb\n', 'keys.yaml:2: not valid YAML or JSON (duplicate key)'],
    ['{"keys": [{"name": "one", "key": "aaaaaaaa"}\n', 'not valid YAML or JSON'],
    ['just words here', 'keys.yaml:1: expected lines'],
    ['one: &a [*a]\n', 'keys.yaml:1: '],
    ['one: *unknown\n', 'not valid YAML or JSON'],
  ])('refuses %j with file and line', (text, expected) => {
    const problem = problemOf(text);
    expect(problem).toMatch(/^invalid_config /);
    expect(problem).toContain(expected);
  });

  it.each([
    'one: hunter2hunter2\n two: oops',
    'one:\n  key: hunter2hunter2\n  key: hunter2hunter2\n',
    '{"one": "hunter2hunter2" "two": 1}',
    'one: hunter2hunter2 hunter2\n',
    'one:\n  - hunter2hunter2\n',
    'one: @hunter2hunter2\n',
  ])('never repeats a key of a bad file: %j', (text) => {
    const problem = problemOf(text);
    expect(problem).toMatch(/^invalid_config /);
    expect(problem).not.toContain('hunter2');
  });

  it('names a file that is not there or cannot be read', async () => {
    const missing = join(home, 'none.txt');
    await expect(load({ apiKeysFile: missing })).rejects.toMatchObject({
      code: 'invalid_config',
      message: expect.stringContaining(`${missing} (ENOENT)`),
    });
    await expect(load({ apiKeysFile: home })).rejects.toMatchObject({ code: 'invalid_config', message: expect.stringContaining('EISDIR') });
  });

  it('is read again when it changes; a bad change keeps the keys last read and is logged', async () => {
    const { telemetry, lines } = recording();
    const file = await write('team.txt', 'old:old-secret-0123456789\n');
    const keys = await load({ apiKeysFile: file, telemetry });
    await write('team.txt', 'new:new-secret-0123456789-longer\n');
    await vi.waitFor(() => expect(keys.verify('new-secret-0123456789-longer')?.name).toBe('new'), { timeout: 10_000 });
    expect(keys.verify('old-secret-0123456789')).toBeUndefined();
    await write('team.txt', 'new:new-secret\nnew:twice\n');
    await vi.waitFor(() => expect(lines.map((line) => line.event)).toContain('keys_not_reloaded'), { timeout: 10_000 });
    expect(keys.verify('new-secret-0123456789-longer')?.name).toBe('new');
    expect(JSON.stringify(lines)).not.toContain('secret-0123');
  });

  it.skipIf(!POSIX)('warns when others can read it', async () => {
    const { telemetry, lines } = recording();
    const file = await write('team.txt', 'ci:secret-0123456789abc\n');
    await chmod(file, 0o644);
    await load({ apiKeysFile: file, telemetry });
    expect(lines).toContainEqual({ event: 'api_keys_file_readable_by_others', fields: { file, mode: '644' } });
  });
});

describe('keys.json that is damaged', () => {
  it.each([
    ['{', 'keys.json:1: '],
    ['{"version": 2, "keys": []}', 'keys.json:1: `version`'],
    [`{"version": 1,\n "keys": [\n  {"id": "k", "name": "n", "sha256": "zz"}]}`, 'keys.json:3: `keys.0.sha256`'],
    ['[]', 'keys.json:1: '],
  ])('refuses to start on %j', async (text, expected) => {
    await write('keys.json', text);
    await expect(load()).rejects.toMatchObject({ code: 'invalid_config', message: expect.stringContaining(expected) });
  });

  it('refuses to write over it', async () => {
    const keys = await load();
    await write('keys.json', '{"version": 1, "keys": [');
    await expect(keys.create('ci', ['inference'])).rejects.toMatchObject({ code: 'invalid_config' });
    expect(await readFile(join(home, 'keys.json'), 'utf8')).toBe('{"version": 1, "keys": [');
  });
});

describe('the setting api_key', () => {
  it('warns of a short key without repeating it, and refuses an empty one', async () => {
    const { telemetry, lines } = recording();
    await load({ apiKey: 'abc', telemetry });
    expect(lines).toEqual([{ event: 'api_key_short', fields: { characters: 3, advised: 16 } }]);
    await expect(load({ apiKey: ' ' })).rejects.toMatchObject({ code: 'invalid_config' });
  });
});
