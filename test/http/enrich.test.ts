import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalLite } from '../../src/sdk/index.ts';
import type { VectorStoreFileObject } from '../../src/wire/vector-stores.ts';
import { startTestServer, type TestServer } from './test-server.ts';

let server: TestServer;
let client: LocalLite;

const TEXT =
  'The quarterly report of the harbour office was sent to jane@example.org on 2024-03-14. The harbour office expects that the new quay will cost $2.5 million, and that ships of every size will call at it before the end of the year.';

beforeAll(async () => {
  server = await startTestServer();
  client = new LocalLite({ baseUrl: server.url });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const post = (path: string, body: unknown) =>
  fetch(`${server.url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

async function ingest(
  collection: string,
  contents: readonly string[],
  enrich?: readonly string[],
): Promise<readonly VectorStoreFileObject[]> {
  const files: { file_id: string; enrich?: readonly string[] }[] = [];
  for (const [index, content] of contents.entries()) {
    const { id } = await client.files.create(new Blob([content]), { name: `${index}.txt` });
    files.push({ file_id: id, ...(enrich !== undefined && { enrich }) });
  }
  const batch = await client.collections.addFiles(collection, files);
  for await (const _ of client.jobs.watch(batch.id));
  const found: VectorStoreFileObject[] = [];
  for await (const file of client.collections.files(collection)) found.push(file);
  return found.sort((a, b) => (a.locallite.filename < b.locallite.filename ? -1 : 1));
}

describe('enrichers over HTTP', () => {
  it('show what they found with the file', async () => {
    await client.collections.create({ name: 'shown' });
    const [file] = await ingest('shown', [TEXT], ['language', 'keywords', 'entities', 'duplicates', 'summary']);
    expect(file?.locallite).toMatchObject({
      language: 'en',
      pii: ['email'],
      duplicate_of: null,
      enrichers: ['language', 'keywords', 'entities', 'duplicates', 'summary'],
      warnings: [],
    });
    expect(file?.locallite.entities).toContainEqual({ type: 'email', value: 'jane@example.org', count: 1, personal: true });
    expect(file?.locallite.keywords.join()).toContain('harbour office');
    expect(TEXT).toContain(file?.locallite.summary?.split('. ')[0]);
    const one = await fetch(`${server.url}/v1/vector_stores/shown/files/${file?.id}`);
    expect(await one.json()).toEqual(file);
  });

  it('let searches filter by it, and see copies give way', async () => {
    await client.collections.create({ name: 'copies' });
    const files = await ingest('copies', [
      TEXT,
      `${TEXT} Indeed.`,
      'Der Hafen der Stadt ist seit vielen Jahren geschlossen, und niemand weiß warum.',
    ]);
    // Documents of one job are done in no fixed order; the first that was taken in is the original.
    const copies = files.filter(({ locallite }) => locallite.duplicate_of !== null);
    expect(copies).toHaveLength(1);
    expect(files.map(({ id }) => id)).toContain(copies[0]?.locallite.duplicate_of);
    const query = { query: 'harbour office quay Hafen', mode: 'text' } as const;
    const german = await client.collections.search('copies', { ...query, filters: { type: 'eq', key: 'language', value: 'de' } });
    expect(german.data.map(({ filename }) => filename)).toEqual(['2.txt']);
    const plain = await client.collections.search('copies', query);
    const collapsed = await client.collections.search('copies', { ...query, collapse_duplicates: true });
    expect([plain.data.length, collapsed.data.length]).toEqual([3, 2]);
    expect(plain.data.every(({ locallite }) => locallite.duplicates === undefined)).toBe(true);
    const told = collapsed.data.flatMap(({ locallite }) => locallite.duplicates ?? []);
    expect(told).toEqual([{ chunk_id: expect.any(Number), file_id: expect.stringMatching(/^file-/) }]);
  });

  it('are refused by name where there is none, in every place that takes them', async () => {
    await client.collections.create({ name: 'refused' });
    const { id } = await client.files.create(new Blob(['w1']), { name: 'a.txt' });
    const places: readonly (readonly [string, object])[] = [
      ['/v1/collections/refused/ingest', { urls: ['https://example.com/'] }],
      ['/v1/vector_stores/refused/files', { file_id: id }],
      ['/v1/vector_stores/refused/file_batches', { file_ids: [id] }],
    ];
    for (const [path, body] of places) {
      const unknown = await post(path, { ...body, enrich: ['mood'] });
      expect(unknown.status).toBe(400);
      expect(await unknown.json()).toMatchObject({
        error: { param: 'enrich', message: expect.stringContaining('there is no enricher mood') },
      });
      const needy = await post(path, { ...body, enrich: ['summary', 'questions'] });
      expect(await needy.json()).toMatchObject({
        error: { message: expect.stringContaining('needs a chat model, and none is configured') },
      });
    }
  });
});
