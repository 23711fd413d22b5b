import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from './test-server.ts';

const run = promisify(execFile);
const hasPython = spawnSync('python3', ['-c', 'import openai'], { stdio: 'ignore' }).status === 0;

let server: TestServer;
let slow: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  slow = await startTestServer({ millisecondsPerToken: 20 });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await slow[Symbol.asyncDispose]();
});

/** Runs a script with the client `c`; each line that it prints is JSON. */
async function python(script: string, url = server.url): Promise<readonly unknown[]> {
  const { stdout, stderr } = await run('python3', ['-W', 'error::UserWarning', '-c', `${HEAD}\n${script}`, `${url}/v1`], {
    timeout: 60_000,
  });
  expect(stderr).toBe('');
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const HEAD = `
import io, json, sys
import openai
from openai import OpenAI
c = OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0)
def show(*values):
    print(json.dumps([v.model_dump() if hasattr(v, "model_dump") else v for v in values]))
def named(name, text):
    return (name, text.encode() if isinstance(text, str) else text)
def refused(work):
    try:
        work()
    except openai.APIStatusError as e:
        return [type(e).__name__, e.status_code, e.code, e.param]
    return "not refused"
`;

const FILES = `
f = c.files.create(file=named("Übung.txt", "w1 w2 w3"), purpose="assistants")
show(f, c.files.retrieve(f.id).id == f.id)
e = c.files.create(file=named("b.txt", "w1"), purpose="user_data", expires_after={"anchor": "created_at", "seconds": 7200})
show(e.expires_at - e.created_at)
show([x.filename for x in c.files.list(purpose="user_data")], [x.id for x in c.files.list(limit=1, order="asc")] == [f.id, e.id])
show(c.files.content(f.id).read().decode(), c.files.content(f.id).text)
show(c.files.wait_for_processing(f.id).status)
show(c.files.delete(f.id).deleted, refused(lambda: c.files.retrieve(f.id)), refused(lambda: c.files.delete(f.id)))
show(refused(lambda: c.files.create(file=named("a.txt", "x"), purpose="nothing")))
`;

const STORES = `
s = c.vector_stores.create(name="tales", metadata={"kind": "test"}, expires_after={"anchor": "last_active_at", "days": 7})
show(s.object, s.name, s.status, s.metadata, s.expires_at - s.last_active_at, s.file_counts.total)
show(c.vector_stores.retrieve(s.id).id == s.id, [x.id for x in c.vector_stores.list(limit=1)] == [s.id])
u = c.vector_stores.update(s.id, name="stories", metadata={"kind": "other"}, expires_after=None)
show(u.name, u.metadata, u.expires_after, u.expires_at)
show(refused(lambda: c.vector_stores.create(name="stories"))[:3], refused(lambda: c.vector_stores.retrieve("vs_none"))[:3])
show(refused(lambda: c.vector_stores.create(metadata={"a": 1})))
d = c.vector_stores.delete(s.id)
show(d.deleted, d.object, refused(lambda: c.vector_stores.retrieve(s.id))[:3])
`;

const STORE_FILES = `
s = c.vector_stores.create(name="files")
one = c.vector_stores.files.upload_and_poll(vector_store_id=s.id, file=named("one.md", "# w1\\n\\nw3 w4 w5"))
up = c.files.create(file=named("two.txt", "w20 w21 w22"), purpose="assistants")
two = c.vector_stores.files.create_and_poll(up.id, vector_store_id=s.id, attributes={"year": 2020, "tag": "x", "good": True},
    chunking_strategy={"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 10}})
show(one.status, one.last_error, two.status, two.attributes, two.chunking_strategy.static.chunk_overlap_tokens)
bad = c.vector_stores.files.upload_and_poll(vector_store_id=s.id, file=named("c.bin", bytes([0, 1, 2, 0, 255])))
show(bad.status, bad.last_error.code, len(bad.last_error.message) > 10)
show([x.id for x in c.vector_stores.files.list(s.id, limit=1, order="asc")] == [one.id, two.id, bad.id],
    [x.id for x in c.vector_stores.files.list(s.id, filter="failed")] == [bad.id])
show([x.text for x in c.vector_stores.files.content(two.id, vector_store_id=s.id)])
show(c.vector_stores.files.update(two.id, vector_store_id=s.id, attributes={"year": 2021}).attributes)
r = c.vector_stores.search(s.id, query="w20 w21", filters={"type": "eq", "key": "year", "value": 2021})
show([x.file_id == two.id for x in r], r.data[0].filename, r.data[0].attributes, r.data[0].content[0].text, 0 <= r.data[0].score <= 1)
both = {"type": "and", "filters": [{"type": "gte", "key": "year", "value": 2020}, {"type": "in", "key": "year", "value": [2022]}]}
show(list(c.vector_stores.search(s.id, query="w20", filters=both)))
best = max(x.score for x in c.vector_stores.search(s.id, query=["w20", "w3"], max_num_results=50))
r = c.vector_stores.search(s.id, query=["w20", "w3"], ranking_options={"ranker": "auto", "score_threshold": best})
show(len(r.data) >= 1, all(x.score >= best for x in r), r.model_extra["search_query"])
show(refused(lambda: c.vector_stores.search(s.id, query="w1", rewrite_query=True)), refused(lambda: c.vector_stores.search(s.id, query="")))
gone = c.vector_stores.files.delete(two.id, vector_store_id=s.id)
show(gone.deleted, refused(lambda: c.vector_stores.files.retrieve(two.id, vector_store_id=s.id)), c.files.retrieve(two.id).id == two.id)
`;

const BATCHES = `
s = c.vector_stores.create(name="batches")
ids = [c.files.create(file=named(f"{i}.txt", f"w{i}"), purpose="assistants").id for i in range(3)]
b = c.vector_stores.file_batches.create_and_poll(s.id, file_ids=ids, attributes={"all": True})
show(b.status, b.object, b.file_counts)
show([x.id for x in c.vector_stores.file_batches.list_files(b.id, vector_store_id=s.id, order="asc", limit=2)] == ids,
    [x.attributes for x in c.vector_stores.file_batches.list_files(b.id, vector_store_id=s.id)])
u = c.vector_stores.file_batches.upload_and_poll(s.id, files=[named("a.txt", "w1 w2"), named("b.bin", bytes([0, 1, 2, 0, 255]))])
show(u.status, u.file_counts)
show([x.last_error.code for x in c.vector_stores.file_batches.list_files(u.id, vector_store_id=s.id, filter="failed")])
own = [{"file_id": ids[0], "attributes": {"own": 1}}]
o = c.vector_stores.file_batches.create_and_poll(s.id, files=own)
show(o.status, c.vector_stores.files.retrieve(ids[0], vector_store_id=s.id).attributes)
show(refused(lambda: c.vector_stores.file_batches.retrieve("vsfb_none", vector_store_id=s.id)))
show(refused(lambda: c.vector_stores.file_batches.create(s.id, file_ids=["file-none"])))
`;

const CANCEL = `
s = c.vector_stores.create(name="slow")
ids = [c.files.create(file=named(f"{i}.txt", " ".join(f"w{i * 30 + j}" for j in range(30))), purpose="assistants").id for i in range(12)]
b = c.vector_stores.file_batches.create(s.id, file_ids=ids)
x = c.vector_stores.file_batches.cancel(b.id, vector_store_id=s.id)
p = c.vector_stores.file_batches.poll(b.id, vector_store_id=s.id)
show(b.status, p.status, p.file_counts.in_progress, p.file_counts.cancelled > 0, p.file_counts.total)
again = c.vector_stores.file_batches.cancel(b.id, vector_store_id=s.id)
show(again.status)
`;

describe.skipIf(!hasPython)('the unmodified openai package of Python (skipped where Python or the package is not)', () => {
  it('uploads, lists, reads and deletes files', async () => {
    const [made, expiry, lists, content, processed, gone, wrong] = await python(FILES);
    expect(made).toEqual([expect.objectContaining({ filename: 'Übung.txt', bytes: 8, object: 'file', purpose: 'assistants' }), true]);
    expect(expiry).toEqual([7200]);
    expect(lists).toEqual([['b.txt'], true]);
    expect(content).toEqual(['w1 w2 w3', 'w1 w2 w3']);
    expect(processed).toEqual(['processed']);
    expect(gone).toEqual([true, ['NotFoundError', 404, 'not_found', 'file_id'], ['NotFoundError', 404, 'not_found', 'file_id']]);
    expect(wrong).toEqual([['BadRequestError', 400, 'invalid_request', 'purpose']]);
  });

  it('makes, changes, lists and deletes vector stores', async () => {
    const [made, lists, updated, refusals, wrong, gone] = await python(STORES);
    expect(made).toEqual(['vector_store', 'tales', 'completed', { kind: 'test' }, 7 * 86_400, 0]);
    expect(lists).toEqual([true, true]);
    expect(updated).toEqual(['stories', { kind: 'other' }, null, null]);
    expect(refusals).toEqual([
      ['ConflictError', 409, 'conflict'],
      ['NotFoundError', 404, 'not_found'],
    ]);
    expect(wrong).toEqual([['BadRequestError', 400, 'invalid_request', 'metadata.a']]);
    expect(gone).toEqual([true, 'vector_store.deleted', ['NotFoundError', 404, 'not_found']]);
  });

  it('fills a vector store and searches it', async () => {
    const answers = await python(STORE_FILES);
    expect(answers).toEqual([
      ['completed', null, 'completed', { year: 2020, tag: 'x', good: true }, 10],
      ['failed', 'unsupported_file', true],
      [true, true],
      [['w20 w21 w22']],
      [{ year: 2021 }],
      [[true], 'two.txt', { year: 2021 }, 'w20 w21 w22', true],
      [[]],
      [true, true, ['w20', 'w3']],
      [
        ['BadRequestError', 400, 'invalid_request', 'rewrite_query'],
        ['BadRequestError', 400, 'invalid_request', 'query'],
      ],
      [true, ['NotFoundError', 404, 'not_found', 'file_id'], true],
    ]);
  });

  it('ingests batches', async () => {
    const counts = { in_progress: 0, cancelled: 0 };
    expect(await python(BATCHES)).toEqual([
      ['completed', 'vector_store.files_batch', { ...counts, completed: 3, failed: 0, total: 3 }],
      [true, [{ all: true }, { all: true }, { all: true }]],
      ['completed', { ...counts, completed: 1, failed: 1, total: 2 }],
      [['unsupported_file']],
      ['completed', { own: 1 }],
      [['NotFoundError', 404, 'not_found', 'batch_id']],
      [['NotFoundError', 404, 'not_found', 'file_id']],
    ]);
  });

  it('cancels a batch', async () => {
    expect(await python(CANCEL, slow.url)).toEqual([['in_progress', 'cancelled', 0, true, 12], ['cancelled']]);
  });
});
