import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type JobObject, LocalLite, type UploadProgress } from '../../src/sdk/index.ts';
import { startTestServer, type TestServer } from '../http/test-server.ts';

/* The client's files, collections and documents against a real gateway over a pretended model. */

const FOLDER = mkdtempSync(join(tmpdir(), 'locallite-sdk-documents-'));
let server: TestServer;
let client: LocalLite;

beforeAll(async () => {
  server = await startTestServer({ alsoModels: ['test/other'], settings: { ingest: { roots: [FOLDER] } } });
  client = new LocalLite({ baseUrl: server.url, retries: 0 });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(FOLDER, { recursive: true, force: true });
});

const text = (content: string, name = 'a.txt'): File => new File([content], name);

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  return await new Response(stream).text();
}

async function ended(id: string): Promise<JobObject | undefined> {
  return (await all(client.jobs.watch(id))).at(-1);
}

/** A collection with these files, named `0.txt`, `1.txt` … */
async function filled(name: string, texts: readonly string[]): Promise<readonly string[]> {
  await client.collections.create({ name });
  const ids: string[] = [];
  for (const [at, content] of texts.entries()) ids.push((await client.files.create(text(content, `${at}.txt`))).id);
  const batch = await client.collections.addFiles(
    name,
    ids.map((id, at) => ({ file_id: id, key: `/notes/${at}.txt`, attributes: { at, tags: ['x', 'y'] } })),
  );
  expect(await ended(batch.id)).toMatchObject({ state: 'succeeded' });
  return ids;
}

describe('files', () => {
  it('are uploaded with what is said of them, read and deleted', async () => {
    const told: UploadProgress[] = [];
    const file = await client.files.create(text('w1 w2'), {
      name: 'Ünder other name.txt',
      purpose: 'user_data',
      expiresAfterSeconds: 3600,
      onProgress: (progress) => told.push(progress),
    });
    expect(file).toMatchObject({ filename: 'Ünder other name.txt', bytes: 5, purpose: 'user_data', expires_at: file.created_at + 3600 });
    expect(told.at(-1)).toEqual({ sent: 5, total: 5 });
    expect(await client.files.retrieve(file.id)).toEqual(file);
    expect(await bytesOf(await client.files.content(file.id))).toBe('w1 w2');
    expect((await all(client.files.list({ purpose: 'user_data' }))).map(({ id }) => id)).toEqual([file.id]);
    await client.files.delete(file.id);
    await expect(client.files.retrieve(file.id)).rejects.toMatchObject({ code: 'not_found', status: 404, param: 'file_id' });
    await expect(client.files.content(file.id)).rejects.toMatchObject({ code: 'not_found' });
    await expect(client.files.delete(file.id)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('are listed over many pages, each once', async () => {
    const made = await Promise.all(Array.from({ length: 130 }, (_, at) => client.files.create(text(`w${at}`), { purpose: 'batch' })));
    const listed = (await all(client.files.list({ purpose: 'batch' }))).map(({ id }) => id);
    expect(listed.toSorted()).toEqual(made.map(({ id }) => id).toSorted());
  });

  it('that are refused say why; an upload that is aborted leaves nothing', async () => {
    await expect(client.files.create(text('x'), { purpose: 'nothing' })).rejects.toMatchObject({
      code: 'invalid_request',
      param: 'purpose',
    });
    const abort = new AbortController();
    const upload = client.files.create(new Blob(['x'.repeat(5_000_000)]), {
      purpose: 'evals',
      signal: abort.signal,
      onProgress: () => abort.abort(),
    });
    await expect(upload).rejects.toMatchObject({ code: 'cancelled' });
    expect(await all(client.files.list({ purpose: 'evals' }))).toEqual([]);
  });
});

describe('collections', () => {
  it('are made, changed, listed and deleted; a name may hold anything', async () => {
    const name = 'notes / of ü? #1 %2F';
    const made = await client.collections.create({ name, description: 'd', metadata: { a: 'b' }, expiresAfterDays: 3 });
    expect(made).toMatchObject({ name, description: 'd', metadata: { a: 'b' }, expires_after: { days: 3 } });
    expect(await client.collections.retrieve(name)).toEqual(made);
    await expect(client.collections.create({ name })).rejects.toMatchObject({ code: 'conflict', status: 409 });
    const changed = await client.collections.update(name, { name: 'letters', metadata: { c: 'd' }, expiresAfterDays: null });
    expect(changed).toMatchObject({ id: made.id, name: 'letters', metadata: { c: 'd' }, expires_after: null });
    expect((await all(client.collections.list())).map(({ id }) => id)).toContain(made.id);
    await client.collections.delete('letters');
    await expect(client.collections.retrieve(made.id)).rejects.toMatchObject({ code: 'not_found', status: 404 });
    await expect(client.collections.delete('letters')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('hold files: their state, attributes and text', async () => {
    const [first = '', second = ''] = await filled('held', ['w1 w2 w3', 'w10 w11']);
    const files = await all(client.collections.files('held'));
    expect(files.map(({ id }) => id).toSorted()).toEqual([first, second].toSorted());
    const one = await client.collections.retrieveFile('held', first);
    expect(one).toMatchObject({ status: 'completed', attributes: { at: 0, tags: ['x', 'y'] }, locallite: { key: '/notes/0.txt' } });
    expect((await client.collections.updateFile('held', first, { attributes: { new: true } })).attributes).toEqual({ new: true });
    expect(await client.collections.fileText('held', first)).toEqual(['w1 w2 w3']);
    await client.collections.deleteFile('held', first);
    await expect(client.collections.retrieveFile('held', first)).rejects.toMatchObject({ code: 'not_found', param: 'file_id' });
    expect(await client.files.retrieve(first)).toMatchObject({ id: first });
  });

  it('are searched', async () => {
    const [, second] = await filled('asked', ['w1 w2 w3', 'w10 w11 w12']);
    const { data, locallite } = await client.collections.search('asked', {
      query: 'w10 w11',
      max_num_results: 1,
      filters: { type: 'contains', key: 'tags', value: 'y' },
      context_tokens: 50,
    });
    expect(data.map(({ file_id }) => file_id)).toEqual([second]);
    expect(data[0]?.locallite.snippet.text).toBe('w10 w11 w12');
    expect(locallite.context[0]).toMatchObject({ number: 1, file_id: second });
    await expect(client.collections.search('asked', { query: '' })).rejects.toMatchObject({ code: 'invalid_request', param: 'query' });
    await expect(client.collections.search('none', { query: 'w1' })).rejects.toMatchObject({ code: 'not_found' });
  });

  it('take in files of the machine, and skip what has not changed unless forced', async () => {
    await client.collections.create({ name: 'paths' });
    const path = join(FOLDER, 'one.txt');
    writeFileSync(path, 'w1 w2');
    const request = { paths: [path], attributes: { from: 'disk' }, chunker: { max_tokens: 20, overlap_tokens: 5 } };
    const run = async (more: object = {}) => (await ended((await client.collections.ingest('paths', { ...request, ...more })).id))?.result;
    expect(await run()).toMatchObject({ done: 1, failed: 0 });
    expect(await run()).toMatchObject({ done: 0, unchanged: 1 });
    expect(await run({ force: true })).toMatchObject({ done: 1, unchanged: 0 });
    const [file] = await all(client.collections.files('paths'));
    expect(file).toMatchObject({
      attributes: { from: 'disk' },
      locallite: { key: path },
      chunking_strategy: { static: { chunk_overlap_tokens: 5 } },
    });
    await expect(client.collections.ingest('paths', { paths: ['/etc/hostname'] })).rejects.toMatchObject({
      code: 'forbidden',
      status: 403,
    });
    await expect(client.collections.ingest('paths', {})).rejects.toMatchObject({ code: 'invalid_request', param: 'paths' });
  });

  it('are re-indexed, checked, exported, imported and purged', async () => {
    await filled('moved', ['w1 w2 w3', 'w10 w11']);
    const job = await client.collections.reindex('moved', { model: 'test/other', chunker: { max_tokens: 30, overlap_tokens: 3 } });
    expect(await ended(job.id)).toMatchObject({ state: 'succeeded', kind: 'reindex' });
    expect((await client.collections.retrieve('moved')).locallite).toMatchObject({ model: 'test/other', chunker: { maxTokens: 30 } });
    expect(await client.collections.verify('moved')).toMatchObject({ collection: 'moved', sound: true, problems: [] });
    const lines = await bytesOf(await client.collections.export('moved'));
    const copy = await client.collections.import(lines, { name: 'copied' });
    expect(copy).toMatchObject({ name: 'copied', file_counts: { completed: 2 }, locallite: { model: 'test/other' } });
    const asked = async (name: string) =>
      (await client.collections.search(name, { query: 'w10' })).data.map(({ filename, score }) => [filename, score]);
    expect(await asked('copied')).toEqual(await asked('moved'));
    await expect(client.collections.import(lines, { name: 'copied' })).rejects.toMatchObject({ code: 'conflict' });
    await expect(client.collections.import(lines.slice(0, -200), { name: 'torn' })).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(client.collections.import('nothing', { name: 'torn' })).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(client.collections.retrieve('torn')).rejects.toMatchObject({ code: 'not_found' });
    expect(await client.collections.purge()).toMatchObject({ collections: 0, files: 0, freed_bytes: expect.any(Number) });
  });
});

describe('documents', () => {
  it('are read as data, Markdown and text', async () => {
    const page = text('# w1\n\nw2 w3 [w4](https://example.org)\n\n- w5\n- w6\n', 'a.md');
    const parsed = await client.documents.parse(page);
    expect(parsed).toMatchObject({ object: 'document', metadata: { title: 'w1', media_type: 'text/markdown' }, warnings: [] });
    expect(parsed.blocks.map(({ kind, start, end }) => [kind, parsed.text.slice(start, end)])).toEqual([
      ['heading', 'w1'],
      ['text', 'w2 w3 w4'],
      ['list', expect.stringContaining('w5')],
    ]);
    expect((await client.documents.read(page, 'markdown')).trim()).toBe('# w1\n\nw2 w3 [w4](https://example.org)\n\n- w5\n- w6');
    expect((await client.documents.read(page, 'text')).trim()).toMatch(/^w1\n\nw2 w3 w4\n\n/);
    await expect(client.documents.parse(text('\0\u0001\u0002\0ÿ', 'a.bin'))).rejects.toMatchObject({
      code: 'document_unsupported',
      status: 415,
    });
  });

  it('are cut as ingesting them would', async () => {
    const long = text(Array.from({ length: 40 }, (_, at) => `w${at} w${at + 100}.`).join(' '));
    const { data } = await client.documents.chunk(long, { max_tokens: 20, overlap_tokens: 4, context_header: false });
    expect(data.length).toBeGreaterThan(3);
    expect(data.every(({ tokens }) => tokens <= 20)).toBe(true);
    expect(data.map(({ ordinal }) => ordinal)).toEqual(data.map((_, at) => at));
    await expect(client.documents.chunk(long, { model: 'none' })).rejects.toMatchObject({ code: 'model_not_found' });
    await expect(client.documents.chunk(long, { max_tokens: 1 })).rejects.toMatchObject({ code: 'invalid_request', param: 'max_tokens' });
  });
});
