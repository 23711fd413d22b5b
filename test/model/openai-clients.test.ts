import { spawnSync } from 'node:child_process';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MODEL_HOME } from '../home.ts';
import { type Served, serve } from './serve.ts';

const MODEL = 'all-MiniLM-L6-v2';
let served: Served;
let client: OpenAI;
beforeAll(async () => {
  served = await serve(MODEL_HOME);
  client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => served.stop());

describe('the unmodified openai package', () => {
  it('gets the same numbers as base64 (its default) and as float', async () => {
    const input = ['The cat sleeps.', 'Die Katze schläft.'];
    const asBase64 = await client.embeddings.create({ model: MODEL, input });
    const asFloat = await client.embeddings.create({ model: MODEL, input, encoding_format: 'float' });
    expect(asBase64.model).toBe(MODEL);
    expect(asBase64.usage).toEqual({ prompt_tokens: expect.any(Number), total_tokens: asBase64.usage.prompt_tokens });
    expect(asBase64.usage.prompt_tokens).toBeGreaterThan(8);
    for (const [index, item] of asBase64.data.entries()) {
      expect(item).toMatchObject({ object: 'embedding', index });
      expect(item.embedding).toHaveLength(384);
      expect(Float32Array.from(item.embedding)).toEqual(Float32Array.from(asFloat.data[index]?.embedding ?? []));
    }
  });

  it('takes token ids, one list or several, for what the text gives', async () => {
    const answer = await fetch(`${served.url}/v1/tokenize`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: MODEL, input: 'The cat sleeps.' }),
    });
    const body = (await answer.json()) as { data: { tokens: { id: number }[] }[] } & Record<string, unknown>;
    const ids = idsOf(body);
    const fromText = await client.embeddings.create({ model: MODEL, input: 'The cat sleeps.' });
    const fromIds = await client.embeddings.create({ model: MODEL, input: ids });
    const fromLists = await client.embeddings.create({ model: MODEL, input: [ids, ids.slice(0, 3)] });
    expect(fromIds.data[0]?.embedding).toEqual(fromText.data[0]?.embedding);
    expect(fromLists.data[0]?.embedding).toEqual(fromText.data[0]?.embedding);
    expect(fromIds.usage.prompt_tokens).toBe(ids.length);
  });

  it('gets errors as its own error classes, with code and param', async () => {
    const unknown = await client.embeddings.create({ model: 'no-such-model', input: 'x' }).catch((error: unknown) => error);
    expect(unknown).toBeInstanceOf(OpenAI.NotFoundError);
    expect(unknown).toMatchObject({ status: 404, code: 'model_not_found', param: 'model', type: 'invalid_request_error' });
    const long = await client.embeddings.create({ model: MODEL, input: ['short', 'word '.repeat(400)] }).catch((error: unknown) => error);
    expect(long).toBeInstanceOf(OpenAI.BadRequestError);
    expect(long).toMatchObject({ status: 400, param: 'input[1]', message: expect.stringMatching(/402.*256/) });
    const dimensions = await client.embeddings.create({ model: MODEL, input: 'x', dimensions: 100 }).catch((error: unknown) => error);
    expect(dimensions).toMatchObject({ status: 400, param: 'dimensions' });
  });

  it('lists and retrieves models', async () => {
    const models = await client.models.list();
    expect(models.data.map((model) => model.id)).toContain('sentence-transformers/all-MiniLM-L6-v2');
    expect(await client.models.retrieve('sentence-transformers/all-MiniLM-L6-v2')).toMatchObject({ object: 'model' });
    expect(await client.models.retrieve(MODEL)).toMatchObject({ object: 'model' });
  });

  it('serves many clients at once, each its own vectors', async () => {
    const texts = Array.from({ length: 60 }, (_, index) => `Sentence number ${index} about ${['rivers', 'banks', 'engines'][index % 3]}.`);
    const expected = await client.embeddings.create({ model: MODEL, input: texts });
    const answers = await Promise.all(texts.map((input) => client.embeddings.create({ model: MODEL, input })));
    for (const [index, answer] of answers.entries()) {
      const [a, b] = [answer.data[0]?.embedding ?? [], expected.data[index]?.embedding ?? []];
      expect(a.reduce((sum, value, column) => sum + value * (b[column] ?? 0), 0)).toBeGreaterThanOrEqual(0.999999);
    }
  });

  it('that hangs up frees its place', async () => {
    const abort = new AbortController();
    const bulk = client.embeddings.create(
      { model: MODEL, input: Array.from({ length: 2000 }, (_, i) => `text ${i} of many`) },
      { signal: abort.signal },
    );
    setTimeout(() => abort.abort(), 150);
    await expect(bulk).rejects.toThrow();
    await client.embeddings.create({ model: MODEL, input: 'still served' });
    for (;;) {
      const metrics = await (await fetch(`${served.url}/metrics`)).text();
      if (/locallite_queue_tokens\{[^}]*\} 0\n/.test(metrics)) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
});

function idsOf(body: Record<string, unknown>): number[] {
  const text = JSON.stringify(body);
  const match = /"(?:ids|token_ids)":\[(\d[\d,]*)\]/.exec(text);
  return (match?.[1] ?? '').split(',').map(Number);
}

const PYTHON = `
import sys
from openai import OpenAI
client = OpenAI(base_url=sys.argv[1] + "/v1", api_key="none", max_retries=0)
a = client.embeddings.create(model="all-MiniLM-L6-v2", input=["The cat sleeps.", "hello"])
b = client.embeddings.create(model="all-MiniLM-L6-v2", input=["The cat sleeps.", "hello"], encoding_format="float")
assert len(a.data) == 2 and len(a.data[0].embedding) == 384
assert max(abs(x - y) for x, y in zip(a.data[0].embedding, b.data[0].embedding)) == 0
assert a.usage.prompt_tokens > 0
try:
    client.embeddings.create(model="nothing", input="x")
except Exception as error:
    print(type(error).__name__, error.code)
`;
const hasPython = spawnSync('python3', ['-c', 'import openai'], { stdio: 'ignore' }).status === 0;

describe.skipIf(!hasPython)('openai-python (skipped where Python or the package is not)', () => {
  it('gets vectors and its own error classes', () => {
    const { stdout, stderr, status } = spawnSync('python3', ['-c', PYTHON, served.url], { encoding: 'utf8' });
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    expect(stdout.trim()).toBe('NotFoundError model_not_found');
  });
});
