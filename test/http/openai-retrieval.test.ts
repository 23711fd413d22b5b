import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from './test-server.ts';

let server: TestServer;
let client: OpenAI;

beforeAll(async () => {
  server = await startTestServer();
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const text = (name: string, content: string) => toFile(Buffer.from(content), name);

describe('the unmodified openai package', () => {
  it('uploads, lists, reads and deletes files', async () => {
    const file = await client.files.create({ file: await text('a.txt', 'w1 w2 w3'), purpose: 'assistants' });
    expect(file).toMatchObject({ object: 'file', filename: 'a.txt', bytes: 8, purpose: 'assistants', status: 'processed' });
    expect(await client.files.retrieve(file.id)).toMatchObject({ id: file.id });
    expect(await (await client.files.content(file.id)).text()).toBe('w1 w2 w3');
    const listed: string[] = [];
    for await (const one of await client.files.list()) listed.push(one.id);
    expect(listed).toContain(file.id);
    expect(await client.files.delete(file.id)).toEqual({ id: file.id, object: 'file', deleted: true });
    await expect(client.files.retrieve(file.id)).rejects.toMatchObject({ status: 404 });
  });

  it('keeps the expiry of a file', async () => {
    const file = await client.files.create({
      file: await text('b.txt', 'w1'),
      purpose: 'user_data',
      expires_after: { anchor: 'created_at', seconds: 3600 },
    });
    expect(file.expires_at).toBe(file.created_at + 3600);
    await expect(client.files.create({ file: await text('b.txt', 'w1'), purpose: 'nothing' as 'vision' })).rejects.toMatchObject({
      status: 400,
      param: 'purpose',
    });
  });

  it('makes vector stores, fills them, searches them and empties them', async () => {
    const store = await client.vectorStores.create({
      name: 'tales',
      metadata: { kind: 'test' },
      expires_after: { anchor: 'last_active_at', days: 7 },
    });
    expect(store).toMatchObject({ object: 'vector_store', name: 'tales', status: 'completed', metadata: { kind: 'test' } });
    const one = await client.vectorStores.files.uploadAndPoll(store.id, await text('one.md', '# w1\n\nw2 w3 w4. w5 w6.'));
    expect(one).toMatchObject({ status: 'completed', last_error: null, vector_store_id: store.id });
    const other = await client.files.create({ file: await text('two.txt', 'w20 w21 w22 w23'), purpose: 'assistants' });
    const two = await client.vectorStores.files.createAndPoll(store.id, {
      file_id: other.id,
      attributes: { year: 2020, tag: 'x' },
      chunking_strategy: { type: 'static', static: { max_chunk_size_tokens: 100, chunk_overlap_tokens: 10 } },
    });
    expect(two).toMatchObject({ status: 'completed', attributes: { year: 2020, tag: 'x' } });
    expect(await client.vectorStores.retrieve(store.id)).toMatchObject({
      file_counts: { completed: 2, total: 2, in_progress: 0, failed: 0, cancelled: 0 },
    });

    const page = await client.vectorStores.search(store.id, { query: 'w21 w22', filters: { type: 'eq', key: 'year', value: 2020 } });
    expect(page.data.map(({ file_id }) => file_id)).toEqual([other.id]);
    expect(page.data[0]).toMatchObject({
      filename: 'two.txt',
      attributes: { year: 2020 },
      content: [{ type: 'text', text: 'w20 w21 w22 w23' }],
    });
    const none = await client.vectorStores.search(store.id, {
      query: 'w21',
      filters: {
        type: 'and',
        filters: [
          { type: 'gt', key: 'year', value: 2020 },
          { type: 'eq', key: 'tag', value: 'x' },
        ],
      },
    });
    expect(none.data).toEqual([]);

    const content: string[] = [];
    for await (const part of await client.vectorStores.files.content(other.id, { vector_store_id: store.id }))
      content.push(part.text ?? '');
    expect(content).toEqual(['w20 w21 w22 w23']);
    const updated = await client.vectorStores.files.update(other.id, { vector_store_id: store.id, attributes: { year: 2021 } });
    expect(updated.attributes).toEqual({ year: 2021 });
    expect(
      (await client.vectorStores.search(store.id, { query: 'w21', filters: { type: 'eq', key: 'year', value: 2021 } })).data,
    ).toHaveLength(1);

    const listed: string[] = [];
    for await (const file of client.vectorStores.files.list(store.id, { limit: 1, order: 'asc' })) listed.push(file.id);
    expect(listed).toEqual([one.id, other.id]);
    expect(await client.vectorStores.files.delete(other.id, { vector_store_id: store.id })).toMatchObject({ deleted: true });
    expect((await client.vectorStores.search(store.id, { query: 'w21 w22' })).data.map(({ file_id }) => file_id)).not.toContain(other.id);
    expect(await client.vectorStores.update(store.id, { name: 'stories' })).toMatchObject({ name: 'stories' });
    expect(await client.vectorStores.delete(store.id)).toEqual({ id: store.id, object: 'vector_store.deleted', deleted: true });
    await expect(client.vectorStores.retrieve(store.id)).rejects.toMatchObject({ status: 404 });
    expect(await client.files.retrieve(other.id)).toMatchObject({ id: other.id });
  });

  it('ingests batches; a file that cannot be read fails alone', async () => {
    const store = await client.vectorStores.create({ name: 'batch' });
    const batch = await client.vectorStores.fileBatches.uploadAndPoll(store.id, {
      files: [await text('a.txt', 'w1 w2'), await text('b.txt', 'w3 w4'), await toFile(Buffer.from([0, 1, 2, 0, 255]), 'c.bin')],
    });
    expect(batch).toMatchObject({ status: 'completed', file_counts: { completed: 2, failed: 1, total: 3 } });
    const failed: string[] = [];
    for await (const file of client.vectorStores.fileBatches.listFiles(batch.id, { vector_store_id: store.id, filter: 'failed' })) {
      failed.push(file.last_error?.code ?? '');
    }
    expect(failed).toEqual(['unsupported_file']);
    expect(await client.vectorStores.fileBatches.retrieve(batch.id, { vector_store_id: store.id })).toMatchObject({
      id: batch.id,
      object: 'vector_store.files_batch',
    });
    await expect(client.vectorStores.fileBatches.retrieve('vsfb_none', { vector_store_id: store.id })).rejects.toMatchObject({
      status: 404,
    });
  });

  it('is told what is wrong with a search', async () => {
    await client.vectorStores.create({ name: 'wrong' });
    const search = (body: object) => client.vectorStores.search('wrong', { query: 'w1', ...body });
    await expect(search({ rewrite_query: true })).rejects.toMatchObject({ status: 400, param: 'rewrite_query' });
    await expect(search({ max_num_results: 0 })).rejects.toMatchObject({ status: 400, param: 'max_num_results' });
    await expect(search({ filters: { type: 'like', key: 'a', value: 'b' } })).rejects.toMatchObject({ status: 400, param: 'filters' });
    await expect(search({ anything: 1 })).rejects.toMatchObject({ status: 400, param: 'anything' });
    expect((await search({})).data).toEqual([]);
  });
});
