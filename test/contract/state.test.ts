import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { Sqlite } from '../../src/state/database.ts';
import { openState } from '../../src/state/open.ts';
import { openReader } from '../../src/state/reader.ts';
import type { FileRow, NewChunk, State } from '../../src/state/state-types.ts';
import { type StateUnderTest, testState } from '../../src/testing/state-suite.ts';

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

/** An empty database for one check, with some of its methods broken. */
async function fresh(broken: object = {}): Promise<StateUnderTest> {
  const at = join(newFolder(), 'state', 'locallite.db');
  const start = async (): Promise<State> => {
    const opened = await open(at);
    return new Proxy(opened, { get: (target, name) => Reflect.get(name in broken ? broken : target, name) });
  };
  return { state: await start(), reopen: start };
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

describe('the contract', () => {
  for (const { name, run } of testState(() => fresh())) it(name, run);

  it('is broken by a store that forgets, and the suite says so', async () => {
    const broken: Partial<Record<keyof State, (...values: never[]) => Promise<unknown>>> = {
      dropUnusedFile: async () => true,
      vectors: async (ids: readonly number[]) => ids.map(() => Float32Array.of(0, 0, 0, 0)),
      switchEdition: async () => true,
    };
    const failed: string[] = [];
    for (const { name, run } of testState(() => fresh(broken))) await run().catch(() => failed.push(name));
    expect(failed).toEqual([
      'chunks and vectors come back to the bit, in the order that is asked for',
      'an unused file goes; one that is used or waited for stays',
      'an edition is built beside the active one and takes its place when nothing is missing',
      'an edition that is dropped, or begun anew, leaves nothing',
      'everything acknowledged is there after the next start',
    ]);
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
