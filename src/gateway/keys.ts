import { randomBytes, timingSafeEqual } from 'node:crypto';
import { type Stats, unwatchFile, watchFile } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LocalLiteError } from '../errors.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { digestOf, type KeyScope, parseKeyFile, parseStoredKeys, type StoredKey } from './key-file.ts';
import { readIfThere, systemCode, writePrivateFile } from './private-file.ts';

export type { KeyScope } from './key-file.ts';

/** A key without its secret. */
export interface KeyInfo {
  readonly id: string;
  /** Unique among the keys of one origin. */
  readonly name: string;
  readonly scopes: readonly KeyScope[];
  /** 0 = no limit; undefined = the setting `limits.requests_per_minute`. */
  readonly requestsPerMinute: number | undefined;
  /** ISO 8601. For a key of the settings or of `api_keys_file`: when it was read. */
  readonly createdAt: string;
  /** ISO 8601; undefined = not used yet. */
  readonly lastUsedAt: string | undefined;
  /** Where it is kept: the setting `api_key`, the file of `api_keys_file`, or HOME/keys.json. Only the last can be revoked here. */
  readonly from: 'settings' | 'file' | 'home';
}

/** A new key. `key` is the secret, which exists nowhere else: show it once. */
export interface CreatedKey {
  readonly key: string;
  readonly info: KeyInfo;
}

/** The access keys of a gateway. */
export interface Keys {
  /** True when at least one key exists, so that callers must bring one. */
  any(): boolean;
  /** The key that this secret belongs to. Takes the same time for every secret, right or wrong. */
  verify(secret: string): KeyInfo | undefined;
  list(): readonly KeyInfo[];
  /**
   * Makes a key with full entropy and keeps its hash.
   * @throws LocalLiteError conflict when the name is taken, invalid_request for a bad name, scope or limit, disk_full.
   */
  create(name: string, scopes: readonly KeyScope[], requestsPerMinute?: number): Promise<CreatedKey>;
  /**
   * Removes a key by id or name; false when there is none.
   * @throws LocalLiteError conflict for a key that the settings or `api_keys_file` hold.
   */
  revoke(idOrName: string): Promise<boolean>;
  /** Stops watching files and writes down when keys were last used. */
  close(): Promise<void>;
}

/** Where keys come from. `home` is the folder that holds keys.json; only its owner may create or revoke. */
export interface KeyOptions {
  readonly home: string;
  readonly apiKey?: string | undefined;
  readonly apiKeysFile?: string | undefined;
  readonly telemetry: Telemetry;
  /** Milliseconds between looks at the files (default 1000). */
  readonly pollMs?: number;
}

interface Entry {
  readonly info: KeyInfo;
  readonly digest: Buffer;
}

const FLUSH_MS = 60_000;
const SHORT_KEY = 16;

/**
 * Reads the keys of the settings, of `api_keys_file` and of HOME/keys.json, and follows changes of both files.
 * A file that turns bad later is logged and the keys last read stay valid.
 * @throws LocalLiteError invalid_config naming file and line.
 */
export async function createKeys(options: KeyOptions): Promise<Keys> {
  const keys = new KeyTable(options);
  await keys.load();
  return keys;
}

class KeyTable implements Keys {
  readonly #options: KeyOptions;
  readonly #storedPath: string;
  readonly #lastUsed = new Map<string, string>();
  readonly #unflushed = new Set<string>();
  readonly #watched: { readonly path: string; readonly listener: (now: Stats, before: Stats) => void }[] = [];
  #settings: readonly Entry[] = [];
  #file: readonly Entry[] = [];
  #stored: readonly Entry[] = [];
  #writes: Promise<unknown> = Promise.resolve();
  #flushTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: KeyOptions) {
    this.#options = options;
    this.#storedPath = join(options.home, 'keys.json');
  }

  async load(): Promise<void> {
    this.#settings = settingsEntries(this.#options);
    const { apiKeysFile } = this.#options;
    if (apiKeysFile !== undefined) await this.#readFile(apiKeysFile);
    await this.#readStored();
    if (apiKeysFile !== undefined) this.#watch(apiKeysFile, () => this.#readFile(apiKeysFile));
    this.#watch(this.#storedPath, () => this.#readStored());
  }

  any(): boolean {
    return this.#settings.length + this.#file.length + this.#stored.length > 0;
  }

  verify(secret: string): KeyInfo | undefined {
    const digest = digestOf(secret);
    let found: Entry | undefined;
    // Every entry is compared, so that the time taken does not tell which of them came close.
    for (const entry of this.#entries()) {
      if (timingSafeEqual(entry.digest, digest)) found = entry;
    }
    if (found === undefined) return undefined;
    this.#noteUse(found.info);
    return this.#current(found.info);
  }

  list(): readonly KeyInfo[] {
    return [...this.#entries()].map(({ info }) => this.#current(info));
  }

  async create(name: string, scopes: readonly KeyScope[], requestsPerMinute?: number): Promise<CreatedKey> {
    checkNew(name, scopes, requestsPerMinute);
    const key = `ll_${randomBytes(32).toString('base64url')}`;
    const stored: StoredKey = {
      id: `key_${randomBytes(8).toString('hex')}`,
      name,
      sha256: digestOf(key).toString('hex'),
      scopes: [...new Set(scopes)],
      requests_per_minute: requestsPerMinute ?? null,
      created_at: new Date().toISOString(),
      last_used_at: null,
    };
    await this.#change((keys) => {
      if ([...this.#entries()].some(({ info }) => info.name === name)) {
        throw new LocalLiteError('conflict', `a key named "${name}" exists already; revoke it first or choose another name`, {
          param: 'name',
        });
      }
      return [...keys, stored];
    });
    return { key, info: storedEntry(stored).info };
  }

  async revoke(idOrName: string): Promise<boolean> {
    const fixed = [...this.#settings, ...this.#file].find(({ info }) => info.id === idOrName || info.name === idOrName);
    let removed = false;
    await this.#change((keys) => {
      const rest = keys.filter((key) => key.id !== idOrName && key.name !== idOrName);
      removed = rest.length < keys.length;
      return removed ? rest : undefined;
    });
    if (!removed && fixed !== undefined) {
      const where = fixed.info.from === 'settings' ? 'the setting api_key' : `the file ${this.#options.apiKeysFile}`;
      throw new LocalLiteError('conflict', `the key "${fixed.info.name}" comes from ${where}: remove it there`);
    }
    return removed;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { path, listener } of this.#watched) unwatchFile(path, listener);
    clearTimeout(this.#flushTimer);
    await this.#flush();
  }

  *#entries(): Iterable<Entry> {
    yield* this.#settings;
    yield* this.#file;
    yield* this.#stored;
  }

  #current(info: KeyInfo): KeyInfo {
    return { ...info, lastUsedAt: this.#lastUsed.get(info.id) ?? info.lastUsedAt };
  }

  #noteUse(info: KeyInfo): void {
    this.#lastUsed.set(info.id, new Date().toISOString());
    if (info.from !== 'home' || this.#closed) return;
    this.#unflushed.add(info.id);
    this.#flushTimer ??= setTimeout(() => void this.#flush(), FLUSH_MS).unref();
  }

  async #flush(): Promise<void> {
    this.#flushTimer = undefined;
    const used = new Set(this.#unflushed);
    this.#unflushed.clear();
    try {
      await this.#change((keys) => {
        if (!keys.some((key) => used.has(key.id))) return undefined;
        return keys.map((key) => (used.has(key.id) ? { ...key, last_used_at: this.#lastUsed.get(key.id) ?? key.last_used_at } : key));
      });
    } catch (error) {
      this.#options.telemetry.log.warn('keys_last_used_not_written', {
        file: this.#storedPath,
        reason: LocalLiteError.from(error).message,
      });
    }
  }

  /** Changes keys.json, one change after the other, on what the file holds now. `change` returns undefined to leave it as it is. */
  #change(change: (keys: readonly StoredKey[]) => readonly StoredKey[] | undefined): Promise<void> {
    const work = this.#writes.then(async () => {
      const before = await this.#readStored();
      const after = change(before);
      if (after === undefined) return;
      await writePrivateFile(this.#storedPath, `${JSON.stringify({ version: 1, keys: after }, undefined, 2)}\n`);
      this.#stored = after.map(storedEntry);
    });
    this.#writes = work.catch(() => undefined);
    return work;
  }

  async #readStored(): Promise<readonly StoredKey[]> {
    const text = await readKeyText(this.#storedPath, () => readIfThere(this.#storedPath));
    const keys = text === undefined ? [] : parseStoredKeys(this.#storedPath, text);
    this.#stored = keys.map(storedEntry);
    return keys;
  }

  async #readFile(path: string): Promise<void> {
    const text = await readKeyText(path, () => readFile(path, 'utf8'));
    const now = new Date().toISOString();
    this.#file = parseKeyFile(path, text).map((key) => ({
      digest: key.digest,
      info: {
        id: fixedId('file', key.name),
        name: key.name,
        scopes: key.scopes,
        requestsPerMinute: key.requestsPerMinute,
        createdAt: now,
        lastUsedAt: undefined,
        from: 'file',
      },
    }));
    await this.#warnIfReadable(path);
  }

  async #warnIfReadable(path: string): Promise<void> {
    if (process.platform === 'win32') return;
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0)
      this.#options.telemetry.log.warn('api_keys_file_readable_by_others', { file: path, mode: (mode & 0o777).toString(8) });
  }

  #watch(path: string, read: () => Promise<unknown>): void {
    const reload = async () => {
      try {
        await read();
        this.#options.telemetry.log.info('keys_reloaded', { file: path });
      } catch (error) {
        this.#options.telemetry.log.error('keys_not_reloaded', { file: path, reason: LocalLiteError.from(error).message });
      }
    };
    const listener = (now: Stats, before: Stats) => {
      if (now.mtimeMs !== before.mtimeMs || now.size !== before.size || now.ino !== before.ino) void reload();
    };
    // Polling: change events are missed on network mounts and when a mounted secret is swapped by renaming its folder.
    watchFile(path, { persistent: false, interval: this.#options.pollMs ?? 1000 }, listener);
    this.#watched.push({ path, listener });
  }
}

function settingsEntries(options: KeyOptions): readonly Entry[] {
  const { apiKey, telemetry } = options;
  if (apiKey === undefined) return [];
  if (apiKey.trim() === '') throw new LocalLiteError('invalid_config', 'api_key is empty: give a key, or leave the setting out');
  if (apiKey.length < SHORT_KEY) telemetry.log.warn('api_key_short', { characters: apiKey.length, advised: SHORT_KEY });
  const info: KeyInfo = {
    id: fixedId('settings', 'api_key'),
    name: 'api_key',
    scopes: ['admin'],
    requestsPerMinute: undefined,
    createdAt: new Date().toISOString(),
    lastUsedAt: undefined,
    from: 'settings',
  };
  return [{ info, digest: digestOf(apiKey) }];
}

function storedEntry(key: StoredKey): Entry {
  const info: KeyInfo = {
    id: key.id,
    name: key.name,
    scopes: key.scopes,
    requestsPerMinute: key.requests_per_minute ?? undefined,
    createdAt: key.created_at,
    lastUsedAt: key.last_used_at ?? undefined,
    from: 'home',
  };
  return { info, digest: Buffer.from(key.sha256, 'hex') };
}

/** An id that stays the same over restarts and says nothing about the secret. */
function fixedId(from: string, name: string): string {
  return `key_${digestOf(`${from}:${name}`).toString('hex').slice(0, 16)}`;
}

function checkNew(name: string, scopes: readonly KeyScope[], requestsPerMinute: number | undefined): void {
  if (!/^[\w.@ -]{1,100}$/.test(name) || name.trim() !== name) {
    throw new LocalLiteError('invalid_request', 'a key name has 1 to 100 letters, digits, spaces or . _ @ -', { param: 'name' });
  }
  const unknown = scopes.find((scope) => scope !== 'inference' && scope !== 'documents' && scope !== 'admin');
  if (unknown !== undefined || scopes.length === 0) {
    throw new LocalLiteError('invalid_request', 'scopes must be one or more of inference, documents, admin', { param: 'scopes' });
  }
  if (requestsPerMinute !== undefined && (!Number.isSafeInteger(requestsPerMinute) || requestsPerMinute < 0)) {
    throw new LocalLiteError('invalid_request', 'requests_per_minute must be a whole number, 0 for no limit', {
      param: 'requests_per_minute',
    });
  }
}

async function readKeyText<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new LocalLiteError('invalid_config', `cannot read the key file ${path} (${systemCode(cause) ?? 'unknown reason'})`, { cause });
  }
}
