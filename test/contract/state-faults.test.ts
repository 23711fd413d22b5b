import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { migrate, Sqlite } from '../../src/state/database.ts';
import { openState } from '../../src/state/open.ts';
import { openReader } from '../../src/state/reader.ts';
import type { FileRow, NewChunk, State } from '../../src/state/state-types.ts';
import { callsOf } from '../../src/state/store.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function newPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'locallite-state-faults-'));
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'state', 'locallite.db');
}

async function open(path: string, entry?: string): Promise<State> {
  const state = await openState({ path, ...(entry !== undefined && { entry }) });
  cleanUps.push(() => state.close());
  return state;
}

const EDITION = { model: 'm', space: 's', variant: 'v', dimensions: 4, chunker: '{}' };
const COLLECTION = { id: 'vs_1', name: 'notes', metadata: {}, edition: EDITION };
const FILE: FileRow = {
  id: 'file-1',
  name: 'a.txt',
  bytes: 1,
  sha256: 'x',
  mediaType: 'text/plain',
  purpose: 'assistants',
  createdAt: 1,
  expiresAt: undefined,
  origin: 'upload',
};

/** Chunks that all name their version. */
const chunksOf = (version: number, count: number, text = `version ${version}`): readonly NewChunk[] =>
  Array.from({ length: count }, (_, ordinal) => ({
    ordinal,
    text,
    start: 0,
    end: 1,
    lead: '',
    tokens: 1,
    path: [],
    page: undefined,
    lastPage: undefined,
    meta: '{}',
    vector: Float32Array.of(version, ordinal, 0, 1),
  }));

const contentOf = (documentId: number, editionId: number, chunks: readonly NewChunk[]) => ({
  documentId,
  editionId,
  contentSha256: 'x',
  parsed: '{}',
  facts: '{}',
  chunks,
});

async function withDocument(state: State) {
  const { edition, id } = await state.createCollection(COLLECTION);
  await state.addFile(FILE);
  return { edition, document: await state.openDocument({ collectionId: id, fileId: FILE.id }) };
}

/** A program for the thread that answers one call, if at all, and dies of the next; from its second start on it only answers. */
function brittleThread(path: string, death: string): string {
  const entry = join(path, '..', '..', 'brittle.mjs');
  const mark = JSON.stringify(join(path, '..', '..', 'mark'));
  writeFileSync(
    entry,
    `import { existsSync, writeFileSync } from 'node:fs';
     import { parentPort } from 'node:worker_threads';
     const dies = !existsSync(${mark});
     writeFileSync(${mark}, '');
     parentPort.postMessage({ opened: {} });
     parentPort.on('message', (request) => {
       if (request === 'close') return parentPort.close();
       if (dies) { ${death} }
       parentPort.postMessage({ id: request.id, value: 7 });
     });`,
  );
  return entry;
}

it.each([
  ['an exception', "throw new RangeError('no more memory')", 'no more memory'],
  ['its end', 'process.exit(3)', 'exit code 3'],
])('a thread that is stopped by %s rejects all that waits, and the next call starts another', async (_how, death, reason) => {
  const path = newPath();
  const state = await open(path, brittleThread(path, death));
  const calls = await Promise.allSettled([state.expiredFiles(1), state.expiredFiles(2)]);
  for (const call of calls) {
    expect(call).toMatchObject({ reason: { code: 'worker_crashed', message: expect.stringContaining(reason) } });
  }
  expect(await state.expiredFiles(3)).toBe(7);
  await state.close();
  await expect(state.expiredFiles(4)).rejects.toMatchObject({ code: 'shutting_down' });
});

it('a reader beside the writer sees one version of a document or the other, never a part', async () => {
  const path = newPath();
  const state = await open(path);
  const { document, edition } = await withDocument(state);
  await state.putContent(contentOf(document.id, edition.id, chunksOf(0, 20)));
  const reader = openReader(path);
  cleanUps.push(() => reader.close());
  const seen = new Set<string>();
  let writing = true;
  const written = (async () => {
    for (let version = 1; version <= 60; version++) {
      await state.putContent(contentOf(document.id, edition.id, chunksOf(version, 20 + (version % 2) * 30)));
    }
    writing = false;
  })();
  while (writing) {
    const [texts, { vectors }] = reader.atOnce(() => [reader.texts(edition.id, 0, 100), reader.vectors(edition.id, 0, 100)] as const);
    const [version] = new Set(texts.map(({ text }) => text));
    expect(texts.map(({ text }) => text)).toEqual(Array.from({ length: Number(version?.slice(8)) % 2 ? 50 : 20 }, () => version));
    expect(vectors.filter((_, at) => at % 4 === 0)).toEqual(new Float32Array(texts.length).fill(Number(version?.slice(8))));
    if (version !== undefined) seen.add(version);
    await new Promise(setImmediate);
  }
  await written;
  expect(seen.size).toBeGreaterThan(1);
});

it('a full disk refuses a content by name and keeps the old one whole', async () => {
  const path = newPath();
  await (await open(path)).close();
  const sql = new Sqlite(path, { readOnly: false });
  cleanUps.push(() => sql.close());
  migrate(sql);
  const calls = callsOf(sql);
  const { edition, id } = calls.createCollection(COLLECTION);
  calls.addFile(FILE);
  const document = calls.openDocument({ collectionId: id, fileId: FILE.id });
  calls.putContent(contentOf(document.id, edition.id, chunksOf(1, 5)));
  calls.addJob({ ...JOB, state: 'running' }, [{ source: '"a"' }]);
  sql.exec(`PRAGMA max_page_count = ${Number(sql.get('PRAGMA page_count')?.['page_count']) + 3}`);
  const item = { jobId: JOB.id, ordinal: 0 };
  const large = { ...contentOf(document.id, edition.id, chunksOf(2, 50, 'x'.repeat(10_000))), contentSha256: 'y', item };
  expect(() => calls.putContent(large)).toThrow(expect.objectContaining({ code: 'disk_full' }));
  expect(calls.chunksOf(document.id).map(({ text }) => text)).toEqual(Array.from({ length: 5 }, () => 'version 1'));
  expect(calls.findDocument(id, FILE.id)).toMatchObject({ contentSha256: 'x', version: 1, status: 'completed' });
  expect(calls.itemCounts(JOB.id)).toMatchObject({ waiting: 1, done: 0 });
  expect(calls.verify()).toEqual([]);
  // Room again: the same call goes through.
  sql.exec('PRAGMA max_page_count = 100000');
  expect(calls.putContent(large)).toBe(true);
  expect(calls.itemCounts(JOB.id)).toMatchObject({ waiting: 0, done: 1 });
  expect(calls.verify()).toEqual([]);
});

const JOB = {
  id: 'job_1',
  kind: 'ingest',
  subject: 'notes',
  payload: '{}',
  progress: undefined,
  error: undefined,
  result: undefined,
  createdAt: 1,
  updatedAt: 1,
} as const;

it('vectors of another length than the collection has are refused, those of one document together', async () => {
  const state = await open(newPath());
  const { document, edition } = await withDocument(state);
  const three = chunksOf(1, 2).map((chunk) => ({ ...chunk, vector: chunk.vector.subarray(0, 3) }));
  await expect(state.putContent(contentOf(document.id, edition.id, three))).rejects.toMatchObject({
    code: 'index_mismatch',
    message: expect.stringContaining('3 dimensions, those of the collection have 4'),
  });
  const mixed = [...chunksOf(1, 1), ...three.slice(1)];
  await expect(state.putContent(contentOf(document.id, edition.id, mixed))).rejects.toMatchObject({ code: 'index_mismatch' });
  expect(await state.chunksOf(document.id)).toEqual([]);
});

it('vectors that are a part of a larger block arrive as they are, and stay the caller’s', async () => {
  const state = await open(newPath());
  const { document, edition } = await withDocument(state);
  const block = Float32Array.from({ length: 40 }, (_, at) => at / 8);
  const chunks = chunksOf(1, 3).map((chunk, row) => ({ ...chunk, vector: block.subarray(4 + row * 12, 8 + row * 12) }));
  await state.putContent(contentOf(document.id, edition.id, chunks));
  const ids = (await state.chunksOf(document.id)).map(({ id }) => id);
  expect(await state.vectors(ids)).toEqual(chunks.map(({ vector }) => Float32Array.from(vector)));
  expect(block).toHaveLength(40);
});

it('two programs on one database wait for each other', async () => {
  const path = newPath();
  const [one, other] = [await open(path), await open(path)];
  await one.createCollection(COLLECTION);
  const names = Array.from({ length: 40 }, (_, at) => `file-${at}`);
  await Promise.all(names.map((id, at) => (at % 2 === 0 ? one : other).addFile({ ...FILE, id, createdAt: at })));
  expect((await other.listFiles({ limit: 100, order: 'asc' })).items.map(({ id }) => id)).toEqual(names);
  expect(await one.verify()).toEqual([]);
});

it('a database that is damaged in the middle is refused by name, with the way out', async () => {
  const path = newPath();
  const state = await open(path);
  const { document, edition } = await withDocument(state);
  await state.putContent(contentOf(document.id, edition.id, chunksOf(1, 200, 'words '.repeat(300))));
  await state.close();
  // Pages behind the first, which alone would look sound.
  const sound = statSync(path).size;
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(sound - 16_384, 0x5a), 0, sound - 16_384, 16_384);
  closeSync(file);
  await expect(open(path)).rejects.toMatchObject({ code: 'store_corrupt', message: expect.stringContaining('move it away') });
});

it.skipIf(process.platform === 'win32')('the database is for its owner alone', async () => {
  const path = newPath();
  const state = await open(path);
  await state.createCollection(COLLECTION);
  for (const file of [path, `${path}-wal`, `${path}-shm`]) expect([file, statSync(file).mode & 0o777]).toEqual([file, 0o600]);
  expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700);
});

it('what is deleted is in no file after the space was given back', async () => {
  const path = newPath();
  const state = await open(path);
  const { document, edition } = await withDocument(state);
  const secret = 'correct horse battery staple';
  await state.putContent(contentOf(document.id, edition.id, chunksOf(1, 100, secret.repeat(20))));
  await state.deleteFile(FILE.id);
  expect((await state.vacuum()).freedBytes).toBeGreaterThan(0);
  for (const file of [path, `${path}-wal`]) {
    if (existsSync(file)) expect(readFileSync(file).includes(secret)).toBe(false);
  }
});

it('old ended jobs are forgotten at a start, open ones never', async () => {
  const path = newPath();
  const state = await open(path);
  const rows = Array.from({ length: 1010 }, (_, at) => ({ ...JOB, id: `job_${at}`, createdAt: at, state: 'succeeded' as const }));
  await Promise.all(rows.map((row) => state.addJob(row, [])));
  await state.addJob({ ...JOB, id: 'job_open', createdAt: 0, state: 'paused' }, [{ source: '"a"' }]);
  await state.close();
  const jobs = await (await open(path)).listJobs(5000);
  expect(jobs).toHaveLength(1001);
  expect(jobs.find(({ id }) => id === 'job_9')).toBeUndefined();
  expect(jobs.find(({ id }) => id === 'job_10')).toBeDefined();
  expect(jobs.find(({ id }) => id === 'job_open')).toBeDefined();
});
