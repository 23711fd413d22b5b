import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { localDisk } from '../../src/models/disk.ts';
import type { PullProgress } from '../../src/models/store-types.ts';
import { type HubServer, startHubServer } from '../servers/hub-server.ts';
import { cardFiles, randomModel, refusal, temporaryFolder, testCard, testStore } from '../servers/store-fixture.ts';

const ID = 'test/model';
const COMMIT = 'c'.repeat(40);
const WEIGHTS = 'onnx/model.onnx_data';

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function setUp(options: { weightBytes?: number; pinned?: boolean; token?: string; revision?: string } = {}) {
  const { weightBytes, pinned = true, token, revision = COMMIT } = options;
  const files = randomModel(weightBytes);
  const hub: HubServer = await startHubServer({ [ID]: { commit: COMMIT, files: { ...files }, ...(token === undefined ? {} : { token }) } });
  cleanUps.push(hub.close);
  const home = await temporaryFolder(cleanUps);
  const card = testCard(ID, { fp32: [{ ref: `hub:${ID}@${revision}`, files: cardFiles(files, { pinned }) }] }, revision);
  return {
    files,
    hub,
    home,
    card,
    store: (more: Partial<Parameters<typeof testStore>[0]> = {}) => testStore({ home, cards: [card], endpoint: hub.endpoint, ...more }),
  };
}

describe('a pull from the hub', () => {
  it('installs every file under its own path, checked, and returns at once the second time', async () => {
    const { store, files, hub } = await setUp();
    const model = await store().pull('model');
    for (const [path, bytes] of Object.entries(files)) expect(bytes.equals(await readFile(join(model.directory, path)))).toBe(true);
    expect(model.source).toBe(`hub:${ID}@${COMMIT}`);
    expect(model.bytes).toBe(Object.values(files).reduce((sum, bytes) => sum + bytes.length, 0));
    const asked = hub.requests.length;
    const again = await store().pull(`hub:${ID.toUpperCase()}`);
    expect(again.directory).toBe(model.directory);
    expect(hub.requests.length).toBe(asked);
  });

  it('learns commit, length and hash from the hub where the card pins nothing', async () => {
    const { store, hub } = await setUp({ pinned: false, revision: 'main' });
    const model = await store().pull(ID);
    expect(model.source).toBe(`hub:${ID}@${COMMIT}`);
    expect(await store().verify()).toEqual([{ id: ID, variant: 'fp32', ok: true, problems: [] }]);
    // Every body is asked of the commit that the first answer named.
    expect(hub.requests.filter(({ method }) => method === 'GET').every(({ path }) => path.includes(COMMIT))).toBe(true);
  });

  it('goes on after a cut connection without fetching a byte twice', async () => {
    const { store, hub, files } = await setUp();
    hub.fault(WEIGHTS, { cutAfter: 100_000 }, { cutAfter: 100_000 });
    await store().pull(ID);
    expect(hub.sentFor(WEIGHTS)).toBe(files[WEIGHTS]?.length);
    const ranges = hub.cdnRequests.map(({ headers }) => headers.range);
    expect(ranges).toEqual([undefined, 'bytes=100000-299999', 'bytes=200000-299999']);
    expect(hub.cdnRequests[1]?.headers['if-range']).toMatch(/^"cdn-/);
  });

  it('goes on in a later pull where an aborted one stopped', async () => {
    const { store, hub, files } = await setUp();
    hub.fault(WEIGHTS, { stallAfter: 150_000 });
    const stop = new AbortController();
    const first = store().pull(ID, {
      signal: stop.signal,
      onProgress: ({ bytesDone }) => {
        if (bytesDone >= 150_000) stop.abort();
      },
    });
    expect((await refusal(first)).code).toBe('cancelled');
    expect(await store().list()).toEqual([]);
    await store().pull(ID);
    expect(hub.sentFor(WEIGHTS)).toBe(files[WEIGHTS]?.length);
  });

  it('starts again when the file changed between two parts', async () => {
    const { store, hub, files } = await setUp({ pinned: false, revision: 'main' });
    const other = randomBytes(files[WEIGHTS]?.length ?? 0);
    hub.fault(WEIGHTS, { cutAfter: 100_000 });
    const stop = new AbortController();
    // The first part is of the old file; then the repository moves on.
    const pulling = store({ retries: 0 }).pull(ID, { signal: stop.signal });
    expect((await refusal(pulling)).code).toBe('model_fetch_failed');
    hub.replace(WEIGHTS, other);
    const model = await store().pull(ID);
    expect(other.equals(await readFile(join(model.directory, WEIGHTS)))).toBe(true);
  });

  it('refuses a file whose content is not what was promised, and keeps nothing of it', async () => {
    const { store, hub, files } = await setUp();
    hub.replace(WEIGHTS, randomBytes(files[WEIGHTS]?.length ?? 0), { claimOld: true });
    const error = await refusal(store().pull(ID));
    expect(error.code).toBe('model_fetch_failed');
    expect(error.message).toContain(`${WEIGHTS} has sha256`);
    expect(await store().list()).toEqual([]);
    hub.replace(WEIGHTS, files[WEIGHTS] ?? Buffer.alloc(0));
    expect((await store().pull(ID)).card.id).toBe(ID);
  });

  it('checks small files against their git object id', async () => {
    const { store, hub, files } = await setUp({ pinned: false, revision: 'main' });
    hub.replace('tokenizer.json', Buffer.alloc(files['tokenizer.json']?.length ?? 0, 'x'), { claimOld: true });
    expect((await refusal(store().pull(ID))).message).toContain('tokenizer.json has git object id');
  });

  it('says which file is missing, and leaves out supporting files that are', async () => {
    const { card, hub, home } = await setUp();
    const [variant] = card.variants;
    const files = [...(variant?.sources[0]?.files ?? []), { path: 'modules.json' }];
    const withOptional = testCard(ID, { fp32: [{ ref: `hub:${ID}@${COMMIT}`, files }] }, COMMIT);
    const model = await testStore({ home, cards: [withOptional], endpoint: hub.endpoint }).pull(ID);
    expect(model.files.map(({ path }) => path)).not.toContain('modules.json');
    const withRequired = testCard(ID, { fp32: [{ ref: `hub:${ID}@${COMMIT}`, files: [...files, { path: 'onnx/other.onnx' }] }] }, COMMIT);
    const error = await refusal(
      testStore({ home: await temporaryFolder(cleanUps), cards: [withRequired], endpoint: hub.endpoint }).pull(ID),
    );
    expect(error.code).toBe('model_not_found');
    expect(error.message).toContain('onnx/other.onnx');
  });

  it('tries again after 500 and 503 with Retry-After', async () => {
    const { store, hub } = await setUp();
    hub.fault('onnx/model.onnx', { status: 500 }, { status: 503, headers: { 'retry-after': '0' } });
    await store().pull(ID);
    expect(hub.requests.filter(({ method, path }) => method === 'GET' && path.endsWith('/onnx/model.onnx')).length).toBe(3);
  });

  it('gives up a stalled transfer after the time-out and goes on', async () => {
    const { store, hub, files } = await setUp();
    hub.fault(WEIGHTS, { stallAfter: 50_000 });
    await store({ timeout: 0.3 }).pull(ID);
    expect(hub.sentFor(WEIGHTS)).toBe(files[WEIGHTS]?.length);
  });

  it('sends the token to the hub and to no other host', async () => {
    const { store, hub } = await setUp({ token: 'hf_secret' });
    const denied = await refusal(store().pull(ID));
    expect(denied.code).toBe('model_fetch_failed');
    expect(denied.message).toContain('HF_TOKEN');
    await store({ token: 'hf_secret' }).pull(ID);
    expect(hub.requests.some(({ headers }) => headers.authorization === 'Bearer hf_secret')).toBe(true);
    expect(hub.cdnRequests.length).toBeGreaterThan(0);
    expect(hub.cdnRequests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    expect((await refusal(store({ token: 'hf_wrong', home: await temporaryFolder(cleanUps) }).pull(ID))).message).not.toContain('hf_wrong');
  });

  it('fetches a big file in parallel ranges and resumes them', async () => {
    const { store, hub, files } = await setUp({ weightBytes: 1_000_000 });
    hub.fault(WEIGHTS, {}, { cutAfter: 30_000 });
    const parallel = { connections: 4, transfer: { pieceBytes: 100_000, firstPauseMs: 10 } };
    const model = await store(parallel).pull(ID);
    expect(files[WEIGHTS]?.equals(await readFile(join(model.directory, WEIGHTS)))).toBe(true);
    expect(hub.sentFor(WEIGHTS)).toBe(1_000_000);
    expect(hub.cdnRequests.length).toBe(11);
  });

  it('tells phases, bytes and the total', async () => {
    const { store, files } = await setUp();
    const seen: PullProgress[] = [];
    await store().pull(ID, { onProgress: (progress) => seen.push(progress) });
    expect(new Set(seen.map(({ phase }) => phase))).toEqual(new Set(['resolving', 'downloading', 'verifying', 'installing']));
    const total = Object.values(files).reduce((sum, bytes) => sum + bytes.length, 0);
    expect(seen.at(-1)).toMatchObject({ phase: 'installing', bytesDone: total, bytesTotal: total });
    expect(seen.every(({ bytesDone }, index) => bytesDone >= (seen[index - 1]?.bytesDone ?? 0))).toBe(true);
  });
});

describe('a disk that is full', () => {
  it('is found before anything is fetched', async () => {
    const { store, hub } = await setUp();
    const disk = { ...localDisk, freeBytes: async () => 1000 };
    expect((await refusal(store({ disk }).pull(ID))).code).toBe('disk_full');
    expect(hub.cdnRequests.length).toBe(0);
  });

  it('is named when it fills up on the way, and the pull can go on later', async () => {
    const { store, hub, files } = await setUp({ weightBytes: 4_000_000 });
    let room = 3_000_000;
    const disk = {
      ...localDisk,
      async open(path: string, flags: string) {
        const handle = await localDisk.open(path, flags);
        const write = handle.write.bind(handle);
        return new Proxy(handle, {
          get(target, name) {
            if (name !== 'write') {
              const value: unknown = Reflect.get(target, name, target);
              return typeof value === 'function' ? value.bind(target) : value;
            }
            return async (buffer: Buffer, offset: number, length: number, position: number) => {
              room -= length;
              if (room < 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
              return write(buffer, offset, length, position);
            };
          },
        });
      },
    };
    expect((await refusal(store({ disk }).pull(ID))).code).toBe('disk_full');
    const before = hub.sentFor(WEIGHTS);
    await store().pull(ID);
    expect(hub.sentFor(WEIGHTS) - before).toBeLessThan(files[WEIGHTS]?.length ?? 0);
  });
});
