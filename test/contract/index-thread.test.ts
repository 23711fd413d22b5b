import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Filter, Indexes, IndexQuery } from '../../src/indexing/index-types.ts';
import { type IndexesOptions, openIndexes } from '../../src/indexing/indexes.ts';
import { openState } from '../../src/state/open.ts';
import type { Attributes, NewChunk, State } from '../../src/state/state-types.ts';
import { clusteredVectors } from '../../src/testing/index-suites.ts';

const DIMENSIONS = 16;
const { vectors } = clusteredVectors(2000, DIMENSIONS);
const vector = (row: number): Float32Array => vectors.slice(row * DIMENSIONS, (row + 1) * DIMENSIONS);

let path = '';
let state: State;
let indexes: Indexes;
const opened: Indexes[] = [];

/** Ends what was open before, as a restart does. */
async function restart(options: Partial<IndexesOptions> = {}): Promise<void> {
  await Promise.all(opened.splice(0).map((one) => one.close()));
  indexes = openIndexes({ databasePath: path, ...options });
  opened.push(indexes);
}

beforeEach(async () => {
  path = join(mkdtempSync(join(tmpdir(), 'locallite-indexes-')), 'state', 'locallite.db');
  state = await openState({ path });
  await restart();
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
  await state.close();
  rmSync(dirname(dirname(path)), { recursive: true, force: true });
});

let files = 0;

async function collection(): Promise<{ readonly id: string; readonly edition: number }> {
  const id = `vs_${++files}`;
  const made = await state.createCollection({
    id,
    name: id,
    metadata: {},
    edition: { model: 'm', space: 's', variant: 'v', dimensions: DIMENSIONS, chunker: '{}' },
  });
  return { id, edition: made.edition.id };
}

/** A document whose passages have the vectors of these rows and say so. */
async function document(
  to: { readonly id: string; readonly edition: number },
  rows: readonly number[],
  attributes: Attributes = {},
): Promise<number> {
  const fileId = `file-${++files}`;
  const facts = {
    bytes: 1,
    sha256: 'x',
    mediaType: 'text/plain',
    purpose: 'assistants',
    createdAt: 1,
    expiresAt: undefined,
    origin: 'upload',
  };
  await state.addFile({ id: fileId, name: fileId, ...facts });
  const { id } = await state.openDocument({ collectionId: to.id, fileId, attributes });
  await put(to, id, rows);
  return id;
}

async function put(to: { readonly edition: number }, documentId: number, rows: readonly number[]): Promise<void> {
  const chunks = rows.map(
    (row, ordinal): NewChunk => ({
      ordinal,
      text: `passage row${row}`,
      start: 0,
      end: 1,
      lead: 'Heading',
      tokens: 2,
      path: [],
      page: undefined,
      lastPage: undefined,
      meta: '{}',
      vector: vector(row),
    }),
  );
  await state.putContent({ documentId, editionId: to.edition, contentSha256: `${Math.random()}`, parsed: '{}', facts: '{}', chunks });
}

const ask = (editionId: number, query: Partial<IndexQuery> = {}) => indexes.query({ editionId, vectors: [], texts: [], k: 10, ...query });
const word = (row: number | string) => [{ text: `row${row}`, phrases: [], fuzzy: false }];
/** Texts of the chunks that a look for this row's word and vector finds first. */
async function finds(edition: number, row: number): Promise<readonly (string | undefined)[]> {
  const { dense, text } = await ask(edition, { vectors: [vector(row)], texts: word(row), k: 1 });
  const ids = [...(dense[0]?.chunks ?? []), ...(text[0]?.chunks ?? [])];
  const rows = await state.chunks(ids);
  return ids.map((id) => rows.find((one) => one.id === id)?.text);
}
const both = (row: number): readonly string[] => [`passage row${row}`, `passage row${row}`];
const range = (from: number, to: number): readonly number[] => Array.from({ length: to - from }, (_, at) => from + at);

describe('every question sees what was committed before it', () => {
  test('added, replaced, removed', async () => {
    const notes = await collection();
    expect(await ask(notes.edition, { vectors: [vector(1)], texts: word(1) })).toMatchObject({
      dense: [{ chunks: [] }],
      text: [{ chunks: [] }],
      kept: 0,
    });
    const first = await document(notes, range(0, 40));
    expect(await finds(notes.edition, 7)).toEqual(both(7));
    await put(notes, first, range(100, 120));
    expect(await finds(notes.edition, 110)).toEqual(both(110));
    expect((await ask(notes.edition, { texts: word(7) })).text[0]?.chunks).toEqual([]);
    await state.deleteDocument(first);
    expect(await ask(notes.edition, { vectors: [vector(110)], texts: word(110) })).toMatchObject({
      dense: [{ chunks: [] }],
      text: [{ chunks: [] }],
      kept: 0,
    });
  });

  test('while documents come, go and change', async () => {
    const notes = await collection();
    const ids: number[] = [];
    for (let round = 0; round < 30; round++) {
      ids.push(await document(notes, range(round * 10, round * 10 + 10)));
      const [hits] = await Promise.all([finds(notes.edition, round * 10 + 3), ask(notes.edition, { vectors: [vector(0)] })]);
      expect(hits).toEqual(both(round * 10 + 3));
      if (round % 3 === 2) await state.deleteDocument(ids.shift() ?? 0);
    }
    expect(await indexes.verify(notes.edition)).toEqual([]);
    expect(await indexes.open(notes.edition)).toMatchObject({ chunks: 200 });
  });

  test('headings too', async () => {
    const notes = await collection();
    await document(notes, [1]);
    expect((await ask(notes.edition, { texts: [{ text: 'headings', phrases: [], fuzzy: false }] })).text[0]?.chunks).toHaveLength(1);
  });
});

describe('filters', () => {
  test('follow attributes, and named documents', async () => {
    const notes = await collection();
    const old = await document(notes, range(0, 10), { year: 1999 });
    const recent = await document(notes, range(10, 20), { year: 2024 });
    const filter: Filter = { type: 'gt', key: 'year', value: 2000 };
    const look = (query: Partial<IndexQuery>) => ask(notes.edition, { vectors: [vector(3)], ...query });
    expect((await look({ filter })).kept).toBe(10);
    expect((await look({ filter, k: 100 })).dense[0]?.chunks).toHaveLength(10);
    expect((await look({ documents: [old] })).kept).toBe(10);
    expect((await look({ documents: [old], filter })).kept).toBe(0);
    await state.setAttributes(old, { year: 2025 });
    await state.setAttributes(recent, {});
    expect((await look({ filter, k: 1 })).dense[0]?.scores[0]).toBeCloseTo(1, 4);
    expect((await look({ documents: [recent], filter })).kept).toBe(0);
  });

  test('never give fewer hits than there are, with a graph too', async () => {
    await restart({ exactBelow: 100 });
    const notes = await collection();
    for (let part = 0; part < 20; part++) await document(notes, range(part * 50, part * 50 + 50), { part });
    await vi.waitFor(async () => expect((await indexes.open(notes.edition)).vectors.kind).toBe('graph'), 10_000);
    for (const last of [0, 1, 5, 18]) {
      const filter: Filter = { type: 'lte', key: 'part', value: last };
      const { dense, kept } = await ask(notes.edition, { vectors: [vector(999)], filter, k: 40 });
      expect([dense[0]?.chunks.length, kept]).toEqual([40, (last + 1) * 50]);
      const exact = await ask(notes.edition, { vectors: [vector(999)], filter, k: 40, exact: true });
      const found = dense[0]?.chunks.filter((chunk) => exact.dense[0]?.chunks.includes(chunk)).length;
      expect(found).toBeGreaterThanOrEqual(38);
    }
  });
});

describe('editions', () => {
  test('are kept apart, and an unknown one is refused by name', async () => {
    const [a, b] = [await collection(), await collection()];
    await document(a, [1]);
    await document(b, [2]);
    expect(await finds(a.edition, 1)).toEqual(both(1));
    expect((await ask(b.edition, { texts: word(1) })).text[0]?.chunks).toEqual([]);
    await expect(ask(77)).rejects.toMatchObject({ code: 'not_found' });
    await state.deleteCollection(a.id);
    await expect(ask(a.edition)).rejects.toMatchObject({ code: 'not_found' });
    expect((await indexes.facts()).map(({ editionId }) => editionId)).toEqual([b.edition]);
  });

  test('are let go when memory is short, and come back', async () => {
    const log = { info: vi.fn(), warn: vi.fn() };
    await restart({ memoryBytes: 1, log });
    const [a, b] = [await collection(), await collection()];
    await document(a, [1]);
    await document(b, [2]);
    expect([await finds(a.edition, 1), await finds(b.edition, 2), await finds(a.edition, 1)]).toEqual([both(1), both(2), both(1)]);
    expect((await indexes.facts()).map(({ editionId }) => editionId)).toEqual([a.edition]);
    expect(log.info).toHaveBeenCalledWith('index_let_go', { edition: a.edition });
  });
});

describe('kept graphs', () => {
  const graphOf = (edition: number): string => join(dirname(path), 'indexes', String(edition), 'graph');
  const read = (log: { readonly info: ReturnType<typeof vi.fn> }) =>
    log.info.mock.calls.filter(([event]) => event === 'index_read').at(-1)?.[1];

  async function withGraph(): Promise<number> {
    await restart({ exactBelow: 100 });
    const notes = await collection();
    await document(notes, range(0, 1500));
    await indexes.open(notes.edition);
    await vi.waitFor(() => expect(existsSync(graphOf(notes.edition))).toBe(true), 10_000);
    return notes.edition;
  }

  test('are read at the next start, made anew where torn, and go with their edition', async () => {
    const edition = await withGraph();
    const log = { info: vi.fn(), warn: vi.fn() };
    await restart({ exactBelow: 100, log });
    expect((await indexes.open(edition)).vectors.kind).toBe('graph');
    expect(read(log)).toMatchObject({ edition, chunks: 1500, graph_restored: true });
    expect(await finds(edition, 1234)).toEqual(both(1234));

    writeFileSync(graphOf(edition), 'torn');
    await restart({ exactBelow: 100, log });
    expect(await finds(edition, 1234)).toEqual(both(1234));
    expect(read(log)).toMatchObject({ graph_restored: false });
    await vi.waitFor(async () => expect((await indexes.open(edition)).vectors.kind).toBe('graph'), 10_000);

    await indexes.drop(edition);
    expect(existsSync(dirname(graphOf(edition)))).toBe(false);
    expect(await finds(edition, 7)).toEqual(both(7));
  });

  test('that cannot be written cost nothing but the next start', async () => {
    const log = { info: vi.fn(), warn: vi.fn() };
    await restart({ exactBelow: 100, log });
    const notes = await collection();
    writeFileSync(join(dirname(path), 'indexes'), 'a file stands in the way');
    await document(notes, range(0, 1500));
    expect(await finds(notes.edition, 7)).toEqual(both(7));
    await vi.waitFor(
      () => expect(log.warn).toHaveBeenCalledWith('index_not_kept', expect.objectContaining({ edition: notes.edition })),
      10_000,
    );
    expect(await finds(notes.edition, 8)).toEqual(both(8));
    expect(readdirSync(dirname(path)).filter((name) => name.endsWith('.part'))).toEqual([]);
  });
});

describe('the thread', () => {
  test('answers after somebody left, and refuses when it is closed', async () => {
    const notes = await collection();
    await document(notes, range(0, 100));
    const leaving = new AbortController();
    const left = indexes.query({ editionId: notes.edition, vectors: [vector(1)], texts: [], k: 1 }, leaving.signal);
    leaving.abort();
    await expect(left).rejects.toMatchObject({ code: 'cancelled' });
    expect(await finds(notes.edition, 2)).toEqual(both(2));
    await indexes.close();
    await expect(ask(notes.edition)).rejects.toMatchObject({ code: 'shutting_down' });
    await indexes.close();
  });

  test('that ended by itself fails what was asked and starts again', async () => {
    const entry = join(dirname(dirname(path)), 'faulty.mjs');
    writeFileSync(
      entry,
      `import { parentPort } from 'node:worker_threads';
       parentPort.on('message', (request) => {
         if (request === 'close') parentPort.close();
         else if (request.call === 'drop') throw new RangeError('out of luck');
         else if (request.call === 'facts') parentPort.postMessage({ id: request.id, value: [] });
       });`,
    );
    await restart({ entry });
    expect(await indexes.facts()).toEqual([]);
    const asked = ask(1);
    await expect(indexes.drop(1)).rejects.toMatchObject({ code: 'worker_crashed', message: expect.stringContaining('out of luck') });
    await expect(asked).rejects.toMatchObject({ code: 'worker_crashed' });
    expect(await indexes.facts()).toEqual([]);
  });

  test('says what is wrong with a question', async () => {
    const notes = await collection();
    await document(notes, [1]);
    await expect(ask(notes.edition, { vectors: [new Float32Array(3)] })).rejects.toMatchObject({ code: 'internal' });
    let deep: Filter = { type: 'eq', key: 'a', value: 1 };
    for (let depth = 0; depth < 40; depth++) deep = { type: 'and', filters: [deep] };
    await expect(ask(notes.edition, { filter: deep })).rejects.toMatchObject({ code: 'invalid_request' });
    expect(await finds(notes.edition, 1)).toEqual(both(1));
  });
});
