import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';

const LIMIT_BYTES = 25_000;

async function bundle() {
  const result = await build({
    entryPoints: ['src/sdk/index.ts'],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'sdk',
    logLevel: 'silent',
  });
  return { text: result.outputFiles[0]?.text ?? '', inputs: Object.keys(result.metafile.inputs) };
}

describe('the SDK, bundled for browsers', () => {
  it('is small and holds nothing but sdk, wire and errors', async () => {
    const { text, inputs } = await bundle();
    expect(text.length).toBeGreaterThan(1000);
    expect(text.length).toBeLessThan(LIMIT_BYTES);
    const foreign = inputs.filter((path) => !/^src\/(sdk\/[\w-]+|wire\/(base64|sse)|errors)\.ts$/.test(path));
    expect(foreign).toEqual([]);
    expect(text).not.toMatch(/\bzod\b|require\(|["']node:/);
  });

  it('works where only web globals exist', async () => {
    const { text } = await bundle();
    const seen: string[] = [];
    const fetchLike = async (url: string) => {
      seen.push(url);
      const embedding = { object: 'embedding', index: 0, embedding: 'AACAPwAAAEA=' };
      return new Response(JSON.stringify({ object: 'list', data: [embedding] }), { status: 200 });
    };
    const web = { fetch: fetchLike, URL, AbortController, Response, TextDecoder, setTimeout, clearTimeout, atob, btoa };
    const context = createContext(web);
    runInContext(text, context);
    const vector: unknown = await runInContext("new sdk.LocalLite({ baseUrl: 'http://gateway.test/v1/' }).embed('cat')", context);
    expect(seen).toEqual(['http://gateway.test/v1/embeddings']);
    expect(Array.from(vector as Float32Array)).toEqual([1, 2]);
  });

  it('decodes sparse and token vectors without Buffer', async () => {
    const { text } = await bundle();
    const answers: Readonly<Record<string, object>> = {
      '/v1/embeddings/sparse': { object: 'sparse_embedding', index: 0, indices: 'CQAAAAoAAAA=', values: 'AACAPwAAAEA=' },
      '/v1/embeddings/multi': { object: 'embeddings', index: 0, embeddings: 'AACAPwAAAEA=', shape: [2, 1] },
    };
    const fetchLike = async (url: string) => new Response(JSON.stringify({ data: [answers[new URL(url).pathname]] }));
    const context = createContext({ fetch: fetchLike, URL, AbortController, Response, TextDecoder, setTimeout, clearTimeout, atob, btoa });
    runInContext(text, context);
    const ask = (call: string): Promise<unknown> => runInContext(`new sdk.LocalLite({ baseUrl: 'http://gateway.test' }).${call}`, context);
    const plain = async (call: string): Promise<unknown> =>
      JSON.parse(JSON.stringify(await ask(call), (_key, value: unknown) => (ArrayBuffer.isView(value) ? Object.values(value) : value)));
    expect(await plain("embeddings.sparse({ input: 'cat' })")).toMatchObject({ data: [{ indices: [9, 10], values: [1, 2] }] });
    expect(await plain("embeddings.multi({ input: 'cat' })")).toMatchObject({ data: [{ embeddings: [[1], [2]] }] });
  });
});
