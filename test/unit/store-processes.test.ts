import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildPullChild, runPullChild } from '../servers/child.ts';
import { startHubServer } from '../servers/hub-server.ts';
import { cardFiles, randomModel, refusal, temporaryFolder, testCard, testStore } from '../servers/store-fixture.ts';

const ID = 'test/model';
const COMMIT = 'd'.repeat(40);
const WEIGHTS = 'onnx/model.onnx_data';
const LONG = process.env['LOCALLITE_TEST_LONG'] === '1';

const cleanUps: (() => Promise<void>)[] = [];
let child: Awaited<ReturnType<typeof buildPullChild>>;
beforeAll(async () => {
  child = await buildPullChild();
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});
afterAll(() => child.remove());

async function setUp(weightBytes = 300_000) {
  const files = randomModel(weightBytes);
  const hub = await startHubServer({ [ID]: { commit: COMMIT, files: { ...files } } });
  cleanUps.push(hub.close);
  const cards = [testCard(ID, { fp32: [{ ref: `hub:${ID}@${COMMIT}`, files: cardFiles(files) }] }, COMMIT)];
  const home = await temporaryFolder(cleanUps);
  return { files, hub, cards, home, settings: { home, cards, endpoint: hub.endpoint } };
}

describe('concurrent pulls', () => {
  it('in one process share one download, and all see its progress', async () => {
    const { settings, hub, files } = await setUp();
    const store = testStore(settings);
    const heard: number[] = [];
    const models = await Promise.all(
      ['model', ID, 'MODEL'].map((name, caller) => store.pull(name, { onProgress: () => void heard.push(caller) })),
    );
    expect(new Set(models.map(({ directory }) => directory)).size).toBe(1);
    expect(hub.sentFor(WEIGHTS)).toBe(files[WEIGHTS]?.length);
    expect(new Set(heard)).toEqual(new Set([0, 1, 2]));
  });

  it('go on for the others when one caller leaves, and stop when all have left', async () => {
    const { settings, hub } = await setUp();
    hub.fault(WEIGHTS, { rate: 300_000 }, { stallAfter: 10_000 });
    const store = testStore(settings);
    const leave = new AbortController();
    const left = refusal(store.pull(ID, { signal: leave.signal }));
    const stayed = store.pull(ID, { onProgress: ({ bytesDone }) => bytesDone > 50_000 && leave.abort() });
    expect((await left).code).toBe('cancelled');
    expect((await stayed).card.id).toBe(ID);
    await store.remove(ID);
    const stop = new AbortController();
    const onProgress = ({ bytesDone }: { bytesDone: number }) => bytesDone > 5000 && stop.abort();
    const both = [store.pull(ID, { signal: stop.signal, onProgress }), store.pull(ID, { signal: stop.signal })].map(refusal);
    expect((await Promise.all(both)).map(({ code }) => code)).toEqual(['cancelled', 'cancelled']);
    // A new pull is not joined to the one that is being stopped.
    expect((await testStore(settings).pull(ID)).card.id).toBe(ID);
  });

  it('in two processes make one download', async () => {
    const { settings, hub, files } = await setUp();
    hub.fault(WEIGHTS, { rate: 600_000 });
    const job = { store: settings, references: [ID] };
    const both = await Promise.all([runPullChild(child.path, job).lines, runPullChild(child.path, job).lines]);
    for (const lines of both) expect(lines.some(({ installed }) => installed !== undefined)).toBe(true);
    expect(hub.sentFor(WEIGHTS)).toBe(files[WEIGHTS]?.length);
  });
});

describe('a pull that is killed', () => {
  /** Kills the child at a phase, or so long after its first word, then looks at what it left and finishes the pull. */
  const killedAt = async (when: { readonly phase?: string; readonly afterMs?: number }): Promise<void> => {
    const { settings, files, hub } = await setUp(2_000_000);
    hub.fault(WEIGHTS, { rate: 4_000_000 });
    let timer: NodeJS.Timeout | undefined;
    const { child: running, lines } = runPullChild(child.path, { store: settings, references: [ID] }, (line) => {
      if (when.phase !== undefined && line.phase === when.phase) running.kill('SIGKILL');
      if (when.afterMs !== undefined) timer ??= setTimeout(() => running.kill('SIGKILL'), when.afterMs);
    });
    await lines;
    clearTimeout(timer);
    const store = testStore(settings);
    for (const model of await store.list()) expect(model.files.length).toBe(Object.keys(files).length);
    for (const report of await store.verify()) expect(report).toMatchObject({ ok: true });
    const model = await store.pull(ID);
    expect(model.files.length).toBe(Object.keys(files).length);
    expect(await store.verify()).toEqual([{ id: ID, variant: 'fp32', ok: true, problems: [] }]);
  };

  it('while it resolves, fetches, checks or installs leaves a store that works', async () => {
    await Promise.all(['resolving', 'downloading', 'verifying', 'installing'].map((phase) => killedAt({ phase })));
  }, 60_000);

  it('at any moment leaves a store that works', async () => {
    const moments = Array.from({ length: LONG ? 60 : 4 }, () => Math.random() * 900);
    for (let at = 0; at < moments.length; at += 4) await Promise.all(moments.slice(at, at + 4).map((afterMs) => killedAt({ afterMs })));
  }, 600_000);
});

describe('offline', () => {
  it('opens no connection and looks up no name, whatever is asked', async () => {
    const { settings, files } = await setUp();
    const installed = await temporaryFolder(cleanUps);
    await testStore({ ...settings, home: installed }).pull(ID);
    const other = testCard('test/other', {
      fp32: [
        { ref: 'hub:test/other@main', files: cardFiles(files) },
        { ref: 'npm:package@1.0.0', integrity: 'sha512-AAAA', files: cardFiles(files) },
        { ref: 'pypi:package@1.0.0', files: cardFiles(files) },
        { ref: 'https://example.com/model/', files: cardFiles(files) },
      ],
    });
    const cache = join(installed, 'no-cache');
    await mkdir(cache);
    const store = { ...settings, home: installed, cards: [...settings.cards, other], offline: true, cache };
    const references = [ID, 'test/other', 'someone/unknown', 'npm:package@1.0.0', 'pypi:package@1.0.0', 'https://example.com/model/'];
    const lines = await runPullChild(child.path, { store, references, trap: true }).lines;
    expect(lines.filter(({ installed: directory }) => directory !== undefined).length).toBe(1);
    expect(lines.flatMap(({ failed }) => (failed === undefined ? [] : [failed]))).toEqual(Array(5).fill('offline'));
    expect(lines.at(-1)).toEqual({ attempts: 0 });
  });

  it('would be noticed if it did (the trap works)', async () => {
    const { settings } = await setUp();
    const lines = await runPullChild(child.path, { store: settings, references: [ID], trap: true }).lines;
    expect(lines.at(-1)?.attempts).toBeGreaterThan(0);
  });
});
