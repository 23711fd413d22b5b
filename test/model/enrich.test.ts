import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Gateway, StoredFacts } from '../../src/gateway/gateway-types.ts';
import { createTestGateway } from '../../src/testing/index.ts';

const home = mkdtempSync(join(tmpdir(), 'locallite-enrich-'));
let gateway: Gateway;

const ENGLISH =
  'The committee will meet on 2024-03-14 to decide whether the bridge over the river should be repaired. Questions go to jane@example.org. It will cost $2.5 million, and the committees of all towns are asked to answer before the end of the month.';
const GERMAN =
  'Der Ausschuss tritt am Donnerstag zusammen, um zu entscheiden, ob die Brücke über den Fluss repariert werden soll. Die Häuser am Ufer werden während der Arbeiten nicht zugänglich sein, und die Ausschüsse aller Städte sollen bald antworten.';

async function finish(id: string) {
  for await (const job of gateway.jobs.watch(id)) if (job.state !== 'running' && job.state !== 'queued') return job;
  return gateway.jobs.get(id);
}

/** Ingests texts one after the other; ids of their files. */
async function ingest(collection: string, texts: readonly string[], enrich?: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const [index, text] of texts.entries()) {
    const file = await gateway.files.add({ name: `${index}.txt`, bytes: Buffer.from(text) });
    const sources = [{ kind: 'file', fileId: file.id } as const];
    const job = await gateway.collections.ingest({ collection, sources, ...(enrich !== undefined && { enrich }) });
    expect(await finish(job.id)).toMatchObject({ state: 'succeeded', result: { done: 1, failed: 0 } });
    ids.push(file.id);
  }
  return ids;
}

async function factsOf(collection: string, fileId = ''): Promise<Partial<StoredFacts>> {
  const { document } = await gateway.collections.document(collection, fileId);
  return JSON.parse(document.facts) as Partial<StoredFacts>;
}

beforeAll(async () => {
  gateway = await createTestGateway({ home });
});

afterAll(async () => {
  await gateway.close();
  rmSync(home, { recursive: true, force: true });
});

describe('an ingest that enriches', () => {
  it('keeps what it found with the document and its passages', async () => {
    await gateway.collections.create({ name: 'facts' });
    const [english, german] = await ingest('facts', [ENGLISH, GERMAN], ['language', 'keywords', 'entities', 'duplicates', 'summary']);
    const facts = await factsOf('facts', english);
    expect(facts).toMatchObject({
      language: 'en',
      pii: ['email'],
      warnings: [],
      enrichers: ['language', 'keywords', 'entities', 'duplicates', 'summary'],
    });
    expect(facts.entities?.map(({ value }) => value).sort()).toEqual(['2024-03-14', '2500000 USD', 'jane@example.org']);
    expect(facts.keywords?.length).toBeGreaterThan(3);
    expect(facts.summary?.length).toBeGreaterThan(20);
    expect(ENGLISH).toContain(facts.summary?.split('. ')[0]);
    expect((await factsOf('facts', german)).language).toBe('de');
    const { hits } = await gateway.collections.search('facts', { query: 'bridge', mode: 'text' });
    expect(hits[0]?.meta.entities?.map(({ type }) => type)).toEqual(['date', 'email', 'amount']);
  });

  it('lets searches filter by it, and the words of each language be found by their stems', async () => {
    const search = async (query: string, filter?: { type: 'eq' | 'contains'; key: string; value: string }) => {
      const result = await gateway.collections.search('facts', { query, mode: 'text', fuzzy: false, ...(filter && { filter }) });
      return result.hits.map(({ fileName }) => fileName);
    };
    expect(await search('committee')).toEqual(['0.txt']);
    expect(await search('Haus')).toEqual(['1.txt']);
    expect(await search('bridge Brücke', { type: 'eq', key: 'language', value: 'de' })).toEqual(['1.txt']);
    expect(await search('bridge Brücke', { type: 'eq', key: 'language', value: 'en' })).toEqual(['0.txt']);
    expect(await search('bridge Brücke', { type: 'contains', key: 'pii', value: 'email' })).toEqual(['0.txt']);
  });

  it("gives an attribute of the user's the first right to a name", async () => {
    const { document } = await gateway.collections.document(
      'facts',
      (await gateway.collections.documents('facts', { limit: 1, order: 'asc' })).items[0]?.file.id ?? '',
    );
    await gateway.collections.setAttributes('facts', document.fileId, { language: 'xx' });
    const filter = { type: 'eq', key: 'language', value: 'xx' } as const;
    expect((await gateway.collections.search('facts', { query: 'bridge Brücke', mode: 'text', filter })).hits).toHaveLength(1);
  });

  it('runs what the setting names where nothing else is said', async () => {
    await gateway.collections.create({ name: 'usual' });
    const [id] = await ingest('usual', [ENGLISH]);
    expect((await factsOf('usual', id)).enrichers).toEqual(['language', 'entities', 'duplicates']);
    const [none] = await ingest('usual', ['w1 w2 w3'], []);
    const facts = await factsOf('usual', none);
    expect([facts.enrichers, facts.language, facts.pii, facts.signature]).toEqual([[], undefined, undefined, undefined]);
  });
});

describe('near copies', () => {
  const words = Array.from({ length: 150 }, (_, index) => `w${(index * 37) % 211}`);
  const text = words.join(' ');
  const copy = words.map((word, index) => (index % 60 === 30 ? 'w7' : word)).join(' ');

  it('are found in the collection, by the first that came', async () => {
    await gateway.collections.create({ name: 'copies' });
    await gateway.collections.create({ name: 'elsewhere' });
    const [first, second, other] = await ingest('copies', [text, copy, ENGLISH]);
    const [far] = await ingest('elsewhere', [text]);
    const duplicateOf = async (collection: string, id = '') => (await gateway.collections.document(collection, id)).duplicateOf;
    expect(await duplicateOf('copies', first)).toBeUndefined();
    expect(await duplicateOf('copies', second)).toBe(first);
    expect(await duplicateOf('copies', other)).toBeUndefined();
    expect(await duplicateOf('elsewhere', far)).toBeUndefined();
  });

  it('give way in a search that asks for it, and are named by the hit', async () => {
    const plain = await gateway.collections.search('copies', { query: 'w37 w74', mode: 'text' });
    const collapsed = await gateway.collections.search('copies', { query: 'w37 w74', mode: 'text', collapseDuplicates: true });
    expect(collapsed.hits.length).toBeLessThan(plain.hits.length);
    const named = collapsed.hits.flatMap(({ chunkId, duplicates = [] }) => [chunkId, ...duplicates.map((one) => one.chunkId)]);
    expect(named.sort()).toEqual(plain.hits.map(({ chunkId }) => chunkId).sort());
    for (const { duplicates } of collapsed.hits) for (const { fileId } of duplicates ?? []) expect(fileId).toMatch(/^file-/);
  });

  it('are the same after a restart, an export and a re-index, and none any more when the first one goes', async () => {
    const { items } = await gateway.collections.documents('copies', { limit: 10, order: 'asc' });
    const [first, second] = items.map(({ file }) => file.id);
    const lines: string[] = [];
    for await (const line of gateway.collections.export('copies')) lines.push(line);
    await gateway.close();
    gateway = await createTestGateway({ home });
    expect((await gateway.collections.document('copies', second ?? '')).duplicateOf).toBe(first);
    const imported = await gateway.collections.import(
      (async function* () {
        yield* lines;
      })(),
      { name: 'imported' },
    );
    const there = await gateway.collections.documents(imported.collection.id, { limit: 10, order: 'asc' });
    expect(there.items.filter(({ duplicateOf }) => duplicateOf !== undefined)).toHaveLength(1);
    expect(await finish((await gateway.collections.reindex('copies', { chunker: { maxTokens: 32 } })).id)).toMatchObject({
      state: 'succeeded',
    });
    expect((await gateway.collections.document('copies', second ?? '')).duplicateOf).toBe(first);
    await gateway.collections.removeDocument('copies', first ?? '');
    expect((await gateway.collections.document('copies', second ?? '')).duplicateOf).toBeUndefined();
  });
});

describe('what cannot be', () => {
  it('is refused before anything is queued', async () => {
    await gateway.collections.create({ name: 'refused' });
    const { id } = await gateway.files.add({ name: 'a.txt', bytes: Buffer.from('w1') });
    const order = { collection: 'refused', sources: [{ kind: 'file' as const, fileId: id }] };
    await expect(gateway.collections.ingest({ ...order, enrich: ['sentiment'] })).rejects.toMatchObject({
      code: 'invalid_request',
      param: 'enrich',
    });
    const needy = { ...order, sources: [{ kind: 'file' as const, fileId: id, enrich: ['title'] }] };
    await expect(gateway.collections.ingest(needy)).rejects.toThrow('the enricher title needs a chat model, and none is configured');
    expect((await gateway.collections.documents('refused', { limit: 10, order: 'asc' })).items).toEqual([]);
  });

  it('is an error of the settings where those ask for it', async () => {
    const other = mkdtempSync(join(tmpdir(), 'locallite-enrich-config-'));
    try {
      await expect(createTestGateway({ home: other, settings: { enrich: ['context'] } })).rejects.toMatchObject({
        code: 'invalid_config',
        message: expect.stringContaining('enrich: the enricher context needs a chat model'),
      });
    } finally {
      rmSync(other, { recursive: true, force: true });
    }
  });
});
