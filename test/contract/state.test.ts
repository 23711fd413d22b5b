import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { Sqlite } from '../../src/state/database.ts';
import { openState } from '../../src/state/open.ts';
import { openReader } from '../../src/state/reader.ts';
import type { FileRow, JobRow, NewChunk, State } from '../../src/state/state-types.ts';

const folders: string[] = [];
const states: State[] = [];
let path = '';
let state: State;

async function open(at = path): Promise<State> {
  const opened = await openState({ path: at });
  states.push(opened);
  return opened;
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'locallite-state-'));
  folders.push(folder);
  return folder;
}

beforeEach(async () => {
  path = join(newFolder(), 'state', 'locallite.db');
  state = await open();
});

afterAll(async () => {
  await Promise.all(states.map((one) => one.close()));
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const EDITION = { model: 'm', space: 's', variant: 'v', dimensions: 4, chunker: '{}' };
const collection = (id: string, name = id) => state.createCollection({ id, name, metadata: { a: 'b' }, edition: EDITION });
const file = (id: string, createdAt = 1000): FileRow => ({
  id,
  name: `${id}.txt`,
  bytes: 10,
  sha256: 'x',
  mediaType: 'text/plain',
  purpose: 'assistants',
  createdAt,
  expiresAt: undefined,
  origin: 'upload',
});
const chunk = (ordinal: number, text = `text ${ordinal}`): NewChunk => ({
  ordinal,
  text,
  start: ordinal * 10,
  end: ordinal * 10 + text.length,
  lead: '',
  tokens: 2,
  path: ['Heading'],
  page: 1,
  lastPage: undefined,
  meta: '{}',
  vector: Float32Array.of(1, ordinal, 0.5, -1),
});
const job = (id: string, change: Partial<JobRow> = {}): JobRow => ({
  id,
  kind: 'ingest',
  subject: 'c',
  payload: '{}',
  state: 'queued',
  progress: undefined,
  error: undefined,
  result: undefined,
  createdAt: 1,
  updatedAt: 1,
  ...change,
});

/** A document with that many chunks in a new collection. */
async function withDocument(count: number) {
  const { id, edition } = await collection('vs_1', 'notes');
  await state.addFile(file('file-1'));
  const document = await state.openDocument({ collectionId: id, fileId: 'file-1', attributes: { year: 2020 } });
  const put = (texts: readonly NewChunk[], sha = 'one') =>
    state.putContent({
      documentId: document.id,
      editionId: edition.id,
      contentSha256: sha,
      parsed: '{"text":"…"}',
      facts: '{"a":1}',
      chunks: texts,
    });
  if (count > 0) await put(Array.from({ length: count }, (_, index) => chunk(index)));
  return { collectionId: id, edition, document, put };
}

describe('collections', () => {
  it('are found by id and by name, whichever it is', async () => {
    await collection('vs_1', 'notes');
    expect((await state.findCollection('vs_1'))?.name).toBe('notes');
    expect(await state.findCollection('notes')).toMatchObject({
      id: 'vs_1',
      metadata: { a: 'b' },
      edition: { ...EDITION, state: 'active' },
    });
    expect(await state.findCollection('other')).toBeUndefined();
    await expect(collection('vs_2', 'notes')).rejects.toMatchObject({ code: 'conflict' });
  });

  it('change, expire and go with all they have', async () => {
    const { collectionId } = await withDocument(2);
    await state.updateCollection(collectionId, { name: 'letters', expiresAfterDays: 1, lastActiveAt: 0 });
    expect(await state.expiredCollections(86_400_001)).toEqual([collectionId]);
    expect(await state.expiredCollections(86_400_000)).toEqual([]);
    expect(await state.collectionFacts(collectionId)).toMatchObject({
      documents: { completed: 1, failed: 0 },
      chunks: 2,
      collection: { name: 'letters' },
    });
    expect(await state.deleteCollection(collectionId)).toBe(true);
    expect(await state.deleteCollection(collectionId)).toBe(false);
    expect(await state.verify()).toEqual([]);
    expect(await state.findFile('file-1')).toBeDefined();
  });
});

describe('lists', () => {
  it('page in both directions, stable where times are equal', async () => {
    const ids = ['a', 'b', 'c', 'd', 'e'].map((name) => `file-${name}`);
    for (const id of ids) await state.addFile(file(id, 5));
    const names = async (page: object) => {
      const { items, hasMore } = await state.listFiles({ limit: 2, order: 'asc', ...page });
      return [items.map(({ id }) => id.at(-1)).join(''), hasMore];
    };
    expect(await names({})).toEqual(['ab', true]);
    expect(await names({ after: 'file-b' })).toEqual(['cd', true]);
    expect(await names({ after: 'file-d' })).toEqual(['e', false]);
    expect(await names({ before: 'file-d' })).toEqual(['bc', true]);
    expect(await names({ order: 'desc' })).toEqual(['ed', true]);
    expect(await names({ order: 'desc', after: 'file-d' })).toEqual(['cb', true]);
    expect(await names({ order: 'desc', before: 'file-b' })).toEqual(['dc', true]);
    expect(await names({ purpose: 'vision' })).toEqual(['', false]);
  });
});

describe('documents', () => {
  it('are one for each file, or for each source', async () => {
    const { collectionId, document } = await withDocument(0);
    expect((await state.openDocument({ collectionId, fileId: 'file-1' })).id).toBe(document.id);
    await state.addFile(file('file-2'));
    await state.addFile(file('file-3'));
    const first = await state.openDocument({ collectionId, fileId: 'file-2', sourceKey: '/a/b.txt' });
    const second = await state.openDocument({ collectionId, fileId: 'file-3', sourceKey: '/a/b.txt', attributes: { x: [1, 2] } });
    expect(second).toMatchObject({ id: first.id, fileId: 'file-3', attributes: { x: [1, 2] } });
    expect(await state.documentSources(collectionId, '/a/')).toEqual([{ documentId: first.id, fileId: 'file-3', sourceKey: '/a/b.txt' }]);
    expect(await state.documentSources(collectionId, '/a/%')).toEqual([]);
    expect((await state.listDocuments(collectionId, { limit: 10, order: 'asc', status: 'in_progress' })).items).toHaveLength(2);
  });

  it('are replaced whole: consecutive new ids, nothing of the old left', async () => {
    const { document, put, collectionId } = await withDocument(3);
    const before = await state.chunksOf(document.id);
    expect(before.map(({ ordinal }) => ordinal)).toEqual([0, 1, 2]);
    expect(await put([chunk(0, 'new'), chunk(1, 'words')], 'two')).toBe(true);
    const after = await state.chunksOf(document.id);
    expect(after.map(({ text }) => text)).toEqual(['new', 'words']);
    expect(after[0]?.id).toBeGreaterThan(before.at(-1)?.id ?? 0);
    expect(await state.chunks(before.map(({ id }) => id))).toEqual([]);
    expect(await state.findDocument(collectionId, 'file-1')).toMatchObject({
      status: 'completed',
      version: 2,
      contentSha256: 'two',
      facts: '{"a":1}',
      attributes: { year: 2020 },
    });
    expect(await state.parsedContent(document.id)).toBe('{"text":"…"}');
    expect(await state.verify()).toEqual([]);
  });

  it('keep vectors to the bit, in the order that is asked for', async () => {
    const { document } = await withDocument(3);
    const ids = (await state.chunksOf(document.id)).map(({ id }) => id);
    const [third, first, missing] = await state.vectors([ids[2] ?? 0, ids[0] ?? 0, 999]);
    expect([...(third ?? [])]).toEqual([1, 2, 0.5, -1]);
    expect([...(first ?? [])]).toEqual([1, 0, 0.5, -1]);
    expect(missing).toHaveLength(0);
  });

  it('that are gone take no content', async () => {
    const { document, put } = await withDocument(1);
    await state.deleteFile('file-1');
    expect(await put([chunk(0)])).toBe(false);
    expect(await state.documentsById([document.id])).toEqual([]);
    expect(await state.verify()).toEqual([]);
  });
});

describe('what indexes follow', () => {
  it('tells every change of an edition once, in order', async () => {
    const { document, put, edition } = await withDocument(2);
    const reader = openReader(path);
    try {
      expect(reader.changesSince(edition.id, 0, 10)).toMatchObject([{ kind: 'put', documentId: document.id }]);
      const [{ firstChunk = 0, lastChunk = 0 } = {}] = reader.changesSince(edition.id, 0, 10);
      expect(reader.textsBetween(edition.id, firstChunk, lastChunk).map(({ text }) => text)).toEqual(['text 0', 'text 1']);
      expect(reader.vectors(edition.id, 0, 10).vectors).toHaveLength(8);
      const seen = reader.lastSequence(edition.id);
      await put([chunk(0, 'again')], 'two');
      await state.setAttributes(document.id, { year: 2021 });
      expect(reader.attributes(edition.id)).toEqual([{ documentId: document.id, attributes: { year: 2021 } }]);
      await state.deleteDocument(document.id);
      expect(reader.changesSince(edition.id, seen, 10).map(({ kind }) => kind)).toEqual(['remove', 'put', 'attributes', 'remove']);
      expect(reader.texts(edition.id, 0, 10)).toEqual([]);
    } finally {
      reader.close();
    }
  });
});

describe('editions', () => {
  it('are built beside the active one and take its place when nothing is missing', async () => {
    const { collectionId, document, put, edition } = await withDocument(1);
    const other = await state.createEdition({ ...EDITION, collectionId, space: 'other' });
    expect(await state.editionGap(other.id, 10)).toEqual([document.id]);
    expect(await state.switchEdition(other.id)).toBe(false);
    const copy = { documentId: document.id, editionId: other.id, contentSha256: 'one', parsed: '', facts: '', chunks: [chunk(0, 'other')] };
    expect(await state.putContent(copy)).toBe(true);
    expect(await state.editionGap(other.id, 10)).toEqual([]);
    // A new version comes to the old edition meanwhile.
    await put([chunk(0, 'newer')], 'two');
    expect(await state.editionGap(other.id, 10)).toEqual([document.id]);
    expect(await state.putContent(copy)).toBe(false);
    expect(await state.putContent({ ...copy, contentSha256: 'two', chunks: [chunk(0, 'newer other')] })).toBe(true);
    expect((await state.chunksOf(document.id)).map(({ text }) => text)).toEqual(['newer']);
    expect(await state.switchEdition(other.id)).toBe(true);
    expect((await state.chunksOf(document.id)).map(({ text }) => text)).toEqual(['newer other']);
    expect(await state.findCollection(collectionId)).toMatchObject({ edition: { id: other.id, space: 'other', state: 'active' } });
    expect(edition.id).not.toBe(other.id);
    expect(await state.verify()).toEqual([]);
  });
});

describe('jobs', () => {
  it('are there with all their items, and settle with a content in one transaction', async () => {
    const { document, edition } = await withDocument(0);
    await state.addJob(job('job_1'), [{ source: '"a"', documentId: document.id }, { source: '"b"' }, { source: '"c"' }]);
    expect(await state.itemCounts('job_1')).toEqual({ waiting: 3, done: 0, unchanged: 0, failed: 0, cancelled: 0 });
    const content = { documentId: document.id, editionId: edition.id, contentSha256: 'z', parsed: '', facts: '', chunks: [chunk(0)] };
    await state.putContent({ ...content, item: { jobId: 'job_1', ordinal: 0 } });
    await state.settleItem('job_1', 1, { state: 'failed', error: { code: 'document_unreadable', message: 'no' } });
    expect(await state.itemCounts('job_1')).toMatchObject({ waiting: 1, done: 1, failed: 1 });
    expect((await state.jobItems('job_1', { state: 'waiting', limit: 10 })).map(({ source }) => source)).toEqual(['"c"']);
    expect((await state.listDocuments('vs_1', { limit: 5, order: 'asc', jobId: 'job_1' })).items).toHaveLength(1);
    await state.updateJob('job_1', { state: 'succeeded', result: '{}' });
    expect(await state.findJob('job_1')).toMatchObject({ state: 'succeeded', result: '{}', error: undefined });
    await state.addItems('job_1', [{ source: '"d"' }]);
    expect((await state.jobItems('job_1', { from: 3, limit: 10 })).map(({ ordinal }) => ordinal)).toEqual([3]);
  });

  it('that ran when the process ended wait again', async () => {
    await state.addJob(job('job_1', { state: 'running' }), [{ source: '"a"' }]);
    await state.addJob(job('job_2', { state: 'paused' }), []);
    const { collectionId } = await withDocument(0);
    await state.createEdition({ ...EDITION, collectionId });
    await state.close();
    state = await open();
    expect(state.healed).toMatchObject({ requeuedJobs: 1, abandonedEditions: 1, tornChunks: 0 });
    expect((await state.listJobs(10)).map((one) => [one.id, one.state])).toEqual([
      ['job_2', 'paused'],
      ['job_1', 'queued'],
    ]);
  });
});

describe('the database', () => {
  it('refuses what a newer program wrote, and what is no database, by name', async () => {
    await state.close();
    const sql = new Sqlite(path, { readOnly: false });
    sql.exec('PRAGMA user_version = 999');
    sql.close();
    await expect(open()).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('newer') });
    const garbage = join(newFolder(), 'x.db');
    writeFileSync(garbage, 'this is no database at all, however long it is'.repeat(200));
    await expect(open(garbage)).rejects.toMatchObject({ code: 'store_corrupt' });
  });

  it('heals chunks that somebody tore, and says what is wrong before', async () => {
    const { document, collectionId } = await withDocument(3);
    await state.close();
    const sql = new Sqlite(path, { readOnly: false });
    sql.exec('DELETE FROM vectors WHERE chunk_id = (SELECT min(chunk_id) FROM vectors)');
    sql.close();
    state = await open();
    expect(state.healed.tornChunks).toBe(1);
    expect(await state.findDocument(collectionId, 'file-1')).toMatchObject({ id: document.id, status: 'failed', contentSha256: undefined });
    expect(await state.verify()).toEqual([]);
  });

  it('that is full keeps what it has and takes nothing half', () => {
    const full = join(newFolder(), 'full.db');
    const sql = new Sqlite(full, { readOnly: false });
    sql.exec('CREATE TABLE t (x TEXT)');
    sql.run('INSERT INTO t VALUES (?)', 'kept');
    sql.exec('PRAGMA max_page_count = 20');
    const fill = () =>
      sql.transaction(() => {
        for (let row = 0; row < 100; row++) sql.run('INSERT INTO t VALUES (?)', 'x'.repeat(10_000));
      });
    expect(fill).toThrow(expect.objectContaining({ code: 'disk_full' }));
    expect(sql.all('SELECT x FROM t')).toHaveLength(1);
    sql.run('INSERT INTO t VALUES (?)', 'more');
    sql.close();
  });

  it('answers in the order of the calls, and what was asked before its end', async () => {
    await collection('vs_1');
    const calls = Array.from({ length: 50 }, (_, index) => state.addFile(file(`file-${index}`, index)));
    const closed = state.close();
    await Promise.all(calls);
    await closed;
    await expect(state.findFile('file-1')).rejects.toMatchObject({ code: 'shutting_down' });
    state = await open();
    expect((await state.listFiles({ limit: 100, order: 'asc' })).items).toHaveLength(50);
  });
});
